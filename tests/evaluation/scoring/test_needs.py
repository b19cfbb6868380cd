"""Scores of models that do not put out what an evaluator needs give a reason and no value."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from untrain.commands import promises
from untrain.core import discovery
from untrain.core.errors import DataError
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.assessment import assess, lacks, reference_of
from untrain.models.tasks.base import Task

ALL = [promises.example(discovery.load(place.name)) for place in discovery.of_role("evaluator")]
SIDE = np.array(["forget"] * 6 + ["retain"] * 8 + ["test"] * 10)


class Squares:
    """What a task has to have, for outputs of which the loss is the sum of squares."""

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs.square().sum(1)

    def store(self, outputs, batch):
        return {"loss": self.loss_of(outputs, batch)}

    def signal(self, outputs, targets, name):
        return outputs[name]

    def outputs_needed(self, examples):
        return 1

    def head(self, model):
        return ()


class Losses(Squares, Task):
    """Models of which losses alone are stored, as of a task without classes.

    Source: planted.
    """

    outputs = ("loss",)
    signals = frozenset({"loss"})


def observed(seed, count=4, task=None, **outputs):
    """Losses of models on 24 examples, or other outputs."""
    draw, labels = np.random.default_rng(seed), np.arange(24) % 3
    outputs = outputs or {"loss": draw.exponential(size=(count, 24)).astype(np.float32)}
    return Observation(outputs, labels, labels, SIDE, np.arange(24), task=task or Losses())


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_what_cannot_be_had_is_the_reason_of_every_score(evaluator):
    seen = observed(0)
    missing = sorted(name for name in evaluator.needs if not seen.has(name))
    reason = lacks(evaluator, seen)
    assert bool(reason) == bool(missing)
    assert "\n" not in reason
    scores, _ = assess(reference_of([evaluator], seen, observed(1)), observed(2), draws=20)
    everywhere = [name for name, about in evaluator.scores.items() if not about.side]
    assert everywhere
    for name in everywhere if missing else ():
        assert scores[name].value is scores[name].low is scores[name].high is scores[name].verdict is None
        assert scores[name].reason == reason
        unasked = [name for name in missing if name.startswith("probe:")]
        assert ", ".join(unasked) in reason if unasked else "Losses does not give" in reason


def test_losses_alone_are_enough_for_some_and_not_for_others():
    able = {type(e).__name__ for e in ALL if not lacks(e, observed(0))}
    assert {"RMIA", "LogisticMIA", "ThresholdMIA"} <= able
    assert not {"Accuracy", "AUS", "JensenShannon", "Disagreement", "KLoM", "SVCMIA"} & able


class Classes(Squares, Task):
    """A task of which it is known that targets are classes, and nothing else.

    Source: planted.
    """

    outputs = ("nothing",)
    signals = frozenset({"classes"})


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_what_an_evaluator_names_is_all_that_it_takes(evaluator):
    whole = Observation.of_logits(np.random.default_rng(0).normal(size=(4, 24, 3)), *(np.arange(24) % 3,) * 2, SIDE, np.arange(24))
    parts = {name: whole.signal(name) for name in ("loss", "margin", "correct", "confidence")} | {"logits": whole.logits}
    parts |= {name: np.full((4, 24), 2.0) for name in ("count", "hits", "suffix", "lowest", "lowest_standardised")}  # of answers
    outputs = {name: value for name, value in parts.items() if name in evaluator.needs}
    assert outputs
    probes = [name.removeprefix("probe:") for name in evaluator.needs if name.startswith("probe:")]
    asked = {name: parts[name] for name in ("loss", "correct") if name in evaluator.needs}
    given = replace(observed(0, task=Classes()), outputs=outputs, probes={name: observed(1, **asked) for name in probes})
    assert not lacks(evaluator, given)
    assert len(evaluator.prepare(given)) == 4


def test_a_signal_that_a_task_does_not_give_is_refused_in_a_line():
    with pytest.raises(DataError, match="Losses gives no margin; it gives loss"):
        observed(0).signal("margin")
    with pytest.raises(DataError, match="the models put out loss, and logits are needed"):
        _ = observed(0).logits


def test_scores_with_a_reason_stand_beside_those_with_a_value():
    chosen = [e for e in ALL if type(e).__name__ in ("Accuracy", "ThresholdMIA")]
    scores, _ = assess(reference_of(chosen, observed(0), observed(1)), observed(2), draws=20)
    told = {name: asdict(s) for name, s in scores.items()}
    assert any(s["value"] is not None for s in told.values())
    assert all((s["value"] is None) == bool(s["reason"]) for s in told.values())
