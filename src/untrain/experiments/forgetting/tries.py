"""Tries of methods on an opened model, each judged before anything is written; 'auto' goes from cheap to dear."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from untrain.core.errors import RunFailed
from untrain.core.events import Log
from untrain.core.metering import metered
from untrain.data.examples import take
from untrain.data.requests.base import ForgetSet
from untrain.experiments.forgetting.events import try_event
from untrain.experiments.forgetting.measurements import Judgement, Sides, Tolerance, alarm_text, alarms, alike_document, judge
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.price import Method, StepPrice, steps_in
from untrain.experiments.forgetting.recorded import kept_for
from untrain.experiments.forgetting.requests import forget_set_of
from untrain.training.problem import Problem, problem
from untrain.training.step_watchers import StepLog, watching_steps
from untrain.training.steps import Constant, Steps
from untrain.training.training_record import TrainingRecord
from untrain.unlearners.base import Outcome
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.retrain import Retrain

CHEAP = 60.0  # seconds of training again within which nothing else is tried first
COARSE = 0.1  # standard error of the comparison with unseen rows, above which it shows nothing: of 8 rows and fewer
FIRST, FACTOR = 0.3, 4.0  # the first step size as a share of the learner's, and how far the next one is from it
MOST = 6  # step sizes of one method
Finding = dict[str, Any]


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
        gap: largest distance of the area from one half.
        price: of a step.
        budget: share of training again that all approximate tries together may cost.
        seed: of every draw.
        log: takes the events of tries; None where nobody does.
        record: of the training; None where there is none.
    """

    opened: OpenedModel
    forget_set: ForgetSet
    shown: np.ndarray[Any, Any]
    sides: Sides
    before: Judgement
    tolerance: Tolerance
    gap: float
    price: StepPrice
    budget: float
    seed: int
    log: Log | None = None
    record: TrainingRecord | None = None


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
    """
    made = _attempt(setting, method, limit)
    if setting.log is not None:
        setting.log(try_event(made.document))
    return made


def _attempt(setting: TrySetting, method: Method, limit: float | None) -> Try:
    opened, name = setting.opened, repr(method)
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
        "forget": after.forget.document(), "alike": alike_document(after.alike, setting.gap), "alarms": found,
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


def automatic(setting: TrySetting, say: Callable[[str], None]) -> tuple[list[Try], Try | None, str]:
    """Try methods from cheap to dear until one is harmless and its forgotten rows look like unseen ones.

    Training again comes first where it takes no longer than ``CHEAP`` or has one exact result, or where nothing shows whether a
    cheaper method forgot; and last where no cheaper one reaches the stated gap within the budget.

    Returns:
        All tries, the chosen one (None where all are harmful), and why it was chosen.
    """
    tries: list[Try] = []
    first = _why_first(setting)
    if first:
        tries.append(_told(attempt(setting, Retrain()), say))
        if tries[-1].harmless:
            return tries, tries[-1], first
    if not _why_blind(setting) and not setting.opened.exact:
        for method in _ladder(setting, tries):
            made = _told(_within_budget(setting, method, tries), say)
            tries.append(made)
            if made.harmless and made.after is not None and made.after.alike is not None and made.after.alike.met(setting.gap):
                alike = made.after.alike
                within = f"area {alike.area:.3f}, within {max(setting.gap, alike.error):.3f} of 0.5"
                return tries, made, f"its forgotten rows look like unseen ones: {within}"
    if not first:
        tries.append(_told(attempt(setting, Retrain()), say))
        if tries[-1].harmless:
            return tries, tries[-1], f"no cheaper method came within {setting.gap:g} of 0.5 and the budget without damage"
    return tries, None, "every method damaged the model"


def _why_first(setting: TrySetting) -> str:
    seconds = setting.price.retraining_seconds
    if setting.opened.exact:
        return "training again has one exact result, and is cheap"
    if seconds is not None and 0 < seconds <= CHEAP:
        return f"training again takes about {max(1, round(seconds))} s, and nothing is surer"
    return _why_blind(setting)


def _why_blind(setting: TrySetting) -> str:
    """The reason why no proxy shows whether a method forgot; empty where one does."""
    alike = setting.before.alike
    if alike is None or not alike.compared:
        return "without unseen data of its classes (--valid) nothing shows whether a cheaper method forgot"
    if alike.error > COARSE:
        few = f"{alike.compared} forgotten row{'s' * (alike.compared > 1)} can be compared (standard error {alike.error:.2f})"
        return f"only {few}, so that nothing cheap shows whether a method forgot"
    if alike.met(setting.gap):
        looks = f"even to the old model its rows look like unseen ones (area {alike.area:.3f})"
        return f"{looks}, so that nothing cheap shows whether a method forgot"
    return ""


def _told(made: Try, say: Callable[[str], None]) -> Try:
    say(made.to_text())
    return made


def _ladder(setting: TrySetting, tries: list[Try]) -> Iterator[Method]:
    """Methods from cheap to dear; of each the step size goes up while the model remembers, down where it was too much."""
    learned = getattr(setting.opened.learner, "steps", None)
    if not isinstance(learned, Steps):
        return
    plain = replace(learned, schedule=Constant(), warmup=0.0, smoothing=0.0)
    few, once = replace(plain, epochs=5, buffers="freeze"), replace(plain, epochs=1)
    families: tuple[Callable[[float], Method], ...] = (
        lambda lr: GradAscent(steps=replace(few, lr=lr)), lambda lr: NegGrad(alpha=0.5, steps=replace(once, lr=lr)),
    )  # fmt: skip
    lr = learned.lr * FIRST
    for family in families:  # the next begins with the step size that the last one ended with
        weak, strong = 0.0, math.inf
        for _ in range(MOST):
            yield family(float(f"{lr:.2g}"))
            stronger = _remembers(tries[-1])
            if stronger is None:
                break
            weak, strong = (lr, strong) if stronger else (weak, lr)
            lr = weak * FACTOR if math.isinf(strong) else strong / FACTOR if not weak else math.sqrt(weak * strong)
    yield Finetune(steps=replace(learned, epochs=1))
    yield Finetune(steps=replace(learned, epochs=2))


def _remembers(made: Try) -> bool | None:
    """Return whether a method was too weak; False where it was too strong, None where it was not begun."""
    if made.document.get("skipped"):
        return None
    if not made.harmless or made.after is None or made.after.alike is None:
        return made.unmoved
    return made.after.alike.area < 0.5


def _within_budget(setting: TrySetting, method: Method, tries: list[Try]) -> Try:
    """A try with what is left of the budget, or none where it would not do."""
    whole, name = setting.price.retraining_operations, repr(method)
    if not whole or setting.price.operations is None:
        return attempt(setting, method)
    spent = sum(made.document.get("share") or 0.0 for made in tries if not made.method.startswith("Retrain"))
    left = setting.budget - spent
    needed = _examples(setting, method) * setting.price.operations / whole
    if needed > left:
        shares = f"{100 * needed:.1f} % of training again, and {100 * max(0.0, left):.1f} % of it is left"
        reason = f"not begun: it takes about {shares}"
        return Try(name, None, None, [], reason, {"method": name, "failed": reason, "skipped": True})
    return attempt(setting, method, left * whole)


def _examples(setting: TrySetting, method: Method) -> float:
    """Examples that a method takes forward and backward, by its epochs."""
    steps = steps_in(method)
    if steps is None or not isinstance(steps.epochs, int):
        return 0.0
    forget = len(setting.forget_set.rows)
    if isinstance(method, GradAscent):
        return float(steps.epochs * forget)
    retain = len(setting.shown) - forget
    return float(steps.epochs * retain * (2 if isinstance(method, NegGrad) else 1))


def model_of(made: Try) -> nn.Module:
    """The model of a try that has one.

    Raises:
        RunFailed: it has none.
    """
    if made.outcome is None:
        raise RunFailed(f"{made.method}: {made.reason}")
    return made.outcome.model
