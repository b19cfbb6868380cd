"""Random labels for the forget set."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.records import Examples, Problem
from untrain.core.steps import Steps
from untrain.tasks.classify import Classify
from untrain.unlearn.randomlabel import RandomLabel, relabelled


def numbered(n, start=0, classes=10):
    """Examples whose input is their number and whose label is its last digit."""
    rows = torch.arange(start, start + n)
    return Examples(rows[:, None].float() / 1000, rows % classes, rows.numpy(), classes)


@dataclass
class Noting:
    """Classification that notes the label of each input it is asked about."""

    seen: list = field(default_factory=list)

    def logits(self, model, batch):
        return model(batch.x)

    def loss(self, model, batch):
        self.seen += [(round(float(x) * 1000), int(y)) for x, y in zip(batch.x[:, 0], batch.y, strict=True)]
        return F.cross_entropy(model(batch.x), batch.y, reduction="none")

    def head(self, model):
        return ()


def labels_of(draw, monkeypatch, epochs=3):
    """Labels on which the model was trained: of retain and forget through the task, and those drawn at each step."""
    task, drawn = Noting(), []
    plain = F.cross_entropy

    def note(logits, labels, **more):
        if not more:
            drawn.append(labels.tolist())
        return plain(logits, labels, **more)

    monkeypatch.setattr(F, "cross_entropy", note)
    problem = Problem(task, numbered(40, 500), numbered(60))
    RandomLabel(draw=draw, steps=Steps(lr=0.01, epochs=epochs, batch=64))(nn.Linear(1, 10), problem)
    return task.seen, drawn


def test_nine_in_ten_labels_change_among_ten_classes():
    torch.manual_seed(0)
    forget = numbered(10_000)
    share = float((relabelled(forget).y != forget.y).float().mean())
    assert abs(share - 0.9) < 4 * (0.9 * 0.1 / 10_000) ** 0.5


def test_all_classes_are_drawn_alike():
    torch.manual_seed(0)
    counts = torch.bincount(relabelled(numbered(10_000)).y, minlength=10)
    assert ((counts - 1000).abs() < 4 * 900**0.5).all()


def test_relabelling_leaves_the_forget_set_as_it_was():
    forget = numbered(20)
    relabelled(forget)
    assert forget.y.tolist() == [i % 10 for i in range(20)]


@pytest.mark.parametrize("draw", ["step", "once"])
def test_labels_of_retain_never_change(draw, monkeypatch):
    seen, _ = labels_of(draw, monkeypatch)
    assert {(n, y) for n, y in seen if n < 500} == {(n, n % 10) for n in range(60)}


def test_at_each_step_labels_are_drawn_anew(monkeypatch):
    _, drawn = labels_of("step", monkeypatch)
    assert [len(labels) for labels in drawn] == [40, 40, 40]
    assert drawn[0] != drawn[1] != drawn[2]


def test_once_labels_are_drawn_once(monkeypatch):
    seen, drawn = labels_of("once", monkeypatch)
    forget = [(n, y) for n, y in seen if n >= 500]
    assert drawn == []
    assert len(forget) == 3 * 40
    assert len(set(forget)) == 40
    assert sum(y != n % 10 for n, y in set(forget)) > 25


@pytest.mark.parametrize("draw", ["step", "once"])
def test_reestimated_statistics_are_those_of_the_retain_set_alone(draw):
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 10))
    problem = Problem(Classify(), numbered(40, 500), numbered(60))
    forgot = RandomLabel(draw=draw, steps=Steps(lr=0.01, epochs=1, buffers="reestimate"))(model, problem)
    assert float(forgot[0].running_mean) == pytest.approx(0.0295, abs=1e-5)


def test_ids_of_two_kinds_may_meet():
    forget = replace(numbered(40, 500), ids=np.array([f"id{i}" for i in range(40)]))
    problem = Problem(Classify(), forget, numbered(60))
    outcome = RandomLabel(draw="once", steps=Steps(lr=0.01, epochs=1)).run(nn.Linear(1, 10), problem)
    assert outcome.guard.moved_share > 0
