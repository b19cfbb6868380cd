"""The most memory that was in use since the last reset."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _on_gpu() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def peak_bytes() -> int:
    """The peak bytes of torch on any one GPU, or else of the process in memory, since the last reset."""
    if _on_gpu():
        return max(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count())))
    try:
        status = STATUS.read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> None:
    """Forget the peak so far, where the system can."""
    if _on_gpu():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        CLEAR.write_text("5")  # 5 sets VmHWM to the present size: proc(5)
