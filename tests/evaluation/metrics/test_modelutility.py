"""Model utility, probabilities and other words, worked out by hand."""

import math

import numpy as np
import pytest

from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.knowmem import KnowMem
from untrain.evaluation.metrics.modelutility import ModelUtility
from untrain.evaluation.metrics.probability import Probability
from untrain.evaluation.metrics.reworded import Reworded
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM

SIDE = np.array(["forget", "forget", "retain", "retain", "test"])
IDS = np.array(list("abcde"))


def answers(probabilities, ids, hits=None):
    """One model on answers of four tokens, of given probabilities."""
    loss = -np.log(np.asarray(probabilities, dtype=float))[None]
    outputs = {"loss": loss, "count": np.full_like(loss, 4.0), "hits": np.zeros_like(loss) if hits is None else np.array([hits])}
    ids = np.asarray(ids)
    return Observation(outputs, ids, ids, SIDE if len(ids) == len(SIDE) else np.repeat("other", len(ids)), ids, task=CausalLM())


def values(made, seen):
    table = made.prepare(seen)
    found = made.evaluate(Prepared(table, table, seen.side, False))
    return {name: score if isinstance(score, str) else number(score) for name, score in found.items()}


def observed(**probes):
    seen = answers([0.5, 0.1, 0.8, 0.4, 0.2], IDS, hits=[4.0, 4, 4, 2, 0])
    return Observation(seen.outputs, IDS, IDS, SIDE, IDS, task=CausalLM(), probes=probes)


def test_utility_is_the_harmonic_mean_of_three_means_on_the_retain_set():
    # Ratios .25 and 2: what counts of them is .75 and 0; probabilities .8 and .4, shares of hits 1 and .5.
    right, wrong = answers([0.8, 0.2], ["c", "d"]), answers([0.2, 0.4], ["c", "d"])
    found = values(ModelUtility(), observed(paraphrase=right, perturbed=wrong))
    assert found["model_utility"] == pytest.approx(3 / (1 / 0.6 + 1 / 0.75 + 1 / 0.375))
    none = values(ModelUtility(), observed(paraphrase=answers([0.5], ["a"]), perturbed=answers([0.5], ["a"])))
    assert none["model_utility"] == "no retain example comes with a question in other words and wrong answers"


def test_probabilities_are_means_over_a_side():
    found = values(Probability(), observed())
    assert found == {
        "probability_forget": pytest.approx(0.3), "probability_retain": pytest.approx(0.6), "probability_test": pytest.approx(0.2)
    }  # fmt: skip


def test_the_best_of_several_prompts_counts():
    asked = answers([0.2, 0.9, 0.05, 0.3], ["a", "a", "b", "d"])
    found = values(Reworded(), observed(reworded=asked))
    assert found["reworded_forget"] == pytest.approx((0.9 + 0.05) / 2)
    assert found["reworded_gain"] == pytest.approx((0.9 + 0.05) / 2 - 0.3)
    assert found["reworded_retain"] == pytest.approx(0.3)
    alone = values(Reworded(), observed(reworded=answers([0.2], ["e"])))
    assert alone["reworded_forget"] == "no forget example comes with a question in other words"
    assert math.isfinite(values(Reworded(), observed(reworded=answers([0.2, 0.1], ["a", "zz"])))["reworded_gain"])


def test_what_is_known_of_a_document_is_the_mean_over_its_questions():
    asked = answers([0.4, 0.9, 0.5], ["a", "a", "c"], hits=[4.0, 3, 4])
    found = values(KnowMem(), observed(knowledge=asked))
    assert found["knowmem_forget"] == pytest.approx((0.4 + 0.9) / 2)
    assert (found["knowmem_retain"], found["knowmem_said"]) == (pytest.approx(0.5), 1.0)
    assert found["knowmem_test"] == "there are no questions about the test documents"
