"""Promises of evaluators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from untrain.core.contract import Refuted, require
from untrain.core.errors import BrokenPromise, RunFailed
from untrain.core.foreign import foreign
from untrain.evaluation.base import Evaluator, Formula, Measured, Prepared, Rate, Splits
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import aims_at_zero, number
from untrain.evaluation.scoring.splits import compared
from untrain.maths.logits import log_probabilities

MODELS, PER_SIDE = 60, 30


def planted(seed: int, boost: float, probes: Iterable[str] = (), whole: bool = False) -> Observation:
    """Logits of 60 models on 90 examples in three classes, more certain by ``boost`` on the forget set; and so on each probe.

    With ``whole`` the forget set is one class and the retain set the two others, and models are as certain on its test examples.
    Every fifth example had another label before noise, and so had the whole forget set.
    """
    draw = np.random.default_rng(seed)
    side = np.repeat(["forget", "retain", "test"], PER_SIDE)
    labels = np.arange(3 * PER_SIDE) % 3
    if whole:
        labels = np.where(side == "forget", 2, np.where(side == "retain", labels % 2, labels))
    known = labels == 2 if whole else side == "forget"
    logits = draw.normal(size=(MODELS, len(side), 3)).astype(np.float32)
    logits[:, np.arange(len(side)), labels] += 1 + boost * known + (side == "retain")
    asked = {name: planted(seed + at, boost, whole=whole) for at, name in enumerate(sorted(probes), 1000)}
    true = np.where((side == "forget") | (np.arange(len(side)) % 5 == 0), (labels + 1) % 3, labels)
    return with_logits(replace(Observation.of_logits(logits, labels, true, side, np.arange(len(side))), probes=asked), logits)


def with_logits(seen: Observation, logits: np.ndarray[Any, Any]) -> Observation:
    """The same examples with other logits, and what is stored of an answer of a single token with the label's probability."""
    log_p = np.take_along_axis(log_probabilities(logits), np.asarray(seen.labels)[None, :, None], -1)[..., 0]
    p = np.exp(log_p)
    answers = {"count": np.ones_like(p), "hits": p, "suffix": p, "lowest": log_p, "lowest_standardised": log_p}
    return replace(seen, outputs={"logits": logits, **answers})


def values(
    made: Evaluator, ours: Observation, oracle: Observation, ready: np.ndarray[Any, Any] | None = None
) -> dict[str, float | str]:
    """Score name -> value, or the reason why there is none; ``ready`` is what was prepared of the oracles, where it is known."""
    return {n: m if isinstance(m, str) else number(m) for n, m in measured(made, ours, oracle, ready).items()}


def measured(
    made: Evaluator, ours: Observation, oracle: Observation, ready: np.ndarray[Any, Any] | None = None
) -> Mapping[str, Measured | str]:
    """The same as tables."""
    boost = np.where(oracle.side == "forget", 6.0, 0.0)[:, None] * np.eye(3)[oracle.labels]
    original = with_logits(oracle.of_models([0, 1]), np.asarray(oracle.logits[:2]) + boost.astype(np.float32))
    theirs = made.prepare(oracle) if ready is None else ready
    trial = Prepared(theirs if ours is oracle else made.prepare(ours), theirs, oracle.side, False, made.prepare(original))
    return made.evaluate(trial)


def looks_at(m: Measured | str) -> set[str]:
    """Sides of the examples that a score is computed of.

    >>> from untrain.evaluation.base import Measure, Part
    >>> looks_at(Measure((Part(1, "unlearned", "retain", np.zeros((1, 2))),)))
    {'retain'}
    """
    if isinstance(m, str):
        return set()
    if isinstance(m, Formula):
        return set().union(*map(looks_at, m.terms))
    return {"forget"} if isinstance(m, Rate) else {part.side for part in m.parts}


def close(a: dict[str, float | str], b: dict[str, float | str], within: float = 1e-9) -> bool:
    """True if two sets of scores agree, reasons to the letter."""
    pairs = [(a.get(n), b.get(n)) for n in a.keys() | b.keys()]
    return all(abs(x - y) <= within if isinstance(x, float) and isinstance(y, float) else x == y for x, y in pairs)


def every_score_is_explained(made: Evaluator) -> None:
    """Each score that it gives has an entry in its glossary, and none is without words.

    Cure: give `scores` an entry for each name that `evaluate` returns, with means, unit, ideal and weak.
    """
    scores = values(made, planted(1, 0.5, made.probes), planted(2, 0.0, made.probes))
    unknown = sorted(scores.keys() - made.scores.keys())
    require(not unknown, made, f"gives scores that its glossary lacks: {unknown}")
    mute = [n for n, about in made.scores.items() if not (about.means and about.unit and about.ideal and about.weak)]
    require(not mute, made, f"explains these scores without words: {mute}")


