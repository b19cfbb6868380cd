"""What was asked for, made of words and numbers, or refused in one line before anything is done.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from untrain.core.errors import BadInput, SpecError, suggest, whole

if TYPE_CHECKING:
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.setting import Setting
    from untrain.runtime.executors.base import Executor, Pool


def scenario_of(given: Any) -> Scenario:
    """A scenario, spelled or made."""
    from untrain.core.spec import parse
    from untrain.experiments.scenarios.base import Scenario

    where = parse(given) if isinstance(given, str) else given
    if not isinstance(where, Scenario):
        raise SpecError(f"{where!r} is no scenario; `untrain scenarios` lists them")
    return where


def comparison_of(scenario: Any, methods: Any, seeds: int, oracles: int, seed: int) -> Comparison:
    """The comparison of methods, spelled or made, on a scenario."""
    from untrain.core.spec import parse
    from untrain.experiments.comparison import Comparison, check
    from untrain.unlearners.base import Recipe, Unlearner

    whole(seeds=seeds, oracles=oracles, seed=seed)
    where = scenario_of(scenario)
    several = isinstance(methods, Iterable) and not isinstance(methods, str)
    made = [parse(m) if isinstance(m, str) else m for m in (methods if several else [methods])]
    for method in made:
        if not isinstance(method, Unlearner | Recipe):
            raise SpecError(f"{method!r} is no unlearning method; `untrain methods` lists them")
    comparison = Comparison(where, tuple(made), seeds, oracles, seed)
    check(comparison)
    return comparison


def oracles_alone(scenario: Any, oracles: int, seed: int) -> Comparison:
    """A comparison of nothing, for its oracles.

    Raises:
        BadInput: there are too few for a floor.
    """
    from untrain.experiments.comparison import Comparison

    whole(oracles=oracles, seed=seed)
    if oracles < 2:
        raise BadInput(f"oracles={oracles}: at least 2 (for a floor) are needed")
    return Comparison(scenario_of(scenario), (), 0, oracles, seed)


def executor_of(given: Any) -> Executor | Pool | None:
    """An executor, spelled or made, or a pool that is open; None for processes of this machine.

    Raises:
        SpecError: it is not an executor.
    """
    from untrain.core.discovery import of_role
    from untrain.core.spec import parse
    from untrain.runtime.executors.base import Executor, Pool

    executor = parse(given) if isinstance(given, str) else given
    if executor is not None and not isinstance(executor, Executor | Pool):
        known = [place.name for place in of_role("executor")]
        raise SpecError(f"{executor!r} is not an executor{suggest(repr(executor), known)}; there is {', '.join(known)}")
    return executor


def setting_of(
    device: str, threads: int, precision: str, compiled: bool, budget: str | float | None = None,
    executor: Executor | Pool | None = None,
) -> Setting:  # fmt: skip
    """Where and how models are made; a device that is not there is refused, and 'auto' becomes what it means on it.

    Where the executor's machines are elsewhere, their cluster chooses the GPU: its number means nothing, and this machine need
    not have one.
    """
    import torch

    from untrain.core.precision import resolve
    from untrain.experiments.setting import Setting

    away = executor is not None and executor.elsewhere
    whole(threads=threads)
    if threads < 1:
        raise BadInput(f"threads={threads}: at least 1 is needed")
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError):
        if away and device.partition(":")[0] == "cuda":
            if precision == "auto":
                raise BadInput(f"device {device!r} is not here to be asked: --precision float32 or bfloat16 is needed") from None
            return Setting("cuda", threads, resolve(precision, "cpu"), compiled, budget_of(budget))
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise BadInput(f"device {device!r} cannot be used here; there is {', '.join(there)}") from None
    if away:
        device = torch.device(device).type
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
