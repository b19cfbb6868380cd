"""tqdm: the bars of progress of libraries that read data."""

from __future__ import annotations

import threading

from tqdm import tqdm


def own_bars() -> None:
    """Let threads of this process alone share bars: tqdm's lock between processes stays behind when a worker is stopped.

    Python complains of what stays behind, in the middle of what a run says.
    """
    tqdm.set_lock(threading.RLock())
