"""Exact unlearning is audited: a learner of one optimum on data of another scenario."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import BadInput, DataError
from untrain.core.spec import parse
from untrain.experiments.results import entries_of
from untrain.experiments.scenarios.digits import Digits
from untrain.experiments.scenarios.withlearner import WithLearner
from untrain.runtime.store import Store

SCENARIO = "WithLearner(by=ScikitLearn(tolerance=1e-06))"
SPREAD = {"klom_forget", "mia_ulira_accuracy", "mia_lira_auc", "example_max", "forgetting_quality"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("convex")
    return home, ut.run(SCENARIO, ("Retrain", "Nothing"), home / "store", home / "out", seeds=3, oracles=6)


def rows(made):
    return {row["method"]: row for row in made[1]["results"]}


def test_data_and_request_are_the_scenarios():
    mine, other = WithLearner(scenario=Digits()), Digits()
    assert torch.equal(mine.load().train.x, other.load().train.x)
    assert mine.request == other.request
    assert parse(repr(mine)) == mine


def test_one_model_stands_for_all_seeds(made):
    store = Store(made[0] / "store")
    models = entries_of(store.get(made[1]["run"]), store)
    assert len({e.key for e in models["oracle"]}) == len({e.key for e in models["original"]}) == 1
    assert made[1]["price"]["train"] == 1 + 1 + 6


def test_retraining_is_indistinguishable_by_all_tested_scores(made):
    verdict = rows(made)["Retrain()"]["verdict"]
    assert verdict["says"] == "indistinguishable"
    assert len(verdict["tested"]) == 9


def test_leaving_the_model_alone_is_distinguishable(made):
    assert rows(made)["Nothing()"]["verdict"]["says"] == "distinguishable"


def test_scores_of_spread_say_why_they_have_no_value(made):
    for row in rows(made).values():
        reasons = {name: row["scores"][name]["reason"] for name in SPREAD}
        assert set(reasons.values()) == {"needs models that differ from seed to seed, and the 6 oracles are the same one"}


def test_the_reader_is_told_that_there_is_one_model(made):
    assert "the 6 retrained models are the same one" in made[1]["warnings"][0]
    assert not [w for w in made[1]["warnings"] if "seeds say little" in w]
    assert "Single examples were not tested" in (made[0] / "out" / "report.html").read_text(encoding="utf-8")


def test_operations_of_another_library_are_not_counted_as_none(made):
    for row in rows(made).values():
        assert row["cost"]["share_of_retraining"] is None
        assert row["cost"]["share_of_seconds"] is not None
    assert rows(made)["Retrain()"]["cost"]["flops"] is None
    assert made[1]["oracle_cost"]["flops"] is None
    page = (made[0] / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("not counted") >= 3  # of both methods and of retraining


def test_a_budget_of_what_is_not_counted_is_refused_before_anything_is_trained(tmp_path):
    for command in (ut.run, ut.price):
        with pytest.raises(BadInput, match=r"those of ScikitLearn\(tolerance=1e-06\) are not counted: leave it out"):
            command(SCENARIO, "Nothing", tmp_path / "store", seeds=1, oracles=2, budget="10%")
    assert not list(tmp_path.glob("store/objects/*/*"))


@pytest.fixture
def checkpoint(made, tmp_path):
    """The retrained model as another's checkpoint."""
    store = Store(made[0] / "store")
    entry = entries_of(store.get(made[1]["run"]), store)["unlearned"]["Retrain()"][0]
    torch.save({n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()}, tmp_path / "exact.pt")
    return tmp_path / "exact.pt"


def test_a_checkpoint_that_was_unlearned_exactly_is_audited(made, checkpoint):
    found = ut.audit(ut.Checkpoints([str(checkpoint)] * 3, oracles=6), scenario=SCENARIO, store=made[0] / "store")
    (row,) = found["results"]
    assert row["verdict"]["says"] == "indistinguishable"
    assert row["scores"]["forget_gap"]["value"] == 0


def outputs(made, **more):
    store = Store(made[0] / "store")
    run = store.get(made[1]["run"])
    models = entries_of(run, store)
    logits = {who: np.stack([e.array("logits") for e in entries]) for who, entries in (
        ("unlearned", models["unlearned"]["Retrain()"]), ("oracles", models["oracle"]), ("original", models["original"]),
    )}  # fmt: skip
    return ut.Outputs(**logits | {"labels": run.array("labels"), "sides": run.array("side")} | more)


def test_outputs_of_a_deterministic_learner_are_audited_where_that_is_said(made, tmp_path):
    found = ut.audit(outputs(made, deterministic=True), store=tmp_path)
    assert found["results"][0]["verdict"]["says"] == "indistinguishable"
    assert "are the same one" in found["warnings"][0]


def test_margins_of_a_deterministic_learner_give_the_same_reasons(made, tmp_path):
    whole = outputs(made)
    thin = {who: whole_margins(getattr(whole, who), whole.labels) for who in ("unlearned", "oracles", "original")}
    found = ut.audit(outputs(made, deterministic=True, **thin), store=tmp_path)
    scores = found["results"][0]["scores"]
    assert scores["klom_forget"]["reason"].startswith("needs models that differ")
    assert scores["mia_loss_auc"]["value"] is not None


def whole_margins(logits, labels):
    from untrain.maths.logits import margins

    return margins(logits, labels)


def test_without_being_said_the_same_model_twice_is_still_a_mistake(made, tmp_path):
    with pytest.raises(DataError, match=r"models 0 and 1 of the unlearned are the same.*--deterministic"):
        ut.audit(outputs(made), store=tmp_path)


def test_oracles_that_differ_are_not_of_a_deterministic_learner(made, tmp_path):
    oracles = np.array(outputs(made).oracles)
    oracles[2, 0, 0] += 1
    with pytest.raises(DataError, match="models 0 and 2 of the oracles differ"):
        ut.audit(outputs(made, oracles=oracles, deterministic=True), store=tmp_path)
