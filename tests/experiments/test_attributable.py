"""What cannot be attributed is refused before anything is trained, by runs and by prices as by ``untrain attribute``."""

import pytest

import untrain as ut
from untrain.commands.run import price
from untrain.core.errors import DataError, SpecError
from untrain.experiments.leaderboard.entrants import refusal
from untrain.runtime.store import Store

SCENARIO = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=1, batch=64))"
FEW = "attributor=MeanDifference(), models=16, held_out=20, seed=1"
SINGULAR = "attributor=LastLayerInfluence(damping=0.0), models=2, held_out=20"
REFUSED = [
    (FEW, DataError, r"the population does not cover \d+ of 1258 training examples .*: take more models than 16"),
    (SINGULAR, DataError, r"the Hessian of the last layer of Sequential is singular with damping=0: take a larger one"),
]


@pytest.mark.parametrize(("estimation", "kind", "said"), REFUSED, ids=["few models", "singular"])
@pytest.mark.parametrize("method", ["DatamodelMatch", "DatamodelDirect"])
def test_a_run_refuses_what_cannot_be_estimated_and_trains_nothing(estimation, kind, said, method, tmp_path):
    method = f"{method}(estimation=Estimation({estimation}))"
    for command in (ut.run, price):
        with pytest.raises(kind, match=rf"{method[:10]}.*: {said}") as caught:
            command(SCENARIO, ["Nothing()", method], store=tmp_path, seeds=2, oracles=2)
        assert "\n" not in str(caught.value)
    assert list(Store(tmp_path).entries()) == []


@pytest.mark.parametrize(("estimation", "kind", "said"), REFUSED, ids=["few models", "singular"])
def test_attribute_refuses_the_same(estimation, kind, said, tmp_path):
    parsed = ut.parse(f"Estimation({estimation})")
    words = {"attributor": parsed.attributor, "models": parsed.models, "held_out": 20, "seed": parsed.seed}
    with pytest.raises(kind, match=said):
        ut.attribute(SCENARIO, rows=[0], store=tmp_path, **words)
    assert list(Store(tmp_path).entries()) == []


def test_a_leaderboard_leaves_such_a_method_out_with_the_reason():
    scenario = ut.parse(SCENARIO)
    method, train = ut.parse(f"DatamodelMatch(estimation=Estimation({FEW}))"), scenario.load().train
    assert "take more models than 16" in refusal(method, scenario.learner(), train, effects=True)
    assert "ask for them with --effects" in refusal(method, scenario.learner(), train, effects=False)


def test_models_without_logits_are_refused(tmp_path):
    with pytest.raises(SpecError, match="DatamodelMatch"):
        ut.run("Diabetes()", ["DatamodelMatch()"], store=tmp_path, seeds=2, oracles=2)
