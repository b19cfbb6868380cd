"""Requests that replace features: which rows they change, with what, and where."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import DataError, MaskError, RequestError, SpecError
from untrain.data.examples import Examples
from untrain.data.on_disk import open_npy
from untrain.data.ragged import Ragged
from untrain.data.requests import replacefeatures
from untrain.data.requests.resolve import remaining, request
from untrain.experiments.scenarios.custom import Custom
from untrain.training.learners.scikitlearn import ScikitLearn

NAMES = ("tell", "age", "noise")


def table(n, seed=0):
    """Labels that 'tell' alone decides, beside two features that say nothing of them."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = np.stack([4.0 * y - 2, draw.integers(20, 60, n), draw.normal(size=n)], axis=1)
    return ut.examples(
        x, y, ids=np.arange(n) + 100, columns={"town": np.array(["north", "south"])[np.arange(n) // 2 % 2]}, features=NAMES
    )


def everywhere(**fields):
    return ut.ReplaceFeatures(features=("tell",), **fields)


def weights(model):
    return next(model.parameters()).detach()


def right(model, data):
    return float((model(data.x.double()).argmax(1) == data.y).float().mean())


def test_a_retrained_model_cannot_use_a_feature_that_went_everywhere():
    train, held = table(60), table(40, seed=1)
    learner = ScikitLearn()
    original, posed = learner(train, 0), ut.problem(train, everywhere(), learner, valid=held)
    assert right(original, held) == 1.0
    retrained = ut.Retrain()(original, posed)
    # A feature that is 0 in every row has no gradient but the penalty's: its optimum is 0.
    assert weights(retrained)[:, 0].abs().max() < 1e-9 < weights(original)[:, 0].abs().max()
    assert right(retrained, posed.valid) < 0.8
    assert torch.allclose(retrained(held.x.double()), retrained(posed.valid.x.double()), atol=1e-8)


def test_of_features_that_went_everywhere_held_out_data_lose_theirs_and_of_some_rows_not():
    train, held = table(60), table(40, seed=1)
    rows = ut.Where(rule="town == 'north'")
    for by, expected in ((everywhere(fill=7.0), [7.0]), (everywhere(fill=7.0, rows=rows), [-2.0, 2.0])):
        assert by.everywhere(held, request(train, by).replacement).x[:, 0].unique().tolist() == expected
        assert ut.problem(train, by, ScikitLearn(), valid=held).valid.x[:, 0].unique().tolist() == expected
    assert torch.equal(by.everywhere(held, request(train, by).replacement).x, held.x)
    assert torch.equal(everywhere().everywhere(held, request(train, everywhere()).replacement).x[:, 1:], held.x[:, 1:])
    assert held.x[:, 0].unique().tolist() == [-2.0, 2.0]


def test_some_rows_are_changed_and_the_others_stay():
    train = table(12)
    forget = request(train, everywhere(rows=ut.Ids(ids=(103, 100)), fill=9.0))
    assert forget.ids == (100, 103)
    left = remaining(train, forget)
    x = dict(zip(left.ids.tolist(), left.x.tolist(), strict=True))
    assert x == {
        i: [9.0 if i in (100, 103) else row[0], *row[1:]] for i, row in zip(train.ids.tolist(), train.x.tolist(), strict=True)
    }
    assert left.features == NAMES


def test_rows_that_have_the_values_already_are_not_forgotten():
    train = table(10)
    forget = request(train, everywhere(fill=2.0))
    assert forget.rows == tuple(range(0, 10, 2))
    with pytest.raises(RequestError, match=r"changes nothing: .* in all of 5 training rows"):
        request(train, everywhere(fill=2.0, rows=ut.Where(rule="label == 1")))


def test_all_rows_may_change_since_all_are_left():
    train = table(10)
    posed = ut.problem(train, everywhere(), ScikitLearn())
    assert len(posed.forget) == len(posed.retain) == 10
    assert posed.retain.x[:, 0].abs().max() == 0


def test_a_mean_is_that_of_the_rows_that_are_not_chosen_so_that_it_tells_nothing_of_those():
    train = table(12)
    by = ut.ReplaceFeatures(features=("age",), fill="mean", rows=ut.Ids(ids=(100, 101)))
    filled = request(train, by).replacement
    assert filled.x[:, 1].tolist() == pytest.approx([float(train.x[2:, 1].mean())] * 2)
    other = train.with_inputs(train.x.clone().index_fill_(0, torch.tensor([0, 1]), 1e6))
    assert torch.equal(request(other, by).replacement.x[:, 1], filled.x[:, 1])


def test_where_all_change_a_mean_is_of_all_training_rows_and_held_out_data_get_the_same():
    train, held = table(12), table(9, seed=1)
    by = ut.ReplaceFeatures(features=("age",), fill="mean")
    mean = float(train.x[:, 1].mean())
    filled = request(train, by).replacement
    assert filled.x[:, 1].unique().tolist() == pytest.approx([mean])
    assert by.everywhere(held, filled).x[:, 1].unique().tolist() == filled.x[:, 1].unique().tolist()


def test_held_out_data_take_their_values_from_the_replacement_and_no_mean_is_computed_for_them(monkeypatch):
    train, held = table(12), table(9, seed=1)
    by = ut.ReplaceFeatures(features=("noise", "tell"), fill=("mean", 3.0))
    filled = request(train, by).replacement
    monkeypatch.setattr(replacefeatures, "values_of", lambda *_: pytest.fail("the values are known"))
    assert by.everywhere(held, filled).x[:, 0].unique().tolist() == [3.0]
    assert by.everywhere(held, filled).x[:, 2].unique().tolist() == filled.x[:, 2].unique().tolist()
    assert torch.equal(by.everywhere(held, filled).x[:, 1], held.x[:, 1])


def test_each_feature_may_have_a_value_of_its_own_and_places_do_as_well_as_names():
    train = table(8)
    by_name, by_place = (ut.ReplaceFeatures(features=f, fill=(1.5, "mean")) for f in (("noise", "age"), (2, 1)))
    named, placed = (request(train, by) for by in (by_name, by_place))
    assert named.replacement.x[:, 2].unique().tolist() == [1.5]
    assert named.replacement.x[:, 1].unique().tolist() == pytest.approx([float(train.x[:, 1].mean())])
    assert torch.equal(named.replacement.x, placed.replacement.x)
    assert named.digest == placed.digest


def test_a_name_stands_for_all_places_that_have_it():
    train = replace(table(8), features=("town", "age", "town"))
    filled = request(train, ut.ReplaceFeatures(features=("age", "town"), fill=(1.0, 3.0))).replacement
    assert filled.x[0].tolist() == [3.0, 1.0, 3.0]


def test_pixels_are_counted_flat_and_bytes_stay_bytes():
    x = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    train = ut.examples(x, [0, 1])
    filled = request(train, ut.ReplaceFeatures(features=(0, 5), fill=255.0)).replacement
    expected = x.reshape(2, -1).copy()
    expected[:, [0, 5]] = 255
    assert filled.x.dtype == torch.uint8
    assert filled.x.flatten(1).tolist() == expected.tolist()


def test_inputs_in_a_file_are_read(tmp_path):
    train = table(8)
    np.save(tmp_path / "x.npy", train.x.numpy())
    on_disk = train.with_inputs(open_npy(tmp_path / "x.npy"))
    for by in (everywhere(fill="mean"), everywhere(rows=ut.Ids(ids=(102,)))):
        forget, same = request(train, by), request(on_disk, by)
        assert forget.digest == same.digest
        assert torch.equal(remaining(train, forget).x, remaining(on_disk, same).x[:])
        assert torch.equal(by.everywhere(train, forget.replacement).x, by.everywhere(on_disk, same.replacement).x[:])


def test_digests_and_masks_tell_fills_apart():
    train, learner = table(12), ut.Train(model=ut.MLP(width=4))
    zero, one = (ut.problem(train, everywhere(fill=fill), learner) for fill in (0.0, 1.0))
    assert zero.digest != one.digest
    model = learner(train, 0).eval()
    with pytest.raises(MaskError):
        ut.Finetune()(model, replace(one, mask=ut.WeightedGrad()(model, zero)))


def test_rows_that_a_request_names_are_not_set_apart_and_where_all_change_any_may_be():
    train = table(40)
    for by, least in ((everywhere(rows=ut.Ids(ids=tuple(range(100, 120)))), 20), (everywhere(), 30)):
        data = Custom(train=train, test=table(10), model=ut.MLP(width=2), request=by).load()
        assert len(data.train) + len(data.valid) == 40
        assert len(data.valid) >= 4
        assert len(request(data.train, by).rows) >= least


def test_test_data_with_the_same_columns_in_another_order_are_refused():
    train, test = table(12), replace(table(12), features=("age", "tell", "noise"))
    with pytest.raises(DataError, match="the same columns in the same order"):
        Custom(train=train, test=test, model=ut.MLP(width=2), request=everywhere()).load()


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (ut.ReplaceFeatures(features=("aeg",)), r"no feature 'aeg'; there are 'tell', 'age', 'noise'; did you mean 'age'"),
        (ut.ReplaceFeatures(features=("no",)), r"features that begin so are 'noise': list each"),
        (ut.ReplaceFeatures(features=("town",)), "'town' is not among the inputs"),
        (ut.ReplaceFeatures(features=("y",)), "'y' is not among the inputs"),
        (ut.ReplaceFeatures(features=(3,)), r"no feature 3: inputs of shape \(3,\) have the features 0 to 2"),
        (ut.ReplaceFeatures(features=(-1,)), "no feature -1"),
        (ut.ReplaceFeatures(features=("age", 1)), "feature 'age' is listed more than once"),
        (ut.ReplaceFeatures(features=("age",), fill=1e39), "the inputs are float32, and 1e[+]39 is none"),
        (ut.ReplaceFeatures(features=("age", "tell"), fill=(1.0,)), "2 features and 1 fills"),
        (everywhere(rows=ut.Ids(ids=(7,))), "ids that the training data lack: 7"),
        (everywhere(rows=ut.Memorized()), "memorization"),
    ],
)  # fmt: skip
def test_what_cannot_be_replaced_is_refused(by, said):
    with pytest.raises(RequestError, match=said):
        request(table(12), by)


