"""The power of a comparison by its protocol, and the smallest design that has it, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from untrain.evaluation.lazy_stack import LazyStack
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.endpoints import endpoints
from untrain.evaluation.protocols.outcome_wording import NAMES, chances
from untrain.evaluation.protocols.power import (
    ENOUGH,
    MOST,
    Law,
    Power,
    finds_leak,
    law_of,
    narrowest,
    power_of,
    smallest,
    usual_law,
)
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.scoring.design import models_in_words
from untrain.experiments.comparison import Comparison, oracles_of, todo_of
from untrain.experiments.price import duration, price
from untrain.experiments.run_record import frame_arrays
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Entry, Store

LEAST = 5  # stored oracles from which their law is estimated
READ = 40  # stored oracles that are read at most


@dataclass(frozen=True)
class PowerPlan:
    """The power of a comparison, and of the smallest that has enough.

    Args:
        protocol: its name.
        power: chances of the comparison.
        basis: number of stored oracles whose spread it is computed from; 0 for a normal law and margins in spreads alone.
        smallest: the smallest design of enough power, where this one has less; None where it has enough, or where none does.
        seconds: time to make its models here, or None where it is not known.
        narrowest: the endpoint whose margin no design is enough for; empty where one is, or where no design finds the leak.
    """

    protocol: str
    power: Power
    basis: int
    smallest: Power | None
    seconds: float | None
    narrowest: str = ""

    def to_text(self) -> str:
        """Write the plan in one line."""
        basis = f"by the spread of {self.basis} stored ones" if self.basis else "by a normal law, with margins in spreads alone"
        line = f"protocol {self.protocol}: {chances(self.power)} ({basis})"
        if self.power.enough:
            return line
        if self.smallest is None:
            cure = (
                f"widen the margin on {NAMES[self.narrowest]}" if self.narrowest else "plan for a larger leak, Protocol(leak=...)"
            )
            return f"{line}; no number of models up to {MOST} of a kind reaches {ENOUGH:.0%} of both: {cure}"
        time = "" if self.seconds is None else f", about {duration(self.seconds)} of training here"
        return f"{line}; {ENOUGH:.0%} for both takes {models_in_words(self.smallest.models, self.smallest.oracles)}{time}"


def plan(
    comparison: Comparison, scene: Scene, store: Store | None, setting: Setting, workers: int, protocol: Protocol,
    given: int | None = None, looks: int = 1,
) -> PowerPlan | None:  # fmt: skip
    """Plan a comparison; None where there is nothing to plan: retrained models do not differ, or no model is to be judged.

    Args:
        comparison: numbers of models, and the methods.
        scene: its data.
        store: where oracles of it may be.
        setting: where and how models are made.
        workers: number of models made at once.
        protocol: whose margins are to be kept.
        given: number of unlearned models that exist already, as in an audit.
        looks: number of looks at the scores, which share the level.
    """
    label, protocol = protocol.label, replace(protocol, level=protocol.level / looks)
    models = comparison.seeds if given is None else given
    if scene.learner.deterministic or models < 1:
        return None
    law, basis = usual_law(), 0
    keys = oracles_of(replace(comparison, oracles=READ), scene, setting)
    stored = [] if store is None else [entry for key in keys if (entry := store.get(key))]
    if len(stored) >= LEAST:
        law, basis = law_of_stored(stored, scene), len(stored)
    power = power_of(protocol, models, comparison.oracles, law)
    if power.enough:
        return PowerPlan(label, power, basis, None, None)
    fixed = models if given or models == 1 else None
    enough = smallest(protocol, law, fixed, 1 + len(comparison.methods))
    if enough is None:
        found = finds_leak(protocol, fixed or MOST, MOST)
        return PowerPlan(label, power, basis, None, None, narrowest(protocol, fixed, law) if found else "")
    larger = replace(comparison, seeds=0 if given is not None else enough.models, oracles=enough.oracles)
    seconds = price(todo_of([larger], [scene], setting), store, setting, workers).seconds
    return PowerPlan(label, power, basis, enough, seconds)


def law_of_stored(stored: list[Entry], scene: Scene) -> Law:
    """The law of the endpoints of stored oracles."""
    frame = frame_arrays(scene)
    outputs = {name: LazyStack.of([partial(e.array, name) for e in stored]) for name in scene.task.outputs}
    oracles = Observation(
        outputs, frame["labels"], frame["true"], np.asarray(frame["side"]), np.asarray(frame["ids"]), task=scene.task
    )
    return law_of(endpoints(oracles.of_models(slice(0, 1)), oracles)[0])
