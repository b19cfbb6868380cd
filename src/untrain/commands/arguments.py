"""From what users write to scenarios, comparisons and settings; what is wrong is refused in one line before anything starts.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from untrain.core.errors import BadInput, SpecError, require_whole_numbers, suggest

if TYPE_CHECKING:
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.setting import Setting
    from untrain.runtime.executors.base import Executor, Pool

Document = dict[str, Any]


@dataclass(frozen=True)
class AtLeast:
    """The least value of an argument, as its annotation says it."""

    value: int


Count = Annotated[int, AtLeast(1)]
OracleCount = Annotated[int, AtLeast(2)]
Seed = Annotated[int, AtLeast(0)]


def scenario_of(scenario: Any) -> Scenario:
    """Parse a scenario, unless it is an object already."""
    from untrain.core.spec import parse
    from untrain.experiments.scenarios.base import Scenario

    parsed = parse(scenario) if isinstance(scenario, str) else scenario
    if not isinstance(parsed, Scenario):
        raise SpecError(f"{parsed!r} is not a scenario; `untrain scenarios` lists them")
    return parsed


def several(given: Any) -> list[Any]:
    """Return one or several given values as a list; text is one value.

    >>> several("DEL"), several(("DEL", "SSD"))
    (['DEL'], ['DEL', 'SSD'])
    """
    return [*given] if isinstance(given, Iterable) and not isinstance(given, str) else [given]


def comparison_of(scenario: Any, methods: Any, seeds: int, oracles: int, seed: int) -> Comparison:
    """Make a comparison of a scenario and methods, which may be text or objects."""
    from untrain.core.spec import parse
    from untrain.experiments.comparison import Comparison, check
    from untrain.unlearners.base import Recipe, Unlearner

    require_whole_numbers(seeds=seeds, oracles=oracles, seed=seed)
    place = scenario_of(scenario)
    parsed = [parse(m) if isinstance(m, str) else m for m in several(methods)]
    for method in parsed:
        if not isinstance(method, Unlearner | Recipe):
            raise SpecError(f"{method!r} is not an unlearning method; `untrain methods` lists them")
    comparison = Comparison(place, tuple(parsed), seeds, oracles, seed)
    check(comparison)
    return comparison


def oracles_alone(scenario: Any, oracles: int, seed: int) -> Comparison:
    """Make a comparison without methods, for oracles of models that were made elsewhere.

    Raises:
        BadInput: there are too few for a floor.
    """
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.scenarios.verbs import made_elsewhere

    require_whole_numbers(oracles=oracles, seed=seed)
    if oracles < 2:
        raise BadInput(f"oracles={oracles}: at least 2 (for a floor) are needed")
    return Comparison(made_elsewhere(scenario_of(scenario)), (), 0, oracles, seed)


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
    """Make the setting of a run; refuse a device that is not there, and resolve the precision 'auto' for the device.

    Where the executor's machines are elsewhere, their cluster assigns a GPU: its number means nothing, and this machine need
    not have one.
    """
    import torch

    from untrain.core.precision import resolve
    from untrain.experiments.setting import Setting

    away = executor is not None and executor.elsewhere
    require_whole_numbers(threads=threads)
    if threads < 1:
        raise BadInput(f"threads={threads}: at least 1 is needed")
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError):
        if away and device.partition(":")[0] == "cuda":
            if precision == "auto":
                raise BadInput(
                    f"device {device!r} is not on this machine, which 'auto' asks: --precision float32 or bfloat16 is needed"
                ) from None
            return Setting("cuda", threads, resolve(precision, "cpu"), compiled, budget_of(budget))
        devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise BadInput(f"device {device!r} cannot be used here; there is {', '.join(devices)}") from None
    if away:
        device = torch.device(device).type
    return Setting(device, threads, resolve(precision, device), compiled, budget_of(budget))


def budget_of(budget: str | float | None) -> float | None:
    """Read a share of retraining's cost: '10%' and 0.1 are the same.

    Raises:
        BadInput: it is not a share, or above the whole.
    """
    if budget is None:
        return None
    try:
        text = budget.strip() if isinstance(budget, str) else ""
        share = float(text[:-1]) / 100 if text.endswith("%") else float(budget)
    except (TypeError, ValueError):
        share = 0.0
    if isinstance(budget, bool) or not 0 < share <= 1:
        raise BadInput(f"budget={budget!r}: a share of retraining's cost is needed, above 0 and up to 100%, such as '10%' or 0.1")
    return share
