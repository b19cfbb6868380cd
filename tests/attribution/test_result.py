"""Tables of attributions: what they correct, and what a file keeps."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from untrain.attribution.calibration import Multiplier
from untrain.attribution.lds import LinearDatamodelingScore
from untrain.attribution.result import Attribution, correction, effects_on, load, save
from untrain.core.errors import DataError
from untrain.data.examples import Examples, take

VALUES = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
TABLE = Attribution(
    VALUES, np.array(["a", "b", "c"]), np.array(["a", "x"]), "Datamodels(penalty='ridge')",
    Multiplier(0.5, 0.4, 0.6, 0.3, 40), {"train": LinearDatamodelingScore(0.6, 0.5, 0.7, 100, 2, 128)}, {"models": 2048},
)  # fmt: skip


def test_a_correction_is_the_multiplied_sum_of_values():
    assert correction(TABLE, ["c", "a"]).tolist() == (0.5 * (VALUES[0] + VALUES[2])).tolist()
    assert correction(replace(TABLE, multiplier=None), ["b"]).tolist() == VALUES[1].tolist()
    assert correction(TABLE, ["a"]).dtype == np.float32


@pytest.mark.parametrize(("ids", "said"), [
    (["a", "d"], r"does not cover 1 of 2 examples \(ids d\)"), (list("defgh"), r"5 of 5 examples \(ids d, e, f, \.\.\.\)"),
    (["a", "a"], "named twice"),
])  # fmt: skip
def test_examples_that_the_table_does_not_cover_are_named(ids, said):
    with pytest.raises(DataError, match=said):
        correction(TABLE, ids)


def test_effects_are_of_the_forget_set_on_each_example_by_its_id():
    train = Examples.labelled(torch.zeros(3, 1), torch.tensor([0, 1, 0]), np.array(["a", "b", "c"]), 2)
    # Test examples may have the ids of training examples, which come first.
    asked = np.array(["a", "b", "c", "b"])
    values = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    table = replace(TABLE, values=values, asked_ids=asked)
    effects = effects_on(table, take(train, np.array([2, 0])), take(train, np.array([1])))
    total = 0.5 * (values[0] + values[2])
    assert effects.forget.numpy() == pytest.approx(total[[2, 0]], abs=1e-6)
    assert effects.retain.numpy() == pytest.approx(total[[1]], abs=1e-6)
    with pytest.raises(DataError, match=r"the table has no outputs of 1 of 1 examples \(ids b\): ask about them"):
        effects_on(replace(TABLE, asked_ids=np.array(["a", "c"])), take(train, np.array([0])), take(train, np.array([1])))


@pytest.mark.parametrize("ids", [np.array(["a", "b", "c"]), np.array([3, 1, 2]), np.array(["a", "b", "c"], dtype=object)])
def test_a_file_keeps_all_of_it(ids, tmp_path):
    table = replace(TABLE, ids=ids)
    again = load(save(table, tmp_path / "new" / "table.npz"))
    assert again.values.tobytes() == table.values.tobytes()
    assert again.values.dtype == np.float32
    assert (again.ids.tolist(), again.asked_ids.tolist()) == (ids.tolist(), ["a", "x"])
    assert (again.method, again.multiplier, again.lds, again.facts) == (table.method, table.multiplier, table.lds, table.facts)
    bare = load(save(Attribution(VALUES, ids, ids[:2], "MeanDifference()"), tmp_path / "bare.npz"))
    assert (bare.multiplier, bare.lds, bare.facts) == (None, {}, {})


def test_a_table_whose_ids_do_not_fit_is_refused():
    with pytest.raises(DataError, match=r"values have shape \(3, 2, 2\): \(2, 2, 'classes'\) is needed"):
        replace(TABLE, ids=np.array(["a", "b"]))
    with pytest.raises(DataError, match="is there twice"):
        replace(TABLE, ids=np.array(["a", "b", "a"]))


def test_a_file_of_another_kind_is_refused_and_nothing_is_left_half_written(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.npz"):
        save(TABLE, tmp_path / "table.csv")
    with pytest.raises(DataError, match="cannot be written"):
        save(replace(TABLE, facts={"bad": float("nan")}), tmp_path / "table.npz")
    assert list(tmp_path.iterdir()) == []
    for name, write in {
        "text.npz": lambda f: f.write_text("no table"),
        "other.npz": lambda f: np.savez(f, values=VALUES),
        "cut.npz": lambda f: f.write_bytes(save(TABLE, tmp_path / "whole.npz").read_bytes()[:300]),
    }.items():
        write(tmp_path / name)
        with pytest.raises(DataError, match=rf"{name} cannot be read as a table of attributions: ") as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_file_of_a_later_format_says_so(tmp_path):
    about = {"format": 2, "method": "", "facts": {}, "multiplier": asdict(TABLE.multiplier), "lds": {}}
    np.savez(tmp_path / "later.npz", about=np.array(json.dumps(about)), values=VALUES, ids=TABLE.ids, asked_ids=TABLE.asked_ids)
    with pytest.raises(DataError, match="has format 2, and 1 is known"):
        load(tmp_path / "later.npz")
