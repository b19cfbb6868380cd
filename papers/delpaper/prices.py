"""What an experiment takes, told before it is begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delpaper import experiments
from delpaper.contenders import Contender
from delpaper.scales import Scale
from delpaper.work import ORACLES, Bench, Document
from untrain import parse, price
from untrain.experiments.price import duration
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store
from untrain.training.steps import epochs_of
from untrain.unlearners.base import Localized, Recipe

STEPLESS = 0.2  # of training, for a method without epochs of its own


@dataclass(eq=False)
class Estimate:
    """Stands in for a bench: it counts what is asked of it, and has nothing done."""

    store: Store
    setting: Setting
    trainings: float = 0.0
    trials: int = 0
    models: int = 0
    known: set[tuple[str, str]] = field(default_factory=set)

    def say(self, text: str) -> None:
        """Nothing happens here."""

    def tuned(self, scenario: str, contenders: Sequence[Contender]) -> Document:
        """Count the settings; the first of each stands for the one that will be chosen."""
        for c in contenders:
            for s in c.settings if len(c.settings) > 1 else ():
                self.trials += self._add(f"search {scenario}", s, 1, scenario)
        self._add(f"search {scenario}", "", 1 + ORACLES, scenario)
        return {c.label: {"chosen": c.settings[0], "oracle_chosen": c.settings[0], "trials": {}} for c in contenders}

    def compared(
        self, asked: Sequence[tuple[str, Sequence[str]]], sizes: tuple[int, int], full: bool, budget: float | None = None
    ) -> list[Document]:
        """Count the models."""
        for scenario, methods in asked:
            self.models += self._add(scenario, "", sum(sizes), scenario)
            for m in methods:
                self.models += self._add(f"{scenario} {budget}", m, sizes[0], scenario)
        return []

    def sequences(self, calls: Mapping[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
        """Count requests in a row."""
        for scenario, method, _, count, *_ in calls.values():
            self.models += count
            self.trainings += count * (weight(method, scenario) if method else 1.0)
        return []

    def _add(self, where: str, method: str, count: int, scenario: str) -> int:
        if (where, method) in self.known:
            return 0
        self.known.add((where, method))
        self.trainings += count * (weight(method, scenario) if method else 1.0)
        return count


def weight(method: str, scenario: str) -> float:
    """A method's cost as a share of training, by its epochs."""
    made: Any = parse(method)
    made = made.expand() if isinstance(made, Recipe) else made
    made = made.unlearner if isinstance(made, Localized) else made
    steps = getattr(made, "steps", None)
    learner = parse(scenario).learner().steps
    return STEPLESS if steps is None else epochs_of(steps, learner) / epochs_of(learner, None)


def told(name: str, bench: Bench, scale: Scale, path: str, workers: int) -> str:
    """The price in one line; what is in the store already is counted too."""
    plan = Estimate(bench.store, bench.setting)
    experiments.EXPERIMENTS[name](plan, scale, path)  # type: ignore[arg-type]
    network = "vit" if name == "vit" else "resnet"
    one = price(scale.scenario(path, "random", network), (), bench.store.path, oracles=2, device=bench.setting.device, workers=1)
    seconds = one["seconds"] / one["train"] if one["train"] and one["seconds"] else None
    long = (
        "nobody knows how long"
        if seconds is None
        else f"about {duration(plan.trainings * seconds / workers)} with {workers} workers"
    )
    return (
        f"price of {name}: {plan.trials} settings tried and {plan.models} models compared, as much as {plan.trainings:.0f} "
        f"trainings; {long}, less what is stored; not counted: start-up, scores, rows tuned with a look at "
        "oracles, searches for critical neurons"
    )
