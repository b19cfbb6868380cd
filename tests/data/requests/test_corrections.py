"""Requests that name owners, and requests that correct and do not delete."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import MaskError, RequestError, SpecError
from untrain.data.examples import Examples
from untrain.data.fingerprint import fingerprint
from untrain.data.requests.owner import Owner
from untrain.data.requests.relabel import Relabel
from untrain.data.requests.resolve import remaining, request
from untrain.training.problem import problem


@pytest.fixture
def data():
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    return Examples.labelled(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), y, np.arange(10, 16), 3)


def test_an_owner_names_all_examples_of_hers(data):
    owned = replace(data, owner=np.array(["ann", "bob", "ann", "eve", "bob", "ann"]))
    assert request(owned, Owner(owners=("ann",))).rows == (0, 2, 5)
    assert request(owned, Owner(owners=("bob", "eve"))).ids == (11, 13, 14)


def test_an_owner_who_is_not_there_is_suggested_another(data):
    owned = replace(data, owner=np.array(["anna", "bob", "anna", "eve", "bob", "anna"]))
    with pytest.raises(RequestError, match="did you mean 'anna'"):
        request(owned, Owner(owners=("ana",)))


def test_without_owners_that_is_said(data):
    with pytest.raises(RequestError, match="whose each example is"):
        request(data, Owner(owners=("ann",)))


def test_an_owner_is_seen_by_an_unlearner_and_columns_are_not(data):
    owned = replace(data, owner=np.array(list("abcabc")), columns={"age": np.arange(6)})
    posed = problem(owned, Owner(owners=("a",)), ut.Train(model=ut.MLP(width=4)))
    assert posed.forget.owner.tolist() == ["a", "a"]
    assert posed.forget.columns == {}


def test_a_changed_label_stands_in_the_place_of_the_old_one(data):
    forget = request(data, Relabel(ids=(14, 10), labels=(2, 1)))
    assert forget.rows == (0, 4)
    left = remaining(data, forget)
    assert dict(zip(left.ids.tolist(), left.y.tolist(), strict=True)) == {11: 1, 12: 2, 13: 0, 15: 2, 10: 1, 14: 2}


WRITTEN = [("014", 10), ("14", "10"), (" 14 ", "+10")]


@pytest.mark.parametrize("ids", WRITTEN)
def test_labels_belong_to_the_ids_however_they_are_written(data, ids):
    assert request(data, Relabel(ids=ids, labels=(2, 1))).replacement.y.tolist() == [1, 2]
    named = replace(data, ids=np.array([f"u{i}" for i in range(10, 16)]))
    spaced = tuple(f" u{int(i)} " for i in ids)
    assert request(named, Relabel(ids=spaced, labels=(2, 1))).replacement.y.tolist() == [1, 2]


@pytest.mark.parametrize("by", [Relabel(ids=("14", 14), labels=(2, 1)), ut.Ids(ids=("14", 14)), ut.Ids(ids=(14, "014", 10))])
def test_an_id_that_is_written_in_two_ways_is_listed_twice(data, by):
    with pytest.raises(RequestError, match=r"the request lists ('14', 14|14, '014') more than once: list each id once"):
        request(data, by)


def test_a_problem_has_the_corrected_rows_on_the_retain_side(data):
    posed = problem(data, Relabel(ids=(10,), labels=(2,)), ut.Train(model=ut.MLP(width=4)))
    assert posed.forget.y.tolist() == [0]
    assert posed.replacement.y.tolist() == [2]
    assert sorted(posed.retain.ids.tolist()) == list(range(10, 16))


def test_a_digest_says_what_a_request_corrects_to_and_a_problem_makes_the_same(data):
    learner = ut.Train(model=ut.MLP(width=4))
    ways = [Relabel(ids=(10,), labels=(1,)), Relabel(ids=(10,), labels=(2,)), ut.parse("Ids(ids=(10,))")]
    posed = [problem(data, by, learner) for by in ways]
    assert len({each.digest for each in posed}) == 3
    for by, each in zip(ways, posed, strict=True):
        assert request(data, by).digest == each.digest == replace(each, digest="").digest
    assert posed[2].digest == fingerprint(data.ids[:1], data.x[:1])


def test_a_mask_that_is_made_for_one_correction_is_refused_for_another(data):
    learner = ut.Train(model=ut.MLP(width=4))
    one, other = (problem(data, Relabel(ids=(10,), labels=(label,)), learner) for label in (1, 2))
    model = learner(data, 0).eval()
    mask = ut.WeightedGrad()(model, one)
    with pytest.raises(MaskError):
        ut.Finetune()(model, replace(other, mask=mask))


def test_retraining_learns_the_corrected_label(data):
    learner = ut.Train(model=ut.MLP(width=32), steps=ut.parse("Steps(lr=0.1, epochs=60, batch=6)"))
    posed = problem(data, Relabel(ids=(10,), labels=(2,)), learner, seed=1)
    model = learner(data, 0)
    assert int(model(data.x[:1]).argmax()) == 0
    assert int(ut.Retrain()(model, posed)(data.x[:1]).argmax()) == 2


def test_one_label_is_for_all_ids_and_rows_are_chosen_by_a_request(data):
    assert request(data, Relabel(ids=(14, 10), labels=2)).replacement.y.tolist() == [2, 2]
    forget = request(data, Relabel(rows=ut.Where(rule="label == 1"), labels=0))
    assert (forget.rows, forget.replacement.y.tolist()) == ((1, 4), [0, 0])


def test_flipped_labels_become_the_true_ones_as_far_as_they_are_found(data):
    noisy = ut.Flip(rate=0.5).plant(data)
    wrong = np.flatnonzero((noisy.y != noisy.true).numpy())
    forget = request(noisy, Relabel(rows=ut.Mislabelled(), labels="true"))
    assert forget.rows == tuple(wrong)
    assert torch.equal(forget.replacement.y, data.y[wrong])
    assert request(noisy, Relabel(ids=tuple(noisy.ids[wrong].tolist()))).digest == forget.digest


def test_labels_of_data_without_classes_are_numbers():
    data = Examples({"x": torch.zeros(3, 1), "y": torch.tensor([0.5, 1.5, 2.5])}, np.arange(3))
    assert request(data, Relabel(ids=(2, 0), labels=(7, -0.25))).replacement.y.tolist() == [-0.25, 7.0]


def test_several_corrections_are_one_and_come_one_after_the_other(data):
    named = replace(data, features=("a", "b", "c", "d"))
    by = ut.Corrections(parts=(
        Relabel(ids=(10, 14), labels=(1, 0)), ut.ReplaceFeatures(features=("c",), fill=5.0, rows=ut.Where(rule="label == 0")),
    ))  # fmt: skip
    forget = request(named, by)
    assert forget.rows == (0, 3, 4)  # 10, which is no longer of class 0, 13, and 14, which is now
    assert forget.replacement.y.tolist() == [1, 0, 0]
    assert forget.replacement.x[:, 2].tolist() == [data.x[0, 2].item(), 5.0, 5.0]
    assert torch.equal(forget.replacement.x[:, [0, 1, 3]], data.x[[0, 3, 4]][:, [0, 1, 3]])
    assert ut.parse(repr(by)) == by


def test_of_several_corrections_those_that_go_everywhere_reach_held_out_data(data):
    by = ut.Corrections(parts=(Relabel(ids=(10,), labels=2), ut.ReplaceFeatures(features=(1,), fill=9.0)))
    posed = problem(data, by, ut.Train(model=ut.MLP(width=4)), valid=data)
    assert posed.valid.x[:, 1].unique().tolist() == [9.0]
    assert posed.valid.y.tolist() == data.y.tolist()
    assert posed.retain.x[:, 1].unique().tolist() == [9.0]


def test_what_a_correction_leaves_as_it_is_is_not_forgotten(data):
    """Labels are 0, 1, 2, 0, 1, 2 of the ids 10 to 15."""
    assert request(data, Relabel(ids=(10, 11, 13), labels=0)).ids == (11,)
    assert request(data, Relabel(ids=(10, 11), labels=(0, 2))).ids == (11,)
    with pytest.raises(RequestError, match="changes nothing: all of 2 examples have these labels"):
        request(data, Relabel(ids=(10, 13), labels=0))
    twice = (Relabel(ids=(10, 11), labels=2), Relabel(ids=(10,), labels=0))
    forget = request(data, ut.Corrections(parts=twice))
    assert (forget.ids, forget.replacement.y.tolist()) == ((11,), [2])
    with pytest.raises(RequestError, match="changes nothing: its parts undo each other"):
        request(data, ut.Corrections(parts=(Relabel(ids=(10,), labels=2), Relabel(ids=(10,), labels=0))))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("()", "lists no correction"),
        ("(Ids(ids=(1,)),)", "Ids deletes, and each part has to correct"),
    ],
)
def test_what_corrects_nothing_is_no_part(parts, said):
    with pytest.raises(SpecError, match=said):
        ut.parse(f"Corrections(parts={parts})")


BOTH = (ut.ReplaceFeatures(features=(1, 2)), ut.ReplaceFeatures(features=(2,), fill=1.0))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (Relabel(ids=(10, 11), labels=(1,)), "one label per id"),
        (Relabel(ids=(10,), labels=(3,)), "classes 0 to 2"),
        (Relabel(ids=(10,), labels=0.5), "label 0.5 is not a class"),
        (Relabel(ids=(10,)), "the true labels are not known"),
        (Relabel(ids=(10,), labels=1, rows=ut.Random(fraction=0.5)), "leave ids out"),
        (Relabel(labels=(1, 1), rows=ut.Random(fraction=0.5)), "leave ids out"),
        (Relabel(ids=(99,), labels=(1,)), "99"),
        (ut.Corrections(parts=BOTH), "two parts replace the same feature"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(data, by, said):
    with pytest.raises(RequestError, match=said):
        request(data, by)


def test_a_run_scores_the_corrected_rows_and_oracles_learn_them(tmp_path):
    scenario = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=1), request=Relabel(ids=(0, 1, 3), labels=(5, 5, 5)))"
    document = ut.run(scenario, ["Retrain", "Nothing"], tmp_path / "store", seeds=1, oracles=2)
    assert [row["error"] for row in document["results"]] == [None, None]
    store = ut.Store(tmp_path / "store")
    run = store.get(document["run"])
    assert (np.asarray(run.array("side")) == "corrected").sum() == 3
    assert np.asarray(run.array("labels"))[-3:].tolist() == [5, 5, 5]
    assert run.record["sizes"]["corrected"] == document["sizes"]["corrected"] == 3
    for row, models in zip(document["results"], (None, "original"), strict=True):
        if models:  # models that are left alone answer as originals do
            entry = store.get(run.record["ingredients"]["models"][models][0])
            right = np.asarray(entry.array("logits"))[-3:].argmax(1) == 5
            assert row["scores"]["corrected_accuracy"]["value"] == right.mean()
        assert row["scores"]["corrected_gap"]["value"] is not None
        assert "corrected_accuracy" in {*row["verdict"]["tested"]}
