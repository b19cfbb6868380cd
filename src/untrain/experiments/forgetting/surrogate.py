"""The aim of 'auto': surrogates, cheap models that never saw the rows to forget, say how difficult these are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import BadInput, RunFailed
from untrain.core.metering import metered
from untrain.core.seeds import seed_of
from untrain.data.batching import count
from untrain.data.examples import Examples, prototype, take
from untrain.experiments.forgetting.attempt import AutomaticChoices, TrySetting
from untrain.experiments.forgetting.measurements import classes_of, measure
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.price import StepPrice, step_price
from untrain.experiments.price import duration
from untrain.maths.unseen_aim import Aim, difficulty_aim
from untrain.models.architectures.mlp import MLP
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train

PART, MOST = 0.5, 0.05  # shares of the budget, and of training again, that surrogates together may cost
LEAST, ENOUGH = 0.3, 0.6  # agreement on unseen rows below which a surrogate says nothing, and from which the next one is left out
Finding = dict[str, Any]


@dataclass(frozen=True)
class Surrogate:
    """A cheap model of retained rows.

    Args:
        kind: in words.
        learner: of it.
        task: of it.
        rows: number of retained rows that it learns from.
        share: of the operations of training again.
        seconds: about how long that takes.
    """

    kind: str
    learner: Train
    task: Task
    rows: int
    share: float
    seconds: float

    def document(self) -> Finding:
        """The surrogate as plain values."""
        facts = {"kind": self.kind, "steps": repr(self.learner.steps), "rows": self.rows}
        return {**facts, "share": self.share, "seconds": self.seconds}


def surrogates_of(opened: OpenedModel, price: StepPrice, retain: int, budget: float) -> list[Surrogate]:
    """Surrogates that a budget pays for: a linear model by the learner's steps, and the learner itself for fewer epochs.

    None where there are no unseen rows, no fresh start or no steps, and none that sees less than a batch.

    Args:
        opened: the checkpoint.
        price: of a step.
        retain: number of rows that stay.
        budget: share of training again that all approximate tries together may cost.
    """
    learner, whole = opened.learner, price.retraining_operations
    if opened.valid is None or opened.obstacle or opened.exact or not whole or not isinstance(learner, Train):
        return []
    share, found = min(MOST, PART * budget), []
    plain = replace(learner, keepers=())
    if _is_dense(opened.train):
        task = Classification(classes=opened.train.classes)
        linear = Train(model=MLP(depth=0), steps=learner.steps, task=task)
        of_linear = step_price(linear.init(prototype(opened.train), 0), linear, task, opened.train, retain)
        found += _affordable("a linear model", linear, task, of_linear, retain, share / 2 * whole, whole)
    left = (share - sum(each.share for each in found)) * whole
    return [*found, *_affordable("its own learner, cut short", plain, opened.task, price, retain, left, whole)]


def _is_dense(examples: Examples) -> bool:
    """Return whether inputs are numbers, which a linear model takes as they are."""
    x = examples.x
    return isinstance(x, torch.Tensor) and (x.is_floating_point() or x.dtype == torch.uint8)


def _affordable(
    kind: str, learner: Train, task: Task, price: StepPrice, retain: int, operations: float, whole: float
) -> list[Surrogate]:
    """A learner for as many epochs, or where not even one is paid for on as many rows, as some operations allow."""
    steps, each = learner.steps, price.operations
    if not isinstance(steps.epochs, int) or not each or price.seconds is None:
        return []
    passes = min(float(steps.epochs), operations / (each * retain))
    epochs = max(1, math.floor(passes))
    rows = min(retain, math.floor(retain * passes / epochs))
    if rows < min(retain, steps.batch):
        return []
    cost = epochs * rows * each / whole
    seconds = price.seconds * epochs * count(rows, steps.batch)
    return [Surrogate(kind, replace(learner, steps=replace(steps, epochs=epochs)), task, rows, cost, seconds)]


def automatic_document(opened: OpenedModel, price: StepPrice, retain: int, choices: AutomaticChoices) -> Finding:
    """Limits of 'auto' as plain values, with its surrogates where training again does not come first."""
    seconds = price.retraining_seconds
    first = seconds is not None and seconds <= choices.retrain_within
    planned = [] if first else surrogates_of(opened, price, retain, choices.budget)
    return {**asdict(choices), "surrogates": [each.document() for each in planned]}


def surrogate_line(planned: list[Finding]) -> str:
    """Planned surrogates in one line.

    >>> print(surrogate_line([{"kind": "a linear model", "share": 0.02, "seconds": 90.0}]))
    surrogates: a linear model (2.0 % of training again at most, about 2 min) without the rows says how difficult they are
    """
    kinds, share, seconds = (
        " and ".join(each["kind"] for each in planned),
        *(sum(each[what] for each in planned) for what in ("share", "seconds")),
    )
    says = "say" if len(planned) > 1 else "says"
    cost = f"{100 * share:.1f} % of training again at most, about {duration(seconds)}"
    return f"surrogates: {kinds} ({cost}) without the rows {says} how difficult they are"


def aimed(setting: TrySetting, say: Callable[[str], None]) -> TrySetting:
    """The setting with the aim of the surrogate that agrees most with the model on unseen rows; as it was where there are none.

    They are trained from cheap to dear until one agrees well enough.
    """
    opened, sides, ours = setting.opened, setting.sides, setting.before.unseen
    stays = np.setdiff1d(setting.shown, np.asarray(setting.forget_set.rows))
    planned = surrogates_of(opened, setting.price, len(stays), setting.choices.budget)
    if not planned or sides.unseen is None or ours is None:
        return setting
    aims: list[tuple[Aim, Finding]] = []
    findings: list[Finding] = []
    for each in planned:
        aim, finding = _made(setting, each, stays, sides.unseen, ours.loss)
        findings.append(finding)
        aims += [] if aim is None else [(aim, finding)]
        if aim is not None and aim.agreement >= ENOUGH:
            break
    share = sum(finding["share"] for finding in findings)
    if not aims:
        reason = f"no surrogate says what to aim at: {findings[0]['failed']}"
        say(reason)
        return replace(setting, aiming={"failed": reason, "share": share, "surrogates": findings})
    aim, best = min(aims, key=lambda each: each[0].error)
    failed = "" if aim.agreement >= LEAST else "no surrogate says what to aim at: none ranks unseen rows much as the old model does"
    document = {**aim._asdict(), "by": best["kind"], "failed": failed, "share": share, "surrogates": findings}
    document["sentence"] = aim_text(document)
    say(failed or document["sentence"])
    return replace(setting, aim=None if failed else aim, aiming=document)


def _made(
    setting: TrySetting, surrogate: Surrogate, stays: np.ndarray[Any, Any], unseen: Examples, ours: np.ndarray[Any, Any]
) -> tuple[Aim | None, Finding]:
    """The aim of one surrogate, None where its training failed, and what it took."""
    opened, forget = setting.opened, setting.sides.forget
    rows = np.sort(np.random.default_rng(setting.seed).choice(stays, surrogate.rows, replace=False))
    with metered() as meter:
        try:
            model = surrogate.learner(take(opened.train, rows), seed_of(setting.seed, f"surrogate, {surrogate.kind}", 0))
            losses = [measure(model, each, surrogate.task).loss for each in (forget, unseen)]
        except (RunFailed, BadInput) as error:
            failed = " ".join(str(error).split())
            return None, {**surrogate.document(), "failed": failed}
        spent = meter.read()
    aim = difficulty_aim(losses[0], losses[1], ours, classes_of(forget), classes_of(unseen))
    whole = setting.price.retraining_operations
    share = spent.flops / whole if spent.flops and whole else surrogate.share
    return aim, {**surrogate.document(), **aim._asdict(), "share": share, "seconds": spent.seconds, "failed": ""}


def aim_text(document: Finding) -> str:
    """An aim in words.

    >>> print(aim_text({"area": 0.561, "error": 0.03, "agreement": 0.7, "by": "a linear model", "share": 0.05}))
    aim: 0.561 (standard error 0.030) instead of 0.5, by a linear model that never saw the rows; its ranks of unseen rows \
correlate by 0.70 with the old model's; 5.0 % of training again
    """
    return (
        f"aim: {document['area']:.3f} (standard error {document['error']:.3f}) instead of 0.5, by {document['by']} that never saw "
        f"the rows; its ranks of unseen rows correlate by {document['agreement']:.2f} with the old model's; "
        f"{100 * document['share']:.1f} % of training again"
    )
