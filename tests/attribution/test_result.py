"""Tables of attributions: what they correct, and what a file keeps."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from untrain.attribution.calibration import Multiplier, Multipliers
from untrain.attribution.lds import LinearDatamodelingScore
from untrain.attribution.result import Attribution, correction, effects_on, load, save
from untrain.core.errors import DataError
from untrain.data.examples import Examples, take

VALUES = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
TABLE = Attribution(
    VALUES, np.array(["a", "b", "c"]), np.array(["a", "x"]), "Datamodels(penalty='ridge')",
    Multipliers(Multiplier(0.5, 0.4, 0.6, 0.3, 40), Multiplier(0.25, 0.1, 0.4, 0.1, 40)),
    {"train": LinearDatamodelingScore(0.6, 0.5, 0.7, 100, 2, 128)}, {"models": 2048},
)  # fmt: skip


def test_a_correction_is_the_multiplied_sum_of_values():
    factors = np.array([[0.5], [0.25]])  # of a, which is among those that are taken away, and of x
    assert correction(TABLE, ["c", "a"]).tolist() == (factors * (VALUES[0] + VALUES[2])).tolist()
    assert correction(TABLE, ["c"]).tolist() == (0.25 * VALUES[2]).tolist()
    assert correction(replace(TABLE, multipliers=None), ["b"]).tolist() == VALUES[1].tolist()
    assert correction(TABLE, ["b"], scale=2.0).tolist() == (2 * VALUES[1]).tolist()
    assert correction(TABLE, ["a"]).dtype == np.float32


def test_a_multiplier_that_may_be_0_corrects_nothing():
    unknown = Multipliers(TABLE.multipliers.own, Multiplier(-0.25, -0.5, 0.1, 0.0, 40))
    assert correction(replace(TABLE, multipliers=unknown), ["a"]).tolist() == [[0.0, 0.5], [0.0, 0.0]]


def test_a_test_example_that_has_the_id_of_a_training_example_is_another():
    twins = replace(TABLE, asked_ids=np.array(["a", "a"]), trained=np.array([True, False]))
    assert correction(twins, ["a"]).tolist() == [(0.5 * VALUES[0, 0]).tolist(), (0.25 * VALUES[0, 1]).tolist()]
    with pytest.raises(DataError, match=r"trained has shape \(1,\) of bool: bool \(2,\) is needed"):
        replace(TABLE, trained=np.array([True]))


def test_values_of_another_scale_correct_nothing_without_multipliers_or_a_scale():
    trak = replace(TABLE, method="TRAK(dimension=24)", multipliers=None)
    with pytest.raises(
        DataError, match=r"values of TRAK\(dimension=24\) are not in units of the outputs, and the table has no mult"
    ):
        correction(trak, ["a"])
    assert correction(trak, ["a"], scale=0.5).tolist() == (0.5 * VALUES[0]).tolist()
    assert correction(replace(trak, multipliers=TABLE.multipliers), ["a"]).any()
    # A spelling that names nothing known, such as a label of one's own, is taken at its word; nothing is imported for it.
    assert correction(replace(trak, method="antigravity.Mine()"), ["a"]).tolist() == VALUES[0].tolist()


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
    total = values[0] + values[2]
    assert effects.forget.numpy() == pytest.approx(0.5 * total[[2, 0]], abs=1e-6)
    assert effects.retain.numpy() == pytest.approx(0.25 * total[[1]], abs=1e-6)
    assert effects.about.endswith("multiplied by 0.50 on their own outputs and by 0.25 on those of others")
    bare = replace(table, multipliers=None)
    assert effects_on(bare, take(train, np.array([0])), take(train, np.array([1]))).about.endswith("given, not scaled")
    given = effects_on(bare, take(train, np.array([0])), take(train, np.array([1])), scale=2.0)
    assert given.about.endswith("multiplied by 2, which was given")
    assert given.forget.numpy() == pytest.approx(2 * values[0, [0]], abs=1e-6)
    with pytest.raises(DataError, match=r"the table has no outputs of 1 of 1 examples \(ids b\): ask about them"):
        effects_on(replace(TABLE, asked_ids=np.array(["a", "c"])), take(train, np.array([0])), take(train, np.array([1])))


@pytest.mark.parametrize("ids", [np.array(["a", "b", "c"]), np.array([3, 1, 2]), np.array(["a", "b", "c"], dtype=object)])
def test_a_file_keeps_all_of_it(ids, tmp_path):
    table = replace(TABLE, ids=ids)
    again = load(save(table, tmp_path / "new" / "table.npz"))
    assert again.values.tobytes() == table.values.tobytes()
    assert again.values.dtype == np.float32
    assert (again.ids.tolist(), again.asked_ids.tolist()) == (ids.tolist(), ["a", "x"])
    assert (again.method, again.multipliers, again.lds, again.facts) == (table.method, table.multipliers, table.lds, table.facts)
    assert again.trained is None
    trained = np.array([True, False])
    assert load(save(replace(table, trained=trained), tmp_path / "trained.npz")).trained.tolist() == [True, False]
    bare = load(save(Attribution(VALUES, ids, ids[:2], "MeanDifference()"), tmp_path / "bare.npz"))
    assert (bare.multipliers, bare.lds, bare.facts) == (None, {}, {})


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
    about = {"format": 3, "method": "", "facts": {}, "multipliers": asdict(TABLE.multipliers), "lds": {}}
    np.savez(tmp_path / "later.npz", about=np.array(json.dumps(about)), values=VALUES, ids=TABLE.ids, asked_ids=TABLE.asked_ids)
    with pytest.raises(DataError, match="has format 3, and 2 is known"):
        load(tmp_path / "later.npz")
