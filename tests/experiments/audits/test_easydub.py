import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.experiments.audits.easydub import read_easydub
from untrain.experiments.audits.foreign_models import Outputs
from untrain.experiments.audits.populations import populations_of

TRAIN, VAL, FORGET = 30, 12, np.array([3, 7, 21])


@pytest.fixture
def root(tmp_path):
    """A data set laid out as EasyDUB's: one file a model; retain margins of the originals are of all training examples."""
    base, draw = tmp_path / "margins" / "cifar10", np.random.default_rng(0)
    (tmp_path / "forget_sets" / "cifar10").mkdir(parents=True)
    np.save(tmp_path / "forget_sets" / "cifar10" / "forget_set_2.npy", FORGET)
    sizes = {"retain": TRAIN - len(FORGET), "forget": len(FORGET), "val": VAL}
    places = {f"oracle/forget_2/{side}": size for side, size in sizes.items()}
    places |= {"pretrain/forget_2": len(FORGET), "pretrain/retain": TRAIN, "pretrain/val": VAL}
    for place, size in places.items():
        (base / place / "resnet9").mkdir(parents=True)
        for model in range(12):
            row = np.arange(TRAIN) + 100.0 * model if place == "pretrain/retain" else draw.normal(size=size)
            np.save(base / place / "resnet9" / f"id_{model}_epoch_23.npy", row.astype(np.float32))
    return tmp_path


def test_margins_come_by_side_and_the_originals_lose_the_forget_examples(root):
    found, side = read_easydub(root, 2)
    assert {who: {s: a.shape for s, a in parts.items()} for who, parts in found.items()} == {
        who: {"retain": (12, 27), "forget": (12, 3), "val": (12, 12)} for who in ("oracles", "originals")
    }
    assert found["originals"]["retain"][2].tolist() == [200.0 + i for i in range(TRAIN) if i not in FORGET]
    assert side.tolist() == ["retain"] * 27 + ["forget"] * 3 + ["test"] * 12


def test_margins_of_ones_own_in_its_order_go_with_them(root):
    found, _ = read_easydub(root, 2)
    mine = np.random.default_rng(1).normal(size=(12, 42)).astype(np.float32)
    given = populations_of(Outputs.from_easydub(mine, root, 2))
    assert given.kind == "margins"
    assert (given.models["oracles"][:, 27:30] == found["oracles"]["forget"]).all()


def test_a_folder_that_is_none_and_a_set_that_is_not_there_are_refused(root, tmp_path):
    with pytest.raises(DataError, match="not an EasyDUB data set"):
        read_easydub(tmp_path / "margins", 2)
    with pytest.raises(DataError, match="no oracles of forget set 3; it has those of 2"):
        read_easydub(root, 3)
