"""Random labels for the forget set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from untrain.data.examples import Examples
from untrain.data.readers.convert import examples
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.randomlabel import RandomLabel, drawn, relabelled


def numbered(n, start=0, classes=10):
    """Examples whose input is their number and whose label is its last digit."""
    rows = torch.arange(start, start + n)
    return Examples.labelled(rows[:, None].float() / 1000, rows % classes, rows.numpy(), classes)


class Stored(Dataset):
    """A data set that keeps its labels under a name of its own, as torchvision's do."""

    def __init__(self, name, n):
        self.name = name
        setattr(self, name, [i % 10 for i in range(n)])

    def __len__(self):
        return len(getattr(self, self.name))

    def __getitem__(self, at):
        return torch.tensor([at / 1000]), getattr(self, self.name)[at]


@pytest.mark.parametrize("name", ["labels", "targets"])
def test_labels_change_wherever_a_data_set_keeps_them(name):
    torch.manual_seed(0)
    made = Stored(name, 5_000)
    given = examples(made)
    share = float((drawn_for(given) != given.y).float().mean())
    assert abs(share - 0.9) < 4 * (0.9 * 0.1 / 5_000) ** 0.5
    assert getattr(made, name) == given.y.tolist() == [i % 10 for i in range(5_000)]


class Noting(Choice):
    """Classification that notes the label of each input it is asked about, and the labels that it draws."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        SEEN.extend((round(float(x) * 1000), int(y)) for x, y in zip(batch.x[:, 0], batch.y, strict=True))
        return super().loss_of(outputs, batch)

    def random_targets(self, targets):
        drawn = torch.randint(10, targets.shape)
        DRAWN.append(drawn.tolist())
        return drawn


SEEN: list = []
DRAWN: list = []


def labels_of(draw, epochs=3):
    """Labels on which the model was trained, by input, and those of each draw."""
    SEEN.clear()
    DRAWN.clear()
    problem = Problem(Noting(), numbered(40, 500), numbered(60))
    RandomLabel(draw=draw, steps=Steps(lr=0.01, epochs=epochs, batch=64))(nn.Linear(1, 10), problem)
    return SEEN, DRAWN


def drawn_for(forget):
    """The labels that are drawn for a forget set."""
    return relabelled(Problem(Classification(), forget)).y


def test_nine_in_ten_labels_change_among_ten_classes():
    torch.manual_seed(0)
    forget = numbered(10_000)
    share = float((drawn_for(forget) != forget.y).float().mean())
    assert abs(share - 0.9) < 4 * (0.9 * 0.1 / 10_000) ** 0.5


def test_all_classes_are_drawn_alike():
    torch.manual_seed(0)
    counts = torch.bincount(drawn_for(numbered(10_000)), minlength=10)
    assert ((counts - 1000).abs() < 4 * 900**0.5).all()


def test_relabelling_leaves_the_forget_set_as_it_was():
    forget = numbered(20)
    drawn_for(forget)
    assert forget.y.tolist() == [i % 10 for i in range(20)]


@pytest.mark.parametrize("draw", ["step", "once"])
def test_labels_of_retain_never_change(draw):
    seen, _ = labels_of(draw)
    assert {(n, y) for n, y in seen if n < 500} == {(n, n % 10) for n in range(60)}


def test_at_each_step_labels_are_drawn_anew():
    seen, drawn = labels_of("step")
    assert [len(labels) for labels in drawn] == [40, 40, 40]
    assert drawn[0] != drawn[1] != drawn[2]
    assert [y for n, y in seen if n >= 500] == [y for labels in drawn for y in labels]


def test_once_labels_are_drawn_once():
    seen, drawn = labels_of("once")
    forget = [(n, y) for n, y in seen if n >= 500]
    assert [len(labels) for labels in drawn] == [40]
    assert len(forget) == 3 * 40
    assert len(set(forget)) == 40
    assert sum(y != n % 10 for n, y in set(forget)) > 25


@pytest.mark.parametrize("draw", ["step", "once"])
def test_reestimated_statistics_are_those_of_the_retain_set_alone(draw):
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 10))
    problem = Problem(Classification(), numbered(40, 500), numbered(60))
    forgot = RandomLabel(draw=draw, steps=Steps(lr=0.01, epochs=1, buffers="reestimate"))(model, problem)
    assert float(forgot[0].running_mean) == pytest.approx(0.0295, abs=1e-5)


def level():
    """A linear model that gives every class the same."""
    model = nn.Linear(1, 3)
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


PLAIN = Steps(lr=0.3, epochs=1, batch=64, optimizer=SGD(momentum=0.0), schedule=Constant())


def test_once_one_step_is_the_mean_gradient_of_the_union_under_the_new_labels(monkeypatch):
    monkeypatch.setattr(Choice, "random_targets", lambda self, targets: torch.full_like(targets, 2))
    forget, retain = numbered(4, classes=3), numbered(8, 500, classes=3).with_fields(y=torch.zeros(8).long())
    forgot = RandomLabel(draw="once", steps=PLAIN)(level(), Problem(Classification(), forget, retain))
    # Classes have 8, 0 and 4 of the 12 labels; a model of zeros gives each a third.
    assert forgot.bias.tolist() == pytest.approx([0.3 * (8 / 12 - 1 / 3), -0.3 / 3, 0], abs=1e-6)


def test_at_each_step_a_pass_over_the_new_labels_is_followed_by_one_over_retain(monkeypatch):
    monkeypatch.setattr(Choice, "random_targets", lambda self, targets: torch.full_like(targets, 2))
    forget, retain = numbered(4, classes=3), numbered(8, 500, classes=3).with_fields(y=torch.zeros(8).long())
    forget, retain = (e.with_fields(x=0 * e.x) for e in (forget, retain))
    forgot = RandomLabel(draw="step", steps=PLAIN)(level(), Problem(Classification(), forget, retain))
    first = 0.3 * (torch.tensor([0.0, 0.0, 1.0]) - 1 / 3)
    assert torch.allclose(forgot.bias, first + 0.3 * (torch.tensor([1.0, 0.0, 0.0]) - first.softmax(0)), atol=1e-6)


@pytest.mark.parametrize("draw", ["step", "once"])
def test_wrong_labels_are_never_the_true_ones(draw):
    SEEN.clear()
    made = RandomLabel(draw=draw, wrong=True, steps=Steps(lr=0.01, epochs=3, batch=64))
    made(nn.Linear(1, 10), Problem(Noting(), numbered(40, 500), numbered(60)))
    assert all(y != n % 10 for n, y in SEEN if n >= 500)
    assert {(n, y) for n, y in SEEN if n < 500} == {(n, n % 10) for n in range(60)}


def test_all_wrong_labels_are_drawn_alike():
    torch.manual_seed(0)
    targets = torch.arange(9_000) % 10
    labels = drawn(Classification(classes=10), targets, wrong=True)
    counts = torch.bincount((labels - targets) % 10, minlength=10)
    assert counts[0] == 0
    assert ((counts[1:] - 1000).abs() < 4 * 900**0.5).all()


def test_wrong_labels_are_for_tasks_with_classes():
    assert "classes" in RandomLabel(wrong=True).needed()
    assert "classes" not in RandomLabel().needed()


def test_ids_of_two_kinds_may_meet():
    forget = replace(numbered(40, 500), ids=np.array([f"id{i}" for i in range(40)]))
    problem = Problem(Classification(), forget, numbered(60))
    outcome = RandomLabel(draw="once", steps=Steps(lr=0.01, epochs=1)).run(nn.Linear(1, 10), problem)
    assert outcome.guard.moved_share > 0
