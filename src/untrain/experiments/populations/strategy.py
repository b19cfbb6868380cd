"""How a population is trained: stacked, packed or in a loop, by how many processes of how many threads."""

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
from untrain.runtime.executors.base import Executor, cores
from untrain.runtime.executors.local import Serial
from untrain.runtime.executors.processes import Processes
from untrain.training import linear_probe
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.stacked import eligibility
from untrain.training.stacked.stack import Member, groups

Together = Literal["auto", "stacked", "packed", "loop"]


@dataclass(frozen=True)
class How:
    """What each task is, and on how many threads.

    Args:
        kind: of training: several models at once, or one alone.
        threads: of torch, in each process.
        workers: processes, where no crew was given; 1 for this one.
    """

    kind: Kind
    threads: int
    workers: int = 1


def decide(learner: Learner, train: Examples, members: Sequence[Member], together: str, crew: Executor | None) -> How:
    """How the members are best trained, or as was asked.

    Raises:
        BadInput: what was asked for cannot be done with this learner.
    """
    known = get_args(Together)
    if together not in known:
        raise BadInput(f"together={together!r}{suggest(str(together), known)}: one of {', '.join(known)} is needed")
    if crew is not None and crew.apart and not sendable(learner):
        raise BadInput(f"{learner!r} cannot be made in another process: use classes that are found by name, or no crew")
    here = min(torch.get_num_threads(), cores()) if crew is None else int(getattr(crew, "threads", 1))
    if together in ("auto", "stacked"):
        kind, why = _kind(learner, train, members, forced=together == "stacked")
        if kind is not None:
            return How(kind, here)
        if together == "stacked":
            raise BadInput(f"models of {type(learner).__name__} cannot be stacked: {why}; together='auto' finds another way")
    if crew is not None or together == "loop":
        return How("alone", here)
    on_cpu = train.y.device.type == "cpu"
    if together == "packed" and not (on_cpu and sendable(learner)):
        why = "its classes are not found by name" if on_cpu else "the examples are on a GPU"
        raise BadInput(f"{learner!r} cannot be packed into processes: {why}; use together='loop'")
    packed = on_cpu and sendable(learner)
    # Packed models have one thread each, so that workers times threads never exceed the cores. Whether they are packed does
    # not depend on how many are asked for: a model's key and its numbers are the same among others and alone.
    return How("alone", 1, min(cores(), len(members))) if packed else How("alone", here)


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


def units(how: How, learner: Learner, train: Examples, seen: int, wanted: Mapping[str, Member], size: int) -> list[list[str]]:
    """Keys of the members of each task.

    Args:
        how: several members a task, or one.
        learner: what trains.
        train: the training data.
        seen: number of examples that the models are asked about.
        wanted: members by key.
        size: number of tasks that can go on at once; a group is divided among them.
    """
    if how.kind == "alone" or not isinstance(learner, Train):
        return [[key] for key in wanted]
    model, task = learner.init(train, 0), learner.task
    one = take(train, np.arange(1))
    if how.kind == "heads":
        model, one = linear_probe.head(model), linear_probe.features(model, one, task)
    each = eligibility.size(model, one, task, learner.steps) + 8 * seen * train.classes
    room = max(1, eligibility.BUDGET // each)
    strict = eligibility.strict(model)
    keys, found = list(wanted), []
    for group in groups(list(wanted.values()), learner.steps.batch, strict):
        parts = max(-(-len(group) // room), min(size, len(group)))
        found += [[keys[at] for at in part] for part in np.array_split(group, parts)]
    return found


@contextmanager
def working(how: How, crew: Executor | None) -> Iterator[Executor]:
    """The crew that was given, or one of our own that is closed in the end."""
    if crew is not None:
        yield crew
        return
    own: Executor = Serial(how.threads) if how.workers == 1 else Processes(how.workers, how.threads)
    try:
        yield own
    finally:
        own.close()
