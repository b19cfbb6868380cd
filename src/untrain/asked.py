"""What was asked for, made of words and numbers, or refused in one line before anything is done.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from untrain.core.errors import BadInput, SpecError

if TYPE_CHECKING:
    from untrain.conduct import Comparison
    from untrain.jobs import Setting


def comparison_of(scenario: Any, methods: Any, seeds: int, oracles: int, seed: int) -> Comparison:
    """The comparison of methods, spelled or made, on a scenario."""
    from untrain.conduct import Comparison, check
    from untrain.core.roles import Recipe, Scenario, Unlearner
    from untrain.core.spec import parse

    whole(seeds=seeds, oracles=oracles, seed=seed)
    where = parse(scenario) if isinstance(scenario, str) else scenario
    if not isinstance(where, Scenario):
        raise SpecError(f"{where!r} is no scenario; `untrain scenarios` lists them")
    several = isinstance(methods, Iterable) and not isinstance(methods, str)
    made = [parse(m) if isinstance(m, str) else m for m in (methods if several else [methods])]
    for method in made:
        if not isinstance(method, Unlearner | Recipe):
            raise SpecError(f"{method!r} is no unlearning method; `untrain methods` lists them")
    comparison = Comparison(where, tuple(made), seeds, oracles, seed)
    check(comparison)
    return comparison


def whole(**given: Any) -> None:
    """Refuse what is no whole number."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInput(f"{name}={value!r}: a whole number is needed")


def setting_of(device: str, threads: int, precision: str, compiled: bool, budget: str | float | None = None) -> Setting:
    """Where and how models are made; a device that is not there is refused, and 'auto' becomes what it means on it."""
    import torch

    from untrain.core.precision import resolve
    from untrain.jobs import Setting

    whole(threads=threads)
    if threads < 1:
        raise BadInput(f"threads={threads}: at least 1 is needed")
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError):
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise BadInput(f"device {device!r} cannot be used here; there is {', '.join(there)}") from None
    return Setting(device, threads, resolve(precision, device), compiled, budget_of(budget))


def budget_of(given: str | float | None) -> float | None:
    """A share of retraining's cost: '10%' and 0.1 are the same.

    Raises:
        BadInput: it is no share, or above the whole.
    """
    if given is None:
        return None
    try:
        text = given.strip() if isinstance(given, str) else ""
        share = float(text[:-1]) / 100 if text.endswith("%") else float(given)
    except (TypeError, ValueError):
        share = 0.0
    if isinstance(given, bool) or not 0 < share <= 1:
        raise BadInput(f"budget={given!r}: a share of retraining's cost is needed, above 0 and up to 100%, such as '10%' or 0.1")
    return share
