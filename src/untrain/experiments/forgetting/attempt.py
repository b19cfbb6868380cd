"""One method tried on an opened model: run, judged with weights as they will be stored, and logged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from torch import nn

from untrain.core.errors import ModelError, RunFailed
from untrain.core.events import Log
from untrain.core.metering import metered
from untrain.data.examples import take
from untrain.data.requests.base import ForgetSet
from untrain.experiments.forgetting.events import try_event
from untrain.experiments.forgetting.measurements import Judgement, Sides, Tolerance, alarm_text, alarms, alike_document, judge
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.price import Method, StepPrice
from untrain.experiments.forgetting.recorded import kept_for
from untrain.experiments.forgetting.requests import forget_set_of
from untrain.maths.unseen_aim import Aim, even_aim
from untrain.maths.unseen_likeness import Likeness
from untrain.training.problem import Problem, problem
from untrain.training.step_watchers import StepLog, watching_steps
from untrain.training.training_record import TrainingRecord
from untrain.unlearners.outcome import Outcome
from untrain.unlearners.retrain import Retrain

Finding = dict[str, Any]


@dataclass(frozen=True)
class AutomaticChoices:
    """Limits of 'auto'.

    Args:
        budget: share of training again that all approximate tries together may cost.
        gap: largest distance of the area from the aim.
        retrain_within: seconds of training again within which nothing else is tried first.
    """

    budget: float
    gap: float
    retrain_within: float


@dataclass(frozen=True, eq=False)
class TrySetting:
    """All that tries share.

    Args:
        opened: the model and its data.
        forget_set: the rows to forget.
        shown: rows of the training data that approximate methods see; those set apart to measure are not among them.
        sides: examples by which models are judged.
        before: the original model on these.
        tolerance: what a model may lose.
        choices: limits of 'auto'.
        price: of a step.
        seed: of every draw.
        log: takes the events of tries; None where nobody does.
        record: of the training; None where there is none.
        aim: area that is expected of a model which never saw the rows; None takes one half for granted.
        aiming: how the aim was made, for JSON; empty where it was not.
    """

    opened: OpenedModel
    forget_set: ForgetSet
    shown: np.ndarray[Any, Any]
    sides: Sides
    before: Judgement
    tolerance: Tolerance
    choices: AutomaticChoices
    price: StepPrice
    seed: int
    log: Log | None = None
    record: TrainingRecord | None = None
    aim: Aim | None = None
    aiming: Finding = field(default_factory=dict)

    def aim_of(self, alike: Likeness) -> Aim:
        """The aim, which is one half for an area of rows for which there is none."""
        return even_aim(alike) if self.aim is None else self.aim

    def met(self, alike: Likeness) -> bool:
        """Return whether forgotten rows look as to a model that never saw them."""
        return self.aim_of(alike).met(alike, self.choices.gap)


@dataclass(frozen=True, eq=False)
class Try:
    """One method and what became of it.

    Args:
        method: its spelling.
        outcome: the model with its guard and cost; None where the method failed or was not begun.
        after: the model on all sides; None where there is none.
        alarms: numbers that got worse by more than is allowed.
        reason: why it failed or was not begun; empty else.
        document: all of it, for JSON.
    """

    method: str
    outcome: Outcome | None
    after: Judgement | None
    alarms: list[Finding]
    reason: str
    document: Finding

    @property
    def harmless(self) -> bool:
        """Return whether there is a model, and no alarm about it."""
        return self.outcome is not None and not self.alarms

    @property
    def unmoved(self) -> bool:
        """Return whether the method failed since its steps were too small to move a weight."""
        return "moved no parameter" in self.reason

    def to_text(self) -> str:
        """The try in one line."""
        if self.reason:
            return f"{self.method}: {self.reason}"
        alike = self.document["alike"]
        looks = "" if alike is None else f"; area {alike['area']:.3f} (standard error {alike['error']:.3f})"
        ends = "; ".join(map(alarm_text, self.alarms)) or "no damage"
        return f"{self.method}: {self.document['cost']['seconds']:.1f} s{looks}; {ends}"


def attempt(setting: TrySetting, method: Method, limit: float | None = None) -> Try:
    """Run a method, judge its model, with weights as they will be stored, and log both.

    Args:
        setting: what tries share.
        method: to run.
        limit: operations at which it stops; None for no limit.

    Raises:
        ModelError: it trains again, and that cannot be done.
    """
    made = _attempt(setting, method, limit)
    if setting.log is not None:
        setting.log(try_event(made.document))
    return made


def _attempt(setting: TrySetting, method: Method, limit: float | None) -> Try:
    opened, name = setting.opened, repr(method)
    if isinstance(method, Retrain) and opened.obstacle:
        raise ModelError(opened.obstacle)
    try:
        watcher = None if setting.log is None else StepLog(setting.log, name)
        with metered(limit, "the budget") as meter, watching_steps(watcher):
            outcome = method.run(opened.model, _posed(setting, method))
            if watcher is not None:
                watcher.finish()
            spent = meter.read()
        notes = [note for note in meter.notes if note not in outcome.notes]
        model = opened.rounded(outcome.model)
        after = judge(model, setting.sides, opened.task)
    except RunFailed as error:
        reason = " ".join(str(error).split())
        return Try(name, None, None, [], reason, {"method": name, "failed": reason})
    found = alarms(setting.before, after, setting.tolerance, isinstance(method, Retrain))
    document = {
        "method": name, "failed": "", "cost": asdict(outcome.cost), "share": _share(setting, spent.flops),
        "guard": asdict(outcome.guard), "validation": after.held_out.document(), "retain": after.retain.document(),
        "forget": after.forget.document(), "alike": alike_document(after.alike, setting.choices.gap, setting.aim), "alarms": found,
        "notes": [*outcome.notes, *notes],
    }  # fmt: skip
    return Try(name, replace(outcome, model=model), after, found, "", document)


def _share(setting: TrySetting, flops: int | None) -> float | None:
    """Share of the operations of training again."""
    whole = setting.price.retraining_operations
    return None if flops is None or not whole else flops / whole


def _posed(setting: TrySetting, method: Method) -> Problem:
    """The problem that a method sees: training again learns from every row that stays, others from those not set apart."""
    opened, train = setting.opened, setting.opened.train
    forget_set = setting.forget_set
    if not isinstance(method, Retrain) and len(setting.shown) < len(train):
        at = np.searchsorted(setting.shown, np.asarray(forget_set.rows))
        train = take(train, setting.shown)
        forget_set = forget_set_of(train, at)
    valid = opened.valid if "valid" in method.needed() else None
    kept = kept_for(method, opened, train, setting.record)
    return replace(problem(train, forget_set, opened.learner, valid, seed=setting.seed, kept=kept), recorded=True)


def model_of(made: Try) -> nn.Module:
    """The model of a try that has one.

    Raises:
        RunFailed: it has none.
    """
    if made.outcome is None:
        raise RunFailed(f"{made.method}: {made.reason}")
    return made.outcome.model
