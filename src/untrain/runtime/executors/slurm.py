"""submitit: a crew of Slurm jobs, or of jobs on this machine under the same rules."""

from __future__ import annotations

import logging
import math
import pickle
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedSubmissionError

from untrain.core.errors import BadInput, RunFailed
from untrain.runtime.executors._retry import KEPT, Attempts, attempt_away, silent

TICK = 0.2, 5.0  # seconds between two looks at the jobs: local, Slurm


class SlurmCrew:
    """One job a task; account, partition and the like may also come from Slurm's own SBATCH_ variables.

    Args:
        folder: for tasks, answers and logs; every machine must see it. Answers go when they are read, logs of jobs that died stay.
        workers: jobs in the queue at once at most.
        threads: of torch, in each task; a job takes as many cores.
        gpus: of each job.
        partition: of Slurm; None for its default.
        cluster: 'slurm', or 'local' for this machine.
        minutes: that a task may take; what takes longer counts as died.
    """

    apart = True

    def __init__(
        self, folder: str | Path, workers: int = 100, threads: int = 1, gpus: int = 0, partition: str | None = None,
        cluster: str = "slurm", minutes: float = 240.0,
    ):  # fmt: skip
        self.folder, self.size, self.threads = Path(folder).resolve(), workers, threads
        self.cluster, self.gpus, self.partition, self.minutes = cluster, gpus, partition, minutes
        self.on_progress: Callable[[str], None] = silent
        self._attempts = Attempts(lambda note: self.on_progress(note))
        self._running: dict[str, tuple[submitit.Job[Any], bytes, float]] = {}
        self._waiting: list[tuple[str, bytes]] = []
        self._executor: submitit.AutoExecutor | None = None

    def submit(self, name: str, work: Callable[..., Any], *args: Any) -> None:
        """Put it in the queue."""
        self._waiting.append((name, pickle.dumps((work, args))))
        self._begin()

    def finished(self) -> tuple[str, Any]:
        """Wait for the next task to finish."""
        while self._running:
            for name, (job, task, began) in list(self._running.items()):
                late = self.cluster == "local" and time.monotonic() - began > 60 * self.minutes
                if not late and not job.done():
                    continue
                del self._running[name]
                answer, how = (None, f"longer than {self.minutes:g} minutes") if late else _read(job)
                if answer is not None:
                    self._begin()
                    _clear(job)
                    return name, pickle.loads(answer).value()
                _cancel([job])
                self._attempts.died(name, how)
                self._waiting.insert(0, (name, task))
                self._begin()
            time.sleep(TICK[self.cluster == "slurm"])
        raise BadInput("no task is under way")

    def close(self) -> None:
        """Cancel the jobs that are queued or under way, and wait until those of this machine are gone."""
        jobs, self._running, self._waiting = [job for job, *_ in self._running.values()], {}, []
        _cancel(jobs)
        for job in jobs:
            _clear(job)
        with suppress(OSError):
            self.folder.rmdir()  # where nothing is left to read

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self.size:
            name, task = self._waiting.pop(0)
            try:
                job = self._queue().submit(attempt_away, task, self.threads, sys.path)
            except (FailedSubmissionError, OSError, RuntimeError) as error:
                told = " ".join(str(error).split())[-300:]
                raise RunFailed(f"Slurm did not take task {name!r}: {told}; {KEPT}") from None
            self._running[name] = job, task, time.monotonic()

    def _queue(self) -> submitit.AutoExecutor:
        if self._executor is None:
            if self.cluster == "slurm" and not shutil.which("sbatch"):
                raise BadInput(
                    "there is no Slurm here (no command `sbatch`): begin this where jobs are submitted, or on=slurm-local"
                )
            logging.getLogger("submitit").setLevel(logging.ERROR)
            self._executor = submitit.AutoExecutor(self.folder, cluster=self.cluster)
            gpus = {"gpus_per_node": self.gpus} if self.gpus else {}
            partition = {"slurm_partition": self.partition} if self.partition and self.cluster == "slurm" else {}
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
    """What a job answered, or how it died."""
    try:
        return job.result(), ""
    except Exception as error:
        state = str(job.state).lower()
        return None, f"{type(error).__name__}, state {state}, log in {job.paths.stderr}"


def _clear(job: submitit.Job[Any]) -> None:
    paths = job.paths
    for file in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr, paths.submission_file):
        Path(file).unlink(missing_ok=True)


def _cancel(jobs: list[submitit.Job[Any]]) -> None:
    for job in jobs:
        with suppress(Exception):
            job.cancel(check=False)
    # A local job is led by a process of this one; it ends its task, within a second or two, before it goes.
    for process in [p for p in (getattr(job, "_process", None) for job in jobs) if p is not None]:
        with suppress(Exception):
            process.wait(10)
