"""What to forget, as it is named from Python."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError, RequestError
from untrain.models.architectures.convnet import ConvNet
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import problem
from untrain.training.steps import Steps

DATA = (torch.rand(12, 1, 4, 4), torch.arange(12) % 2)
LEARNER = Train(model=ConvNet(width=2))


@pytest.mark.parametrize("ids", [[3, 7], (3, 7), {3, 7}, np.array([3, 7]), torch.tensor([3, 7]), range(3, 8, 4)], ids=type)
def test_ids_may_come_in_anything_that_holds_several(ids):
    assert sorted(problem(DATA, ids, LEARNER).forget.ids.tolist()) == [3, 7]


@pytest.mark.parametrize("ids", [3, "3", b"3", None, 2.5, np.array(3), [[3, 7]], {3: 7}], ids=repr)
def test_what_is_neither_a_request_nor_several_ids_is_refused(ids):
    with pytest.raises(RequestError, match="as a request: give a list of ids"):
        problem(DATA, ids, LEARNER)


def posed(**more):
    """A problem of 12 examples, two of which are to go, with held-out data and what a keeper saved."""
    kept = {"Sums": {"total": torch.ones(2)}, "Steps": {"lr": torch.ones(1)}}
    return replace(problem(DATA, [3, 7], LEARNER, valid=DATA, kept=kept), **more)


def test_a_problem_shows_what_is_named():
    shown = posed().only(frozenset({"forget", "labels", "retain", "valid", "kept:Sums"}))
    assert (len(shown.forget), len(shown.rest), len(shown.valid)) == (2, 10, 12)
    assert list(shown.kept) == ["Sums"]
    assert shown.forget.y.tolist() == [1, 1]


def test_a_problem_hides_what_is_not_named():
    whole = posed(replacement=posed().forget)
    shown = whole.only(frozenset({"forget", "retain"}))
    assert (shown.valid, dict(shown.kept)) == (None, {})
    assert [list(part.fields) for part in (shown.forget, shown.rest, shown.replacement)] == [["x"]] * 3
    assert (shown.digest, shown.task, shown.seed) == (whole.digest, whole.task, whole.seed)
    assert posed().only(frozenset({"forget", "labels"})).retain is None


def test_hiding_twice_hides_as_once():
    once = posed().only(frozenset({"forget"}))
    assert list(once.only(frozenset({"forget"})).forget.fields) == ["x"]


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ("retain", "the problem has no retain set, and this method needs one: take a method that works without"),
        ("kept:Moments", r"what Moments saves in training is needed: train the model with keepers=\(Moments\(\),\)"),
    ],
)
def test_what_is_named_and_not_there_is_said_in_a_line(needs, told):
    with pytest.raises(RequestError, match=told):
        posed(retain=None).only(frozenset({"forget", needs}))


def test_targets_that_are_hidden_are_not_in_batches_either():
    shown = posed().only(frozenset({"forget", "retain"}))
    (forget,) = next(shown.forget_batches(Steps(epochs=1, batch=2)).draw(0))
    assert sorted(forget.rows.tolist()) == [0, 1]
    with pytest.raises(DataError, match="names 'labels' in its needs"):
        shown.task.loss(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), forget)


def test_without_a_retain_set_there_are_forget_batches_and_no_others():
    lone, steps = posed(retain=None), Steps(epochs=1, batch=2)
    assert len(list(lone.forget_batches(steps).draw(0))) == 1
    for walk in (lone.retain_batches, lone.paired_batches, lone.alternating_batches):
        with pytest.raises(RequestError, match="needs the retain set, and the problem has none"):
            walk(steps)


def test_the_task_takes_the_number_of_classes_from_the_data():
    assert posed().task == Classification(classes=2)
