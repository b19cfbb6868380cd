"""Optuna: what to try next, kept in a journal file that many processes may share."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from untrain.core.errors import StoreError
from untrain.core.search_space import Choices, Dimension
from untrain.runtime.disk import open_lock

STARTUP = 5  # trials that are finished before any is pruned
ENOUGH = 10  # trials that are finished before the importance of fields is reported


@dataclass(frozen=True)
class PendingTrial:
    """A trial to be made: its number and what was drawn for each field."""

    number: int
    drawn: dict[str, Any]
    handle: Any


@dataclass(frozen=True)
class TrialRecord:
    """A trial of a study.

    Args:
        number: from zero; those that were stopped have one too.
        state: 'done', 'pruned', 'failed', 'running', 'waiting' or 'stopped' (its process died; it is tried again).
        value: the objective; of a pruned trial what it had when it was.
        facts: what was kept beside it.
    """

    number: int
    state: str
    value: float | None
    facts: dict[str, Any]


class Study:
    """A search that goes on where it stopped: the same seed and the same history give the same next trial.

    Args:
        file: the journal; made when it is not there.
        name: of the study in it.
        seed: of all that is drawn.
        facts: attributes of the study, written when it is begun.

    Raises:
        StoreError: the journal cannot be read or written.
    """

    def __init__(self, file: Path, name: str, seed: int, facts: Mapping[str, Any]):
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # the caller reports progress
        self._file = file
        with self._readable():
            file.parent.mkdir(parents=True, exist_ok=True)
            storage = JournalStorage(JournalFileBackend(str(file), lock_obj=FileLock(file)))
            # A median over finished trials, originals one by one; no part of optuna that it calls experimental.
            pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=0)
            self._study = optuna.create_study(
                study_name=name, storage=storage, sampler=Numbered(seed), pruner=pruner, direction="maximize", load_if_exists=True
            )
            for key, value in facts.items():
                if self._study.user_attrs.get(key) != value:
                    self._study.set_user_attr(key, value)

    def begin(self, drawn: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Have this tried first, unless something was tried before."""
        with self._readable():
            if not self._trials():
                self._study.enqueue_trial(dict(drawn), user_attrs=dict(facts))

    def ask(self, space: Mapping[str, Dimension], owner: str) -> PendingTrial:
        """The next trial; ``owner`` names the process that tries it."""
        with self._readable():
            trial = self._study.ask()
            trial.set_user_attr("owner", owner)
            drawn = {name: _suggested(trial, name, dimension) for name, dimension in space.items()}
        return PendingTrial(trial.number, drawn, trial)

    def note(self, trial: PendingTrial, **facts: Any) -> None:
        """Keep facts beside a trial."""
        with self._readable():
            for name, value in facts.items():
                trial.handle.set_user_attr(name, value)

    def hopeless(self, trial: PendingTrial, step: int, value: float) -> bool:
        """Return whether a trial whose mean is ``value`` after ``step`` is below the median of those that were finished."""
        with self._readable():
            trial.handle.report(value, step)
            return bool(trial.handle.should_prune())

    def done(self, trial: PendingTrial, value: float) -> None:
        """The trial is finished."""
        with self._readable():
            self._study.tell(trial.handle, value)

    def prune(self, trial: PendingTrial) -> None:
        """The trial was ended early."""
        with self._readable():
            self._study.tell(trial.handle, state=TrialState.PRUNED)

    def fail(self, trial: PendingTrial, error: str) -> None:
        """The trial could not be made; that is its result."""
        with self._readable():
            trial.handle.set_user_attr("error", error)
            self._study.tell(trial.handle, state=TrialState.FAIL)

    def reclaim(self, gone: Callable[[str], bool]) -> int:
        """Have those trials tried again whose owner is gone; how many they are."""
        with self._readable():
            left = [t for t in self._trials() if t.state is TrialState.RUNNING and gone(t.user_attrs.get("owner", ""))]
            for trial in left:
                self._study.tell(trial.number, state=TrialState.FAIL)
                fixed = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
                if fixed and "error" not in trial.user_attrs:
                    self._study.enqueue_trial(fixed)
        return len(left)

    def records(self) -> list[TrialRecord]:
        """All trials in the order of their numbers."""
        with self._readable():
            return [TrialRecord(t.number, _state(t), t.value, dict(t.user_attrs)) for t in self._trials()]

    def importance(self) -> dict[str, float]:
        """Share of the objective's variance that each field explains (fANOVA); empty while too little was tried."""
        done = [t for t in self._trials() if t.state is TrialState.COMPLETE]
        if len(done) < ENOUGH or len({t.value for t in done}) < 2 or len(done[0].params) < 2:
            return {}
        with self._readable():
            shares = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0))
        return {name: float(share) for name, share in shares.items()}

    def facts(self) -> dict[str, Any]:
        """The attributes of the study."""
        return dict(self._study.user_attrs)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the journal {self._file} cannot be used: {error.strerror}; name another place with --store"
            ) from None
        except (JSONDecodeError, KeyError, optuna.exceptions.StorageInternalError) as error:
            raise StoreError(
                f"the journal {self._file} is damaged ({error!r}): remove it; what was tried is in the store"
            ) from None


class Numbered(BaseSampler):
    """TPE whose draws depend on the seed, on how many trials were begun before, and on what came of them.

    A search that was killed goes on as if it had not been, and processes that share a journal do not draw the same.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._last: tuple[int, TPESampler] | None = None

    def _of(self, study: optuna.Study, trial: FrozenTrial) -> TPESampler:
        if self._last is None or self._last[0] != trial.number:
            before = sum(
                t.number < trial.number and _state(t) not in ("stopped", "waiting") for t in study.get_trials(deepcopy=False)
            )
            seed = int.from_bytes(hashlib.sha256(f"{self._seed}/{before}".encode()).digest()[:4], "big")
            self._last = (trial.number, TPESampler(seed=seed))
        return self._last[1]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As TPE does."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """As TPE does."""
        return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As TPE does."""
        return self._of(study, trial).sample_independent(study, trial, param_name, param_distribution)


class FileLock(JournalFileOpenLock):
    """The system's own lock on a file, which it lets go when a process dies; Linux carries it over NFS.

    optuna's locks are files that stay when their process is killed, and then hold everybody up for half a minute.
    """

    def __init__(self, file: Path):
        self._file = file
        self._locked: Any = None

    def acquire(self) -> bool:
        """Wait for the lock; then mend what a process that died, or a full disk, left of a line."""
        self._locked = open_lock(self._file.with_suffix(".lock"))
        fcntl.flock(self._locked, fcntl.LOCK_EX)
        with self._file.open("rb+") as journal:
            size = journal.seek(0, os.SEEK_END)
            if size:
                journal.seek(max(0, size - 65536))
                tail = journal.read()
                if not tail.endswith(b"\n"):
                    journal.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Let go."""
        if self._locked is not None:
            self._locked.close()
            self._locked = None


def _suggested(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choices):
        return trial.suggest_categorical(name, [repr(v) for v in dimension.values])
    if dimension.whole:
        return trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def _state(trial: FrozenTrial) -> str:
    if trial.state is TrialState.FAIL:
        return "failed" if "error" in trial.user_attrs else "stopped"
    names = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.RUNNING: "running", TrialState.WAITING: "waiting"}
    return names[trial.state]
