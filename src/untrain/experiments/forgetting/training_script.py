"""The user's own training script, run as processes without a shell to make models like the checkpoint."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from untrain.core.environment import absolute
from untrain.core.errors import RunFailed
from untrain.core.work_files import scratch
from untrain.data.examples import Examples
from untrain.experiments.forgetting.training_command import TrainingScript
from untrain.models.checkpoint_files import State
from untrain.models.state import as_array
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.runtime.progress import OnProgress, ProgressTracker
from untrain.runtime.store import Store, key_of
from untrain.training.base import Learner

KIND = "scripted"
SHOWN = 5  # last lines of a log that a message shows
PAUSE, GRACE = 0.05, 5.0  # seconds between looks at processes, and in which they may end by themselves


class Scripted(Learner):
    """A learner whose models the user's own script trains elsewhere; here it only makes the network.

    Args:
        by: makes the network.
        command: of the script.
        task: of the network.

    Source: the user.
    """

    by: Any = None
    command: str = ""
    task: Task = Classification()

    @property
    def counted(self) -> bool:
        """Operations of another program are not counted."""
        return False

    @property
    def begins_alike(self) -> bool:
        """The network may hold weights already: the script draws its own."""
        return True

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """Refuse: the script trains.

        Raises:
            RunFailed: always.
        """
        raise RunFailed("models of a training script are not trained here")

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The network before training."""
        made: nn.Module = self.by.init(examples, seed)
        return made


@dataclass(frozen=True)
class ScriptJob:
    """One model to train by a script.

    Args:
        name: for people, such as 'oracle 3'.
        ids: to leave out of training.
        data: digest of what the model learns from.
        seed: of the training.
    """

    name: str
    ids: tuple[str, ...]
    data: str
    seed: int

    def ingredients(self, script: TrainingScript) -> dict[str, Any]:
        """Facts that its model depends on; of ids only a digest."""
        listed = hashlib.sha256("\n".join(self.ids).encode("utf-8", "surrogateescape")).hexdigest()
        return {
            "kind": KIND, "label": f"{self.name} by a training script", "command": [*script.words],
            "files": [digest for _, digest in script.files], "ids": listed, "seed": self.seed, "data": self.data,
        }  # fmt: skip


@dataclass(frozen=True)
class ScriptOptions:
    """Options of how a script is run.

    Args:
        store: where finished models are kept.
        workers: processes at once.
        logs: folder of what they print.
        suffix: of a checkpoint's name; empty for a folder.
        read: reads the weights of a checkpoint that the script wrote.
        on_progress: called with progress.
    """

    store: Store
    workers: int
    logs: Path
    suffix: str
    read: Callable[[Path, str], State]
    on_progress: OnProgress | None = None


def past_seconds(script: TrainingScript, store: Store | None) -> float | None:
    """Mean seconds of stored models of the same command; None where there are none."""
    rows = [] if store is None else [row["key"] for row in store.entries() if row["kind"] == KIND][-20:]
    entries = [entry for key in rows if (entry := store.get(key))] if store is not None else []
    spent = [e.record["cost"]["seconds"] for e in entries if e.record["ingredients"].get("command") == [*script.words]]
    return sum(spent) / len(spent) if spent else None


def train_by_script(script: TrainingScript, jobs: Sequence[ScriptJob], options: ScriptOptions) -> list[State]:
    """The weights of models that a script trains; what is in the store is not trained again.

    Raises:
        RunFailed: the script failed, or wrote no checkpoint of the kind.
        DataError: a checkpoint cannot be read.
        ModelError: its weights are not those of the network.
    """
    keys = [key_of(job.ingredients(script)) for job in jobs]
    missing = {key: job for key, job in zip(keys, jobs, strict=True) if not options.store.has(key)}
    if missing:
        options.logs.mkdir(parents=True, exist_ok=True)
        tracker = ProgressTracker(options.on_progress, len(jobs), len(jobs) - len(missing))
        with scratch("script", near=options.store.path / "tmp") as folder:
            _Processes(script, options, folder, tracker).run([*missing.values()])
    stored = (options.store.tensors(key, "weights") for key in keys)
    return [{name: torch.from_numpy(array) for name, array in weights.items()} for weights in stored]


@dataclass
class _Running:
    """A process under way: its job, the files of it, and when it began."""

    process: subprocess.Popen[bytes]
    job: ScriptJob
    checkpoint: Path
    log: Path
    began: float


class _Processes:
    """Processes of a script, so many at once; none stays behind when one fails or Ctrl-C comes."""

    def __init__(self, script: TrainingScript, options: ScriptOptions, folder: Path, tracker: ProgressTracker):
        self.script, self.options, self.folder, self.tracker = script, options, folder, tracker
        self.running: list[_Running] = []

    def run(self, jobs: list[ScriptJob]) -> None:
        """Train all models, and store each as soon as it is there."""
        waiting = jobs[::-1]
        try:
            while waiting or self.running:
                while waiting and len(self.running) < self.options.workers:
                    self.running.append(self._begin(waiting.pop()))
                ended = [each for each in self.running if each.process.poll() is not None]
                for each in ended:
                    self.running.remove(each)
                    self._keep(each)
                if not ended:
                    time.sleep(PAUSE)
        finally:
            self._stop()

    def _begin(self, job: ScriptJob) -> _Running:
        name = job.name.replace(" ", "-")
        place = self.folder / name
        place.mkdir()
        ids, checkpoint, log = place / "ids.txt", place / f"checkpoint{self.options.suffix}", self.options.logs / f"{name}.log"
        ids.write_text("".join(f"{each}\n" for each in job.ids), encoding="utf-8", errors="surrogateescape")
        argv = self.script.argv(ids, job.seed, checkpoint)
        try:
            with log.open("wb") as out:  # a session of its own, so that it ends with all that it starts
                process = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
                )
        except OSError as error:
            raise RunFailed(f"{argv[0]} cannot be run: {error.strerror or error}") from None
        return _Running(process, job, checkpoint, log, time.perf_counter())

    def _keep(self, ended: _Running) -> None:
        code, who = ended.process.returncode, ended.job.name
        if code:
            how = f"ended with exit code {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
            raise RunFailed(f"the training script {how} on {who}{_tail(ended.log)}")
        if not ended.checkpoint.exists():
            raise RunFailed(f"the training script wrote no checkpoint to {{checkpoint}} on {who}{_tail(ended.log)}")
        state = self.options.read(ended.checkpoint, f"{who} of the training script")
        cost = {"cost": {"seconds": time.perf_counter() - ended.began}}
        weights = {name: as_array(tensor) for name, tensor in state.items()}
        self.options.store.put(ended.job.ingredients(self.script), cost, {}, {"weights": weights})
        shutil.rmtree(ended.checkpoint.parent, ignore_errors=True)  # it is in the store, and may be large
        self.tracker.finished(who)

    def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in self.running:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(each.process.pid, number)
            end = time.monotonic() + GRACE
            while any(each.process.poll() is None for each in self.running) and time.monotonic() < end:
                time.sleep(PAUSE)
        self.running.clear()


def _tail(log: Path) -> str:
    """The last lines that a process printed, and where the others are."""
    with suppress(OSError):
        lines = [" ".join(line.split()) for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        if lines:
            return f": {' | '.join(lines[-SHOWN:])} (all of it: {absolute(log)})"
    return f" and printed nothing (log: {absolute(log)})"
