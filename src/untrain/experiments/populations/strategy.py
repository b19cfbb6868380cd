"""Strategies to train a population: stacked, packed or in a loop, by some processes of some threads each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from untrain.core.errors import BadInput, suggest
from untrain.core.spec import sendable
from untrain.data.examples import Examples, take
from untrain.experiments.populations.worker import Kind
from untrain.runtime.executors.base import Executor, Pool, Resources, cores
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.serial import Serial
from untrain.training import linear_probe
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.stacked import eligibility
from untrain.training.stacked.stack import Member, groups

Together = Literal["auto", "stacked", "packed", "loop"]


@dataclass(frozen=True)
class Strategy:
    """The content of each task, and its number of threads.

    Args:
        kind: of training: several models at once, or one alone.
        threads: of torch, in each process.
        workers: processes, where no executor was named; 1 for this one.
    """

    kind: Kind
    threads: int
    workers: int = 1


def choose_strategy(
    learner: Learner, train: Examples, members: Sequence[Member], together: str, executor: Executor | Pool | None
) -> Strategy:
    """Choose the best way to train the members, or the one that the caller wants.

    Raises:
        BadInput: it cannot be done so with this learner.
    """
    known = get_args(Together)
    if together not in known:
        raise BadInput(f"together={together!r}{suggest(str(together), known)}: one of {', '.join(known)} is needed")
    if executor is not None and executor.remote and not sendable(learner):
        raise BadInput(f"{learner!r} cannot be made in another process: use classes that are found by name, or no executor")
    threads = executor.threads if isinstance(executor, Pool) else min(torch.get_num_threads(), cores())
    if together in ("auto", "stacked"):
        kind, why = _kind(learner, train, members, forced=together == "stacked")
        if kind is not None:
            return Strategy(kind, threads)
        if together == "stacked":
            raise BadInput(f"models of {type(learner).__name__} cannot be stacked: {why}; together='auto' finds another way")
    if executor is not None or together == "loop":
        return Strategy("alone", threads)
    on_cpu = train.y.device.type == "cpu"
    if together == "packed" and not (on_cpu and sendable(learner)):
        why = "its classes are not found by name" if on_cpu else "the examples are on a GPU"
        raise BadInput(f"{learner!r} cannot be packed into processes: {why}; use together='loop'")
    packed = on_cpu and sendable(learner)
    # Packed models have one thread each, so that workers times threads never exceed the cores. Whether they are packed does
    # not depend on how many are asked for: a model's key and its numbers are the same among others and alone.
    return Strategy("alone", 1, min(cores(), len(members))) if packed else Strategy("alone", threads)


def _kind(learner: Learner, train: Examples, members: Sequence[Member], forced: bool) -> tuple[Kind | None, str]:
    """'heads', 'stacked' or None, and why not."""
    why = eligibility.plain(learner, train)
    if why is not None or not isinstance(learner, Train):
        return None, str(why)
    seeds = dict.fromkeys(member.seed for member in members)
    no_heads = linear_probe.obstacle(learner, train, learner.steps, learner.task, seeds)
    if no_heads is None:
        return "heads", ""
    why = eligibility.obstacle(learner, train, min(len(member.rows) for member in members))
    if why is not None:
        return None, f"{why}; nor can its heads: {no_heads}"
    if not forced and train.y.device.type == "cpu" and eligibility.busy(learner.init(train, 0), learner.steps.batch):
        return None, "one alone keeps a core busy"
    return "stacked", ""


def split_members(
    strategy: Strategy, learner: Learner, train: Examples, members: Mapping[str, Member], observed: int, size: int
) -> list[list[str]]:
    """Keys of the members of each task.

    Args:
        strategy: several members per task, or one.
        learner: what trains.
        train: the training data.
        members: by key.
        observed: number of examples that the models are observed on.
        size: number of tasks that can go on at once; a group is divided among them.
    """
    if strategy.kind == "alone" or not isinstance(learner, Train):
        return [[key] for key in members]
    model, task = learner.init(train, 0), learner.task
    one = take(train, np.arange(1))
    if strategy.kind == "heads":
        model, one = linear_probe.head(model), linear_probe.features(model, one, task)
    each = eligibility.size(model, one, task, learner.steps) + 8 * observed * task.outputs_needed(train)
    room = max(1, eligibility.BUDGET // each)
    strict = eligibility.strict(model)
    keys, parts = list(members), []
    for group in groups(list(members.values()), learner.steps.batch, strict):
        count = max(-(-len(group) // room), min(size, len(group)))
        parts += [[keys[at] for at in part] for part in np.array_split(group, count)]
    return parts


@contextmanager
def open_pool(strategy: Strategy, executor: Executor | Pool | None) -> Iterator[Pool]:
    """The pool that the caller opened, which stays open, or one of an executor, closed in the end."""
    if isinstance(executor, Pool):
        yield executor
        return
    if executor is None:
        executor = Serial() if strategy.workers == 1 else Processes(workers=strategy.workers)
    with executor.open(Resources(threads=strategy.threads)) as pool:
        yield pool