def it_leaves_the_process_as_it_was(made: Evaluator) -> None:
    """No global generator is drawn from, and no setting or function of the process is changed.

    Cure: draw from `np.random.default_rng(0)`, give a library that draws a seed of its own, and undo what you set.
    """
    ours, oracle = planted(1, 0.5, made.probes), planted(2, 0.0, made.probes)
    try:
        with foreign(type(made).__name__):
            values(made, ours, oracle)
    except BrokenPromise as error:
        raise Refuted(str(error)) from error


def it_is_ideal_when_unlearned_is_the_oracle(made: Evaluator) -> None:
    """A score whose ideal is 0 is 0 for the oracles themselves.

    Cure: compare the unlearned models with the oracles, and not with a constant.
    """
    oracle = planted(2, 0.0, made.probes)
    same = values(made, oracle, oracle)
    zero = [n for n, about in made.scores.items() if aims_at_zero(about)]
    off = {n: v for n in zero if isinstance(v := same.get(n), float) and abs(v) > 1e-9}
    require(not off, made, f"is not ideal when the unlearned models are the oracles: {off}")


def it_is_blind_to_the_order_of_models(made: Evaluator) -> None:
    """Models may come in any order.

    Cure: pair no model with the one of the same number: take means, or all pairs.
    """
    ours, oracle = planted(1, 0.5, made.probes), planted(2, 0.0, made.probes)
    turned = ours.of_models(np.arange(ours.models)[::-1])
    require(close(values(made, ours, oracle), values(made, turned, oracle)), made, "depends on the order of models")


def it_is_blind_to_the_order_of_examples(made: Evaluator) -> None:
    """Examples of all sides may come in any order, sides mixed; labels, ids and outputs with them.

    Cure: take rows by `side`, and not by their place.
    """
    ours, oracle = planted(1, 0.5, made.probes), planted(2, 0.0, made.probes)
    order = np.random.default_rng(0).permutation(3 * PER_SIDE)

    def turn(observation: Observation) -> Observation:
        columns = {n: getattr(observation, n)[order] for n in ("labels", "true", "side", "ids")}
        return with_logits(replace(observation, **columns), np.asarray(observation.logits[:, order]))

    require(
        close(values(made, ours, oracle), values(made, turn(ours), turn(oracle))),
        made,
        "depends on the order of examples",
    )


def a_batch_of_models_gives_what_its_models_give_one_by_one(made: Evaluator) -> None:
    """A population is prepared model by model: none depends on another.

    Cure: let `prepare` see one model at a time: no mean over models in it.
    """
    observation = planted(1, 0.5, made.probes)
    whole = made.prepare(observation)
    for few in ([0], [3, 5, 8]):
        part = made.prepare(observation.of_models(few))
        same = part.shape == (len(few), *whole.shape[1:]) and bool(np.allclose(part, whole[few], rtol=0, atol=1e-9, equal_nan=True))
        require(same, made, f"prepares model {few[0]} otherwise when it comes with others")


def splits_at_once_score_as_each_by_itself(made: Evaluator) -> None:
    """``in_splits`` gives for many splits of the models what ``evaluate`` gives for each.

    Cure: let `in_splits` compute what `evaluate` does, or leave it out, which is slower and never wrong.
    """
    seen, orders = planted(1, 0.5, made.probes).of_models(slice(0, 18)), np.stack([np.roll(np.arange(12), at) for at in range(4)])
    ready, only = made.prepare(seen), frozenset(name for name, about in made.scores.items() if about.margin is not None)
    splits = Splits(ready[:12], orders[:, :3], orders[:, 3:], Prepared(ready[:3], ready[3:12], seen.side, False, ready[12:], only))
    try:
        if (at_once := made.in_splits(splits)) is not None:
            compared(made, splits, at_once, len(splits))
    except RunFailed as error:
        raise Refuted(str(error)) from error


def a_score_of_one_side_reads_that_side(made: Evaluator) -> None:
    """A score whose name begins with retain or test does not change with outputs on the forget set.

    Cure: read the outputs of that side alone, by `observation.side`, or give the score the name of what it reads.
    """
    if not any(n.startswith(("retain_", "test_")) for n in made.scores):
        return
    oracle = planted(2, 0.0, made.probes)
    before = values(made, oracle, oracle)
    after = values(made, _shaken(oracle, np.flatnonzero(oracle.side == "forget")), oracle)
    wrong = [n for n in before if {"retain", "test"} & set(n.split("_")[:1]) and not _near(before[n], after.get(n))]
    require(not wrong, made, f"changes {wrong} with outputs on forget examples: names are exchanged")