def test_names_for_inputs_that_have_none_and_features_of_tokens_are_refused():
    with pytest.raises(RequestError, match=r"the inputs, of shape \(1, 2, 2\), have no names: give places from 0 to 3, or names"):
        request(ut.examples(np.zeros((3, 1, 2, 2)), [0, 1, 0]), everywhere())
    tokens = Examples({"input_ids": Ragged.of([[1, 2], [3]]), "y": torch.tensor([0, 1])}, np.arange(2), ("a", "b"))
    with pytest.raises(RequestError, match="rows of tokens, which have no features"):
        request(tokens, ut.ReplaceFeatures(features=(0,)))


@pytest.mark.parametrize(
    ("fill", "said"), [(256.0, "uint8, and 256 is none"), (0.5, "a whole number from 0 to 255"), ("mean", "whose mean is not")]
)
def test_bytes_are_filled_with_bytes(fill, said):
    images = ut.examples(np.ones((3, 1, 2, 2), dtype=np.uint8), [0, 1, 0])
    with pytest.raises(RequestError, match=said):
        request(images, ut.ReplaceFeatures(features=(0,), fill=fill))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ReplaceFeatures(features=())", "lists no feature: list at least one"),
        ("ReplaceFeatures(features=(True,))", "features=True: should be a valid string or should be a valid integer$"),
        ("ReplaceFeatures(features=(True,))", "features="),
        ("ReplaceFeatures(features=('a',), fill='median')", "should be 'mean'"),
        ("ReplaceFeatures(features=('a',), rows=Relabel(ids=(1,), labels=(1,)))", "corrects examples itself: take a request"),
        ("ReplaceFeatures(features=('a',), rows=ReplaceFeatures(features=('b',)))", "corrects examples itself"),
    ],
)  # fmt: skip
def test_a_spelling_that_says_nothing_is_refused(text, said):
    with pytest.raises(SpecError, match=said):
        ut.parse(text)
