"""Tries of methods on an opened model; 'auto' goes from cheap to dear."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from untrain.core.errors import RunFailed
from untrain.experiments.forgetting.attempt import Try, TrySetting, attempt
from untrain.experiments.forgetting.price import Method, steps_in
from untrain.models.tasks.causallm import CausalLM
from untrain.training.steps import Constant, Steps
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.npo import NPO
from untrain.unlearners.retrain import Retrain

CHEAP = 60.0  # seconds of training again within which nothing else is tried first
COARSE = 0.1  # standard error of the comparison with unseen rows, above which it shows nothing: of 8 rows and fewer
FIRST, FACTOR = 0.3, 4.0  # the first step size as a share of the learner's, and how far the next one is from it
MOST = 6  # step sizes of one method


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
    if setting.opened.obstacle:
        if not tries:
            raise RunFailed(f"{_why_blind(setting)}; {setting.opened.obstacle}, or name a method, --method")
        return tries, None, f"no method came within {setting.gap:g} of 0.5 and the budget without damage; {setting.opened.obstacle}"
    if not first:
        tries.append(_told(attempt(setting, Retrain()), say))
        if tries[-1].harmless:
            return tries, tries[-1], f"no cheaper method came within {setting.gap:g} of 0.5 and the budget without damage"
    return tries, None, "every method damaged the model"


def _why_first(setting: TrySetting) -> str:
    if setting.opened.obstacle:
        return ""
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
    if isinstance(setting.opened.task, CausalLM):  # its pull ends where an answer is as unlikely as it has to be
        families = (families[0], lambda lr: NPO(steps=replace(once, lr=lr)))
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
