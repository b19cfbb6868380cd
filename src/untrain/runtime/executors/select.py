"""Executors by their words."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.core.errors import BadInput, MissingExtra, suggest

if TYPE_CHECKING:
    from untrain.runtime.executors.base import Executor


WORDS = ("here", "ray", "slurm", "slurm-local")


def refuse(on: str) -> str:
    """The kind of crew that a word asks for, or what is wrong with it, before anything is done.

    Returns:
        'here', 'ray', 'slurm' or 'slurm-local'.

    Raises:
        BadInput: there is no such crew.
        MissingExtra: the library that it needs is not installed.
    """
    kind, given, value = ("ray", "=", on) if on.startswith("ray://") else on.partition("=")
    if kind not in WORDS or (given and (kind not in ("ray", "slurm") or not value)):
        raise BadInput(f"on={on!r}{suggest(kind, WORDS)}; there is here, ray, ray=HOST:PORT, slurm, slurm=PARTITION, slurm-local")
    extra, library = {"ray": ("ray", "ray"), "here": ("", "")}.get(kind, ("slurm", "submitit"))
    if library and not find_spec(library):
        raise MissingExtra(f"--on {on} needs {library}: pip install 'untrain[{extra}]'")
    return kind


@contextmanager
def opened(on: str | Executor, workers: int | None, fitting: int, threads: int, device: str, folder: Path) -> Iterator[Executor]:
    """The crew of a word, closed in the end; a crew that is given is handed on and stays open.

    Args:
        on: 'here', 'ray', 'ray=HOST:PORT', 'ray://HOST:PORT', 'slurm', 'slurm=PARTITION', 'slurm-local', or a crew.
        workers: tasks at once at most; None for what fits.
        fitting: number of processes that fit this machine.
        threads: of torch, in each task.
        device: such as 'cpu' or 'cuda'.
        folder: where a folder for what jobs leave may be made, seen by all machines.
    """
    import torch

    from untrain.runtime.executors.local import Serial
    from untrain.runtime.executors.processes import Processes

    if not isinstance(on, str):
        yield on
        return
    kind, value = refuse(on), on.partition("=")[2] or None
    crew: Executor
    gpus = int(torch.device(device).type != "cpu")
    if kind == "ray":
        from untrain.runtime.executors.ray import RayCrew

        crew = RayCrew(on if on.startswith("ray://") else value, workers, threads, gpus)
    elif kind != "here":
        from untrain.runtime.executors.slurm import SlurmCrew

        local = kind == "slurm-local"
        place = folder / f"jobs.{os.getpid()}.{time.monotonic_ns()}"
        crew = SlurmCrew(place, workers or (fitting if local else 100), threads, gpus, value, "local" if local else "slurm")
    else:
        count = min(fitting, workers or fitting)
        crew = Serial(threads) if count == 1 else Processes(count, threads)
    try:
        yield crew
    finally:
        crew.close()
