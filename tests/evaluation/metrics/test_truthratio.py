"""Truth ratios worked out by hand, and what a run without probes says."""

from dataclasses import replace

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import BadInput
from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.truthratio import TruthRatio
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.assessment import lacks
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM

SIDE = np.array(["forget", "forget", "retain", "test"])
IDS = np.array(["a", "b", "c", "d"])


def losses(values, ids):
    """A model's losses on examples about some of the run's."""
    values, ids = np.asarray(values, dtype=float), np.asarray(ids)
    outputs = {"loss": values[None], "count": np.ones((1, len(ids))), "hits": np.zeros((1, len(ids)))}
    return Observation(outputs, ids, ids, np.repeat("other", len(ids)), ids, task=CausalLM())


def asked(paraphrase, perturbed):
    return replace(losses(np.zeros(4), IDS), side=SIDE, probes={"paraphrase": losses(*paraphrase), "perturbed": losses(*perturbed)})


def scores(seen):
    made = TruthRatio()
    return made.evaluate(Prepared(made.prepare(seen), made.prepare(seen), seen.side, False))


def test_ratios_by_hand():
    # p(right) = 1/2, 1/8, 1/2 and 1/4; of two wrong answers about "a" the losses are averaged: log 4.
    right = (np.log([2, 8, 2, 4]), IDS)
    wrong = (np.log([8, 2, 2, 8, 1]), ["a", "a", "b", "c", "d"])
    by_name = {name: number(measure) for name, measure in scores(asked(right, wrong)).items()}
    assert by_name["truth_ratio_forget"] == pytest.approx((1 / 2 + 1 / 4) / 2)  # r is 1/2 and 4
    assert by_name["truth_ratio_retain"] == pytest.approx(1 - 1 / 4)
    assert by_name["truth_ratio_test"] == 0  # r is 4: a wrong answer is preferred


def test_examples_that_are_not_asked_are_left_out():
    seen = asked((np.log([4, 2]), ["b", "nobody"]), (np.log([8]), ["b"]))
    by_name = scores(seen)
    assert number(by_name["truth_ratio_forget"]) == pytest.approx(1 / 2)
    assert "no retain example" in by_name["truth_ratio_retain"]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
def test_a_probe_is_about_the_forget_example_and_not_about_the_corrected_row_with_its_id(order):
    ids, side = np.array([*IDS, "a"])[order], np.array([*SIDE, "corrected"])[order]
    probes = {"paraphrase": losses(np.log([2]), ["a"]), "perturbed": losses(np.log([8]), ["a"])}
    seen = replace(losses(np.zeros(5), ids), side=side, probes=probes)
    assert number(scores(seen)["truth_ratio_forget"]) == pytest.approx(1 / 4)


def test_some_models_have_their_probes():
    seen = asked((np.zeros(4), IDS), (np.zeros(4), IDS))
    two = replace(
        seen,
        outputs={name: np.concatenate([v, v]) for name, v in seen.outputs.items()},
        probes={
            n: replace(p, outputs={k: np.concatenate([v, v + 1]) for k, v in p.outputs.items()}) for n, p in seen.probes.items()
        },
    )
    assert two.of_models([1]).probes["paraphrase"].signal("loss").tolist() == [[1.0] * 4]


def test_without_the_probe_there_is_a_reason():
    assert (
        lacks(TruthRatio(), losses(np.zeros(4), IDS))
        == "needs probe:paraphrase, probe:perturbed, and this run has no outputs on it"
    )


def test_a_scenario_without_the_probe_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(BadInput, match=r"TruthRatio\(\) needs the probe 'paraphrase', and the data have no probes"):
        ut.run("Digits", "Nothing", evaluators="TruthRatio", store=tmp_path / "store")
    assert not list(tmp_path.glob("store/objects/*/*"))


def test_outputs_of_others_are_refused_too(tmp_path):
    with pytest.raises(BadInput, match="the data have no probes"):
        ut.audit(ut.Outputs(unlearned=np.zeros((1, 4, 2)), oracles=np.zeros((2, 4, 2))), evaluators="TruthRatio", store=tmp_path)