def every_forget_example_counts(made: Evaluator) -> None:
    """Outputs on any one forget example change some score: the set is not cut.

    Cure: take every row whose side is 'forget', not the first so many.
    """
    oracle = planted(2, 0.0, made.probes)
    ready = made.prepare(oracle)
    before = values(made, oracle, oracle, ready)
    if all(isinstance(v, str) for v in before.values()) or made.probes:
        return
    for row in np.flatnonzero(oracle.side == "forget")[[0, -1]]:
        after = values(made, _shaken(oracle, np.array([row])), oracle, ready)
        changed = any(not _near(before[n], after[n]) for n in before)
        require(changed, made, f"gives the same scores whatever comes out on forget example {row}")


def scores_that_say_remembers_rise_with_memory(made: Evaluator) -> None:
    """A score whose excess is called memory is larger for models that are surer on the forget set, smaller for less sure ones.

    Cure: turn the sign of the score, or say in its entry what more of it means.
    """
    if not any(about.above.startswith("remembers") or about.below.startswith("over-forgets") for about in made.scores.values()):
        return
    for name, found in _rising(made).items():
        about = made.scores[name]
        up = not about.above.startswith("remembers") or found[1] < found[2]
        down = not about.below.startswith("over-forgets") or found[0] < found[1]
        require(up and down, made, f"goes the wrong way: {name} of models that know less, as much and more is {found}")


def _rising(made: Evaluator) -> dict[str, list[float]]:
    """Each score of models that know less of the forget set, as much and more; of a whole class, where it is for those alone."""
    found = {}
    for whole in (False, True):
        oracle = planted(2, 0.0, made.probes, whole)
        ready = made.prepare(oracle)
        tried = [values(made, planted(1, boost, made.probes, whole), oracle, ready) for boost in (-3.0, 0.0, 3.0)]
        by_name = {name: [v for each in tried if isinstance(v := each.get(name), float)] for name in made.scores}
        found = {name: several for name, several in by_name.items() if len(several) == len(tried)}
        if found:
            break
    return found


def a_score_that_is_one_half_for_retrained_models_is_that_on_average(made: Evaluator) -> None:
    """A score whose ideal is 0.5 is that, on average, where the unlearned models are further oracles.

    24 populations of 12 models are compared with 12 others each; the mean is not off by more than 4.1 standard errors, which chance
    does once in 2,000 times.

    Cure: fit an attack on other models or examples than it is tried on, and let a coin's guess score one half.
    """
    names = [name for name, about in made.scores.items() if about.ideal.strip() == "0.5"]
    if not names:
        return
    few = np.arange(12)
    trials = []
    for at in range(24):
        ours, oracle = (planted(100 * k + at, 0.0, made.probes).of_models(few) for k in (1, 2))
        trials.append(values(made, ours, oracle))
    for name in names:
        found = [value for trial in trials if isinstance(value := trial.get(name), float)]
        if len(found) == len(trials):
            off, error = np.mean(found) - 0.5, np.std(found, ddof=1) / len(found) ** 0.5
            require(
                abs(off) <= max(4.1 * error, 0.01),
                made,
                f"gives further oracles {np.mean(found):.3f} for {name}, whose ideal is 0.5: is it fitted on what it is tried on?",
            )


def _shaken(seen: Observation, rows: np.ndarray[Any, Any]) -> Observation:
    """Other outputs on some examples, surely wrong ones."""
    logits = np.array(seen.logits)
    logits[:, rows, seen.labels[rows]] -= 40.0
    return with_logits(seen, logits)


def _near(a: float | str | None, b: float | str | None) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-9)


def it_tells_the_original_from_the_oracle(made: Evaluator) -> None:
    """Some score of models that are far more certain on the forget set differs from the oracles', unless all are of the retain set.

    Cure: look at the rows of the forget set.
    """
    apart = []
    for whole in (False, True):
        oracle = planted(2, 0.0, made.probes, whole)
        if set().union(*map(looks_at, measured(made, oracle, oracle).values())) == {"retain"}:
            return
        same, other = values(made, oracle, oracle), values(made, planted(1, 6.0, made.probes, whole), oracle)
        valued = {n: v for n, v in other.items() if isinstance(v, float)}
        apart += [n for n, v in valued.items() if abs(v - float(same[n])) > 0.01]
        if valued:  # on examples of all classes, unless all of its scores are for whole classes
            break
    require(bool(apart), made, "gives the same scores to models that hold on to the forget set as to oracles")


# What `untrain check --fast` leaves out: each scores many populations.
SLOW = (a_score_that_is_one_half_for_retrained_models_is_that_on_average, every_forget_example_counts)
