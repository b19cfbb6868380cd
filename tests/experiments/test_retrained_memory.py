"""A memory that was retrained has fewer rows than the training set, and is loaded wherever models are."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import ModelError
from untrain.experiments.results import entries_of
from untrain.models.state import load_state
from untrain.runtime.store import Store

SCENARIO = "WithLearner(by=Retrieval())"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("memories")
    return home, ut.run(SCENARIO, "DeleteRows", home / "store", seeds=1, oracles=2, observers="ZRF")


def test_observers_look_at_retrained_memories(made):
    (row,) = made[1]["results"]
    assert row["error"] is None
    assert row["notes"] == []
    assert not [line for line in made[1]["warnings"] if "failed" in line]
    scores = [row["scores"][name] for name in row["scores"] if name.startswith("zrf")]
    assert scores
    assert all(score["value"] == score["ideal"] for score in scores)  # deletion is exact


def test_a_retrained_memory_is_audited_as_a_checkpoint(made, tmp_path):
    store = Store(made[0] / "store")
    oracle = entries_of(store.get(made[1]["run"]), store)["oracle"][0]
    state = {name: torch.from_numpy(array) for name, array in oracle.tensors("weights").items()}
    document = ut.audit(ut.Checkpoints(model=state, oracles=2), scenario=SCENARIO, store=tmp_path)
    assert document["results"][0]["scores"]["forget_gap"]["value"] == 0


def test_a_population_s_memory_of_a_subset_is_loaded(tmp_path):
    draw = torch.Generator().manual_seed(0)
    train = ut.Examples.labelled(torch.rand(12, 3, generator=draw), torch.arange(12) % 2, np.arange(12), classes=2)
    pair, learner = (np.arange(5), 0), ut.Retrieval(neighbours=2)
    arguments = {"store": tmp_path, "together": "loop"}
    outputs = ut.train_population(learner, train, [pair], train, keep_models=True, **arguments)
    model = ut.load_model(learner, train, pair, train, **arguments)
    assert len(model.keys) == 5
    assert torch.equal(model(train.x), torch.from_numpy(np.array(outputs["logits"][0])))


def test_other_weights_still_have_to_fit():
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_state(torch.nn.Linear(3, 2), torch.nn.Linear(4, 2).state_dict())


@pytest.mark.parametrize(
    ("other", "said"),
    [({"keys": torch.zeros(4, 3)}, r"keys has shape \(4, 3\)"), ({"values": torch.tensor(1)}, r"values has shape \(\) and")],
)
def test_a_memory_of_another_width_or_without_rows_is_refused(other, said, made, tmp_path):
    state = {"keys": torch.zeros(4, 64), "values": torch.zeros(4, dtype=torch.int64), "names": torch.zeros(4, dtype=torch.int64)}
    state |= {"valid": torch.ones(4, dtype=torch.bool), "temperature": torch.tensor(1.0)} | other
    with pytest.raises(ModelError, match=said):
        ut.audit(ut.Checkpoints(model=state, oracles=2), scenario=SCENARIO, store=tmp_path)
