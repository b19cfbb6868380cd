"""Tasks as jobs of Slurm, or of this machine under the same rules, through submitit."""

from __future__ import annotations

import logging
import math
import pickle
import shutil
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import submitit
from submitit.core.utils import FailedSubmissionError

from untrain.core.errors import BadInput, RunFailed
from untrain.runtime.executors._queue import QueuedPool
from untrain.runtime.executors._retry import KEPT, attempt_away, count_death
from untrain.runtime.executors.base import Future

TICK = 0.2, 5.0  # seconds between two checks of the jobs: local, Slurm


class SlurmPool(QueuedPool):
    """One job per task.

    Args:
        folder: for tasks, outcomes and logs; every machine must see it. Outcomes go when they are read, logs of jobs that died
            stay.
        workers: jobs in the queue at once at most.
        threads: of torch, in each task; a job takes as many cores.
        gpus: of each job.
        partition: of Slurm; None for its default.
        minutes: that a task may take; what takes longer counts as died.
        local: whether the jobs run on this machine.
    """

    elsewhere: ClassVar[bool] = True

    def __init__(
        self, folder: str | Path, workers: int = 100, threads: int = 1, gpus: int = 0, partition: str | None = None,
        minutes: float = 240.0, local: bool = False,
    ):  # fmt: skip
        super().__init__(threads)
        self.folder, self.workers = Path(folder).resolve(), workers
        self.gpus, self.partition, self.minutes, self.local = gpus, partition, minutes, local
        self._running: dict[Future, tuple[submitit.Job[Any], bytes, float]] = {}
        self._executor: submitit.AutoExecutor | None = None

    @property
    def size(self) -> int:
        """Number of jobs in the queue at most."""
        return self.workers

    def _wait(self) -> Future:
        while self._running:
            for future, (job, task, began) in list(self._running.items()):
                late = self.local and time.monotonic() - began > 60 * self.minutes
                if not late and not job.done():
                    continue
                del self._running[future]
                outcome, how = (None, f"longer than {self.minutes:g} minutes") if late else _read(job)
                if outcome is not None:
                    self._begin()
                    _clear(job)
                    future.settle(pickle.loads(outcome))
                    return future
                _cancel([job])
                again = count_death(future, how, self.on_retry)
                if again:
                    self._waiting.appendleft((future, task))
                self._begin()
                if not again:
                    return future
            time.sleep(TICK[not self.local])
        raise BadInput("no task is under way")

    def _stop(self) -> None:
        """Cancel the jobs that are queued or under way, and wait until those of this machine are gone."""
        jobs, self._running, self._waiting = [job for job, *_ in self._running.values()], {}, deque()
        _cancel(jobs)
        for job in jobs:
            _clear(job)
        with suppress(OSError):
            self.folder.rmdir()  # where nothing is left to read

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self.size:
            future, task = self._waiting.popleft()
            try:
                job = self._queue().submit(attempt_away, task, self.threads, sys.path)
            except (FailedSubmissionError, OSError, RuntimeError) as error:
                reason = " ".join(str(error).split())[-300:]
                raise RunFailed(f"Slurm did not take task {future.name!r}: {reason}; {KEPT}") from None
            self._running[future] = job, task, time.monotonic()

    def _queue(self) -> submitit.AutoExecutor:
        if self._executor is None:
            if not self.local and not shutil.which("sbatch"):
                raise BadInput(
                    "there is no Slurm here (no command `sbatch`): begin this where jobs are submitted, or take Slurm(local=True)"
                )
            logging.getLogger("submitit").setLevel(logging.ERROR)
            self._executor = submitit.AutoExecutor(self.folder, cluster="local" if self.local else "slurm")
            gpus = {"gpus_per_node": self.gpus} if self.gpus else {}
            partition = {"slurm_partition": self.partition} if self.partition and not self.local else {}
            self._executor.update_parameters(
                name="untrain",
                timeout_min=math.ceil(self.minutes),
                cpus_per_task=self.threads,
                tasks_per_node=1,
                nodes=1,
                **gpus,
                **partition,
            )
        return self._executor


def _read(job: submitit.Job[Any]) -> tuple[bytes | None, str]:
    """The packed outcome of a job, or how it died."""
    try:
        return job.result(), ""
    except Exception as error:
        state = str(job.state).lower()
        return None, f"{type(error).__name__}, state {state}, log in {job.paths.stderr}"


def _clear(job: submitit.Job[Any]) -> None:
    paths = job.paths
    for file in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr, paths.submission_file):
        with suppress(OSError):  # a full or read-only disk, of which the next job tells
            Path(file).unlink()


def _cancel(jobs: list[submitit.Job[Any]]) -> None:
    for job in jobs:
        with suppress(Exception):
            job.cancel(check=False)
    # A local job is led by a process of this one; it ends its task, within a second or two, before it goes.
    for process in [p for p in (getattr(job, "_process", None) for job in jobs) if p is not None]:
        with suppress(Exception):
            process.wait(10)
