"""A protocol is stated, priced and refused by commands before anything is trained, and a report says where it was changed."""

import numpy as np
import pytest

import untrain as ut
from methods import latin
from untrain.core.errors import SpecError
from untrain.runtime.store import Store

WRONG = "Protocol(attack=Margin())"


@pytest.fixture
def outputs():
    """Outputs of so many models, as ``Outputs``."""

    def make(models, oracles, sizes=(20, 20, 20), **more):
        side = np.repeat(["forget", "test", "retain"], sizes)
        labels = np.random.default_rng(9).integers(4, size=len(side))
        draw = np.random.default_rng(0)
        base = np.random.default_rng(8).normal(size=(len(side), 4)) + 2 * np.eye(4)[labels]
        ours, theirs = (base + 0.3 * draw.normal(size=(m, len(side), 4)) for m in (models, oracles))
        return ut.Outputs(ours, theirs, labels=labels, sides=side, **more)

    return make


def verdict(document):
    return document["results"][0]["verdict"]


def test_a_protocol_that_no_number_of_models_meets_is_refused_before_anything_is_trained(tmp_path, tiny, outputs):
    asked = (
        lambda: ut.run(tiny.scenario, "Nothing", store=tmp_path, protocol=WRONG),
        lambda: ut.price(tiny.scenario, "Nothing", store=tmp_path, protocol=WRONG),
        lambda: ut.demo(store=tmp_path, out=tmp_path / "out", protocol=WRONG),
        lambda: ut.audit(outputs(2, 4), store=tmp_path, protocol=WRONG),
        lambda: ut.audit(outputs(2, 4), store=tmp_path, protocol="stict", price=True),
        lambda: ut.report(store=tiny.store, out=tmp_path / "out", protocol=WRONG),
    )
    for ask in asked:
        with pytest.raises(SpecError, match=r"no number of models shows|did you mean 'strict'"):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_the_price_says_where_no_number_of_models_is_enough_and_why(tmp_path, tiny):
    (line,) = ut.price(tiny.scenario, "Nothing", store=tmp_path, protocol="Protocol(test=Margin(spreads=0.05))")["design"]
    assert line.endswith("; no number of models up to 60 of a kind reaches 80% of both: widen the margin on test accuracy")
    priced = ut.price(tiny.scenario, "Nothing", store=tmp_path)
    assert priced["plans"][0]["power"]["models"] == 5
    assert priced["plans"][0]["power"]["oracles"] == 12
    assert priced["plans"][0]["power"]["passes"] >= 0.8
    assert "80% of both" not in priced["design"][0], "the defaults are a design that can reach a verdict"


def test_a_run_states_its_protocol_and_a_report_by_another_warns(tiny, tmp_path):
    key = tiny.document["run"]
    assert Store(tiny.store).get(key).record["protocol"] == "Protocol()"
    assert verdict(tiny.document)["protocol"] == "standard"
    other = ut.report([key], tiny.store, tmp_path, images=False, protocol="strict")["runs"][0]
    assert verdict(other)["protocol"] == "strict"
    assert "the protocol strict was chosen after the models were made; before, standard was stated" in other["warnings"]
    same = ut.report([key], tiny.store, tmp_path, images=False, protocol="standard", replace=True)["runs"][0]
    assert same["warnings"] == tiny.document["warnings"]


@pytest.mark.parametrize(("sizes", "forget"), latin([(1, 2), (1, 19), (5, 10)], [1, 2, 3], 3))
def test_few_examples_and_models_have_an_outcome(tmp_path, outputs, forget, sizes):
    models, oracles = sizes
    found = verdict(ut.audit(outputs(models, oracles, (forget, 20, 20)), store=tmp_path))
    assert found["outcome"] in (("open",) if oracles == 2 else ("open", "passes")), "they are retrained ones"
    assert len(found["sentence"].split()) <= 30
    if oracles == 2:
        assert "it takes 6 retrained models, and there are 2" in found["lacks"]["attack"]


def test_a_side_without_examples_is_noted(tmp_path, outputs):
    found = verdict(ut.audit(outputs(5, 10, (20, 20, 0)), store=tmp_path))
    assert found["outcome"] == "passes"
    assert "retain accuracy was not tested: there are no retain examples, or no loss of them is known" in found["notes"]


def test_a_deterministic_learner_passes_by_its_one_oracle_or_fails(tmp_path, outputs):
    given = outputs(1, 1, deterministic=True)
    same = ut.Outputs(given.oracles, given.oracles, labels=given.labels, sides=given.sides, deterministic=True)
    assert verdict(ut.audit(same, store=tmp_path))["outcome"] == "passes"
    worse = np.where(np.asarray(given.sides)[None, :, None] == "test", np.roll(given.oracles, 1, 2), given.oracles)
    other = ut.Outputs(worse, given.oracles, labels=given.labels, sides=given.sides, deterministic=True)
    assert verdict(ut.audit(other, store=tmp_path))["outcome"] == "fails: over-forgets or broke something"


@pytest.mark.parametrize("labels", [True, False])
def test_margins_alone_have_every_endpoint_by_their_losses(tmp_path, outputs, labels):
    given = outputs(5, 10)
    margins = ut.Outputs(
        given.unlearned[..., 0], given.oracles[..., 0], labels=given.labels if labels else None, sides=given.sides
    )  # fmt: skip
    found = verdict(ut.audit(margins, store=tmp_path))
    assert found["lacks"] == {}
    assert {e["name"]: e["unit"] for e in found["endpoints"]}["test"] == "nats"
