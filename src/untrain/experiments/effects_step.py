"""The step of a run that estimates the effects of forget sets, for methods that subtract them: priced, reported, made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from untrain.attribution.estimation import Estimation
from untrain.experiments.attributions import AttributionWork, attribution_of, check_deletes, count_missing_for
from untrain.experiments.comparison import Comparison
from untrain.experiments.jobs import load_originals
from untrain.experiments.price import Price, price_of
from untrain.experiments.run_options import RunOptions
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Store


def attribute(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene], store: Store, way: RunOptions, pool: Pool
) -> list[Price]:  # fmt: skip
    """Estimate the effects that methods of some comparisons subtract, each once; their prices, reported before."""
    prices = []
    for comparison, scene, estimation in estimations_of(comparisons, scenes):
        cost = price_attribution(scene, estimation, store, way.setting, pool.size)
        way.say(cost.to_text())
        prices.append(cost)
        originals = partial(load_originals, scene, comparison.seed, way.setting, store)
        work = AttributionWork(store, way.setting, originals, pool, way.on_progress)
        way.say(attribution_of(scene, estimation, comparison.seed, work).record["about"])
    return prices


def estimations_of(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene]
) -> list[tuple[Comparison, Scene, Estimation]]:  # fmt: skip
    """Estimations that the methods of some comparisons take, each once per comparison.

    Raises:
        RequestError: the request corrects examples.
        SpecError: one takes too few models.
    """
    wanted = []
    for comparison, scene in zip(comparisons, scenes, strict=True):
        for estimation in dict.fromkeys(m.estimation for m in comparison.methods):
            if estimation is not None:
                check_deletes(scene)
                wanted.append((comparison, scene, estimation))
    return wanted


def price_attribution(scene: Scene, estimation: Estimation, store: Store | None, setting: Setting, workers: int) -> Price:
    """The price of the models that an attribution is made of and checked by."""
    return price_of(*count_missing_for(scene, estimation, store, setting), scene, store, setting, workers)
