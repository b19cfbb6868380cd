"""Promises of evaluators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from untrain.core.contract import require
from untrain.evaluation.base import Evaluator, Prepared
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import aims_at_zero, number

MODELS, PER_SIDE = 60, 30


def planted(seed: int, boost: float) -> Observation:
    """Logits of 60 models on 90 examples in three classes, more certain by ``boost`` on the forget set."""
    draw = np.random.default_rng(seed)
    side = np.repeat(["forget", "retain", "test"], PER_SIDE)
    labels = np.arange(3 * PER_SIDE) % 3
    logits = draw.normal(size=(MODELS, len(side), 3)).astype(np.float32)
    logits[:, np.arange(len(side)), labels] += 1 + boost * (side == "forget") + (side == "retain")
    return Observation.of_logits(logits, labels, labels, side, np.arange(len(side)))


def values(evaluator: Evaluator, ours: Observation, oracle: Observation) -> dict[str, float | str]:
    """Score name -> value, or the reason why there is none."""
    boost = np.where(oracle.side == "forget", 6.0, 0.0)[:, None] * np.eye(3)[oracle.labels]
    original = replace(oracle, outputs={"logits": oracle.logits[:2] + boost.astype(np.float32)})
    trial = Prepared(evaluator.prepare(ours), evaluator.prepare(oracle), oracle.side, False, evaluator.prepare(original))
    return {n: m if isinstance(m, str) else number(m) for n, m in evaluator.evaluate(trial).items()}


def close(a: dict[str, float | str], b: dict[str, float | str], within: float = 1e-9) -> bool:
    """True if two sets of scores agree, reasons to the letter."""
    pairs = [(a.get(n), b.get(n)) for n in a.keys() | b.keys()]
    return all(abs(x - y) <= within if isinstance(x, float) and isinstance(y, float) else x == y for x, y in pairs)


def every_score_is_explained(evaluator: Evaluator) -> None:
    """Each score that it gives has an entry in its glossary, and none is without words."""
    scores = values(evaluator, planted(1, 0.5), planted(2, 0.0))
    unknown = sorted(scores.keys() - evaluator.scores.keys())
    require(not unknown, evaluator, f"gives scores that its glossary lacks: {unknown}")
    mute = [n for n, about in evaluator.scores.items() if not (about.means and about.unit and about.ideal and about.weak)]
    require(not mute, evaluator, f"explains these scores without words: {mute}")


def it_is_ideal_when_unlearned_is_the_oracle(evaluator: Evaluator) -> None:
    """A score whose ideal is 0 is 0 for the oracles themselves."""
    oracle = planted(2, 0.0)
    same = values(evaluator, oracle, oracle)
    zero = [n for n, about in evaluator.scores.items() if aims_at_zero(about)]
    off = {n: v for n in zero if isinstance(v := same.get(n), float) and abs(v) > 1e-9}
    require(not off, evaluator, f"is not ideal when the unlearned models are the oracles: {off}")


def it_is_blind_to_the_order_of_models(evaluator: Evaluator) -> None:
    """Models may come in any order."""
    ours, oracle = planted(1, 0.5), planted(2, 0.0)
    turned = ours.of_models(np.arange(ours.models)[::-1])
    require(close(values(evaluator, ours, oracle), values(evaluator, turned, oracle)), evaluator, "depends on the order of models")


def it_is_blind_to_the_order_of_examples(evaluator: Evaluator) -> None:
    """Examples of all sides may come in any order, sides mixed; labels, ids and outputs with them."""
    ours, oracle = planted(1, 0.5), planted(2, 0.0)
    order = np.random.default_rng(0).permutation(3 * PER_SIDE)

    def turn(observation: Observation) -> Observation:
        columns = {n: getattr(observation, n)[order] for n in ("labels", "true", "side", "ids")}
        return replace(observation, outputs={"logits": observation.logits[:, order]}, **columns)

    require(
        close(values(evaluator, ours, oracle), values(evaluator, turn(ours), turn(oracle))),
        evaluator,
        "depends on the order of examples",
    )


def a_batch_of_models_gives_what_its_models_give_one_by_one(evaluator: Evaluator) -> None:
    """A population is prepared model by model: none depends on another."""
    observation = planted(1, 0.5)
    whole = evaluator.prepare(observation)
    for few in ([0], [3, 5, 8]):
        part = evaluator.prepare(observation.of_models(few))
        same = part.shape == (len(few), *whole.shape[1:]) and bool(np.allclose(part, whole[few], rtol=0, atol=1e-9, equal_nan=True))
        require(same, evaluator, f"prepares model {few[0]} otherwise when it comes with others")


def it_tells_the_original_from_the_oracle(evaluator: Evaluator) -> None:
    """Some score of models that are far more certain on the forget set differs from the oracles'."""
    oracle = planted(2, 0.0)
    same, other = values(evaluator, oracle, oracle), values(evaluator, planted(1, 6.0), oracle)
    apart = [n for n, v in other.items() if isinstance(v, float) and abs(v - float(same[n])) > 0.01]
    require(bool(apart), evaluator, "gives the same scores to models that hold on to the forget set as to oracles")
