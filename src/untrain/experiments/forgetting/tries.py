"""Tries of methods on an opened model; 'auto' goes from cheap to dear."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from untrain.core.errors import RunFailed
from untrain.experiments.forgetting.attempt import Try, TrySetting, attempt
from untrain.experiments.forgetting.price import Method, steps_in
from untrain.experiments.forgetting.surrogate import aimed
from untrain.maths.unseen_likeness import Likeness
from untrain.models.tasks.causallm import CausalLM
from untrain.training.steps import Constant, Steps
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.npo import NPO
from untrain.unlearners.retrain import Retrain

COARSE = 0.1  # standard error of the aim, above which the comparison with unseen rows shows nothing: of 8 rows and fewer
FIRST, FACTOR = 0.3, 4.0  # the first step size as a share of the learner's, and how far the next one is from it
MOST, NARROW = 6, 1.5  # step sizes of one method, and the ratio of two between which none is tried
RETAINED = 0.8  # weight of the retained rows in NegGrad


@dataclass(frozen=True, eq=False)
class ChosenTry:
    """The outcome of all tries.

    Args:
        tries: in their order.
        chosen: one of them; None where all are harmful.
        why: it was chosen.
        setting: of the tries, with the aim.
    """

    tries: list[Try]
    chosen: Try | None
    why: str
    setting: TrySetting


def automatic(setting: TrySetting, say: Callable[[str], None]) -> ChosenTry:
    """Try methods from cheap to dear until one is harmless and its forgotten rows look as to a model that never saw them.

    Training again comes first where it takes no longer than the user allows or has one exact result, or where nothing shows whether
    a cheaper method forgot; and last where no cheaper one comes near enough to the aim within the budget.
    """
    tries: list[Try] = []
    opened, first = setting.opened, _why_first(setting)
    if first and _retrained(setting, tries, say):
        return ChosenTry(tries, tries[-1], first, setting)
    blind = _why_too_few(setting)
    if not opened.exact and not blind:
        setting = aimed(setting, say)
        blind = _why_blind(setting)
    if blind and opened.obstacle:
        raise RunFailed(f"{blind}; {opened.obstacle}, or name a method, --method")
    if blind and not first and _retrained(setting, tries, say):
        return ChosenTry(tries, tries[-1], blind, setting)
    if not opened.exact and not blind:
        for method in _ladder(setting, tries):
            tries.append(_told(_within_budget(setting, method, tries), say))
            alike = None if tries[-1].after is None else tries[-1].after.alike
            if tries[-1].harmless and alike is not None and setting.met(alike):
                return ChosenTry(tries, tries[-1], _why_met(setting, alike), setting)
    kind, gap = "" if opened.obstacle else "cheaper ", setting.choices.gap
    none = f"no {kind}method came within {gap:g} of the aim and the budget without damage"
    if opened.obstacle:
        return ChosenTry(tries, None, f"{none}; {opened.obstacle}", setting)
    if not first and not blind and _retrained(setting, tries, say):
        return ChosenTry(tries, tries[-1], none, setting)
    return ChosenTry(tries, None, "every method damaged the model", setting)


def _retrained(setting: TrySetting, tries: list[Try], say: Callable[[str], None]) -> bool:
    """Train again, and return whether that did no damage."""
    tries.append(_told(attempt(setting, Retrain()), say))
    return tries[-1].harmless


def _why_met(setting: TrySetting, alike: Likeness) -> str:
    aim = setting.aim_of(alike)
    looks = "like unseen ones" if aim.granted else "as to a model that never saw them, by a surrogate"
    within = f"area {alike.area:.3f}, within {aim.within(setting.choices.gap):.3f} of {aim.area:.3f}"
    return f"its forgotten rows look {looks}: {within}"


def _why_first(setting: TrySetting) -> str:
    if setting.opened.obstacle:
        return ""
    seconds = setting.price.retraining_seconds
    if setting.opened.exact:
        return "training again has one exact result, and is cheap"
    if seconds is not None and 0 < seconds <= setting.choices.retrain_within:
        return f"training again takes about {max(1, round(seconds))} s, and nothing is surer"
    return ""


def _why_too_few(setting: TrySetting) -> str:
    """The reason why no aim could show whether a method forgot: too few rows; empty where one may."""
    alike = setting.before.alike
    if alike is None or not alike.compared:
        return "without unseen data of its classes (--valid) nothing shows whether a cheaper method forgot"
    if alike.error > COARSE:
        few = f"{alike.compared} forgotten row{'s' * (alike.compared > 1)} can be compared (standard error {alike.error:.2f})"
        return f"only {few}, so that nothing cheap shows whether a method forgot"
    return ""


def _why_blind(setting: TrySetting) -> str:
    """The reason why the aim does not show whether a method forgot; empty where it does."""
    alike = setting.before.alike
    if alike is None or setting.aiming.get("failed"):
        return str(setting.aiming.get("failed", ""))
    aim = setting.aim_of(alike)
    if aim.error > COARSE:
        return f"the aim has a standard error of {aim.error:.2f}, so that nothing cheap shows whether a method forgot"
    if aim.met(alike, setting.choices.gap):
        looks = "like unseen ones" if aim.granted else f"much as to a model that never saw them, {aim.area:.3f} ± {aim.error:.3f}"
        same = f"even to the old model its rows look {looks} (area {alike.area:.3f})"
        return f"{same}, so that nothing cheap shows whether a method forgot"
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
        lambda lr: GradAscent(steps=replace(few, lr=lr)), lambda lr: NegGrad(alpha=RETAINED, steps=replace(once, lr=lr)),
    )  # fmt: skip
    if isinstance(setting.opened.task, CausalLM):  # its pull ends where an answer is as unlikely as it has to be
        families = (families[0], lambda lr: NPO(steps=replace(once, lr=lr)))
    lr = learned.lr * FIRST
    for family in families:  # the next begins with the step size that the last one ended with
        weak, strong = 0.0, math.inf
        for _ in range(MOST):
            yield family(float(f"{lr:.2g}"))
            stronger = _remembers(setting, tries[-1])
            if stronger is None:
                break
            weak, strong = (lr, strong) if stronger else (weak, lr)
            if weak and strong / weak < NARROW:
                break
            lr = weak * FACTOR if math.isinf(strong) else strong / FACTOR if not weak else math.sqrt(weak * strong)
    yield Finetune(steps=replace(learned, epochs=1))
    yield Finetune(steps=replace(learned, epochs=2))


def _remembers(setting: TrySetting, made: Try) -> bool | None:
    """Return whether a method was too weak; False where it was too strong, None where it was not begun."""
    if made.document.get("skipped"):
        return None
    if not made.harmless or made.after is None or made.after.alike is None:
        return made.unmoved
    return made.after.alike.area < setting.aim_of(made.after.alike).area


def _within_budget(setting: TrySetting, method: Method, tries: list[Try]) -> Try:
    """A try with what is left of the budget, or none where it would not do."""
    whole, name = setting.price.retraining_operations, repr(method)
    if not whole or setting.price.operations is None:
        return attempt(setting, method)
    spent = sum(made.document.get("share") or 0.0 for made in tries if not made.method.startswith("Retrain"))
    spent += setting.aiming.get("share", 0.0)
    left = setting.choices.budget - spent
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
