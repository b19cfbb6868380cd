"""Walks through batches by methods that go through them more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import cast

from untrain.data.examples import Batch
from untrain.training.batch_plan import Plan
from untrain.training.steps import Steps


def phase(plan: Plan, first: int, end: int | None = None) -> Plan:
    """The walk through a plan's epochs from ``first`` to before ``end``, counted as in a slice, with step sizes of the whole plan.

    Phases of one plan count as one gradient loop: a budget's note has the steps of the plan, each once.

    >>> from untrain.models.tasks.classification import Classification
    >>> plan = Plan(4, lambda epoch: iter(()), None, Classification())
    >>> phase(plan, 0, -1).walk, phase(plan, -1).walk
    (range(0, 3), range(3, 4))
    """
    return replace(plan, part=range(plan.epochs)[first:end])


def later(plan: Plan, first: int) -> Plan:
    """The plan with the orders of epochs from ``first`` on, for a phase that goes on where another ended."""
    return replace(plan, draw=lambda epoch: plan.draw(first + epoch))


def endless(plan: Plan, first: int = 0, stride: int = 1) -> Iterator[Batch]:
    """Batches of a plan of one set, without end: of epoch ``first``, then of ``stride`` later, and so on."""
    for epoch in count(first, stride):
        for (batch,) in plan.draw(epoch):
            yield cast(Batch, batch)


def before_the_last(steps: Steps) -> Steps:
    """Steps of a phase that another follows: buffers move where the last phase ends with a new estimate of them.

    >>> before_the_last(Steps(buffers="reestimate")).buffers, before_the_last(Steps(buffers="freeze")).buffers
    ('move', 'freeze')
    """
    return replace(steps, buffers="move") if steps.buffers == "reestimate" else steps
