"""Relearn time against what can be worked out and what was planted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError, NotFinite
from untrain.data.examples import Examples, take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers import relearn as relearning
from untrain.evaluation.observers.base import ObserverContext
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.observers.relearn import Relearn
from untrain.evaluation.observers.steering import Steering
from untrain.evaluation.scoring.resampling import number
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.steps import SGD, Constant, Steps

PLAIN = Steps(lr=1.0, epochs=40, batch=4, schedule=Constant(), optimizer=SGD(momentum=0.0))


class Sure(nn.Module):
    """Answers class 1 against class 0 with a margin that is its one weight."""

    def __init__(self, margin):
        super().__init__()
        self.head = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[0.0], [float(margin)]]))

    def forward(self, x):
        return self.head(x)


def sight(margin, count=4):
    data = Examples.labelled(torch.ones(count, 1), torch.ones(count, dtype=torch.int64), np.arange(count), 2)
    return ObserverContext(
        Classification(), data, data, lambda seed: Sure(0), {"logits": logits(Sure(margin), data, Classification())[None]}, seed=0
    )


def counted(start, goal, lr):
    """Steps of gradient descent on two logits until the loss is at most twice that of the goal's margin."""
    margin, steps, target = start, 0, 2 * np.log1p(np.exp(-goal))
    while np.log1p(np.exp(-margin)) > target:
        margin += 2 * lr / (1 + np.exp(margin))  # both logits move
        steps += 1
    return steps


@pytest.mark.parametrize(("start", "goal"), [(3.0, 3.0), (2.0, 3.0), (0.0, 3.0), (-1.0, 2.0)])
def test_time_is_the_number_of_steps_that_gradient_descent_takes(start, goal):
    found = Relearn(steps=PLAIN, within=1.0)(Sure(start), sight(goal))
    assert found.tolist() == [counted(start, goal, 1.0)]


def test_parts_of_an_epoch_count():
    # Three batches of four an epoch.
    found = Relearn(steps=PLAIN, within=1.0)(Sure(0.0), sight(3.0, count=12))
    assert found[0] == pytest.approx(counted(0.0, 3.0, 1.0) / 3)


def test_a_long_epoch_is_looked_at_four_times(monkeypatch):
    # 13 batches of one: after steps 0, 3, 6, 9 and 12 of the first epoch, and so on.
    asked = []
    real = relearning.signal
    monkeypatch.setattr(relearning, "signal", lambda *given: asked.append(1) or real(*given))
    given, steps = sight(3.0, count=13), replace(PLAIN, lr=0.02, batch=1, epochs=2)
    found = Relearn(steps=steps, within=0.01)(Sure(-3.0), given)
    assert found.tolist() == [2.0]
    assert len(asked) == 9


def test_accuracy_comes_back_sooner():
    found = Relearn(steps=PLAIN, of="accuracy", within=0.05)(Sure(-1.0), sight(3.0))
    assert found.tolist() == [1.0]  # the first step makes the margin positive


def test_a_model_that_does_not_get_there_is_counted_with_all_epochs():
    found = Relearn(steps=replace(PLAIN, lr=1e-6))(Sure(0.0), sight(3.0))
    assert found.tolist() == [40.0]


def test_zero_epochs_take_no_time():
    assert Relearn(steps=replace(PLAIN, epochs=0))(Sure(0.0), sight(3.0)).tolist() == [0.0]


def test_a_loss_that_explodes_is_told():
    given = sight(3.0)
    given.forget.x.fill_(1e30)
    with pytest.raises(NotFinite):
        Relearn(steps=replace(PLAIN, lr=1e20))(Sure(-1.0), given)


def test_what_was_hidden_comes_back_sooner_than_what_was_never_learned():
    original, retrained, given = scene()
    with torch.no_grad():  # a bias hides class 0, and nothing else was touched
        hidden = Relearn(steps=Steps(lr=0.02, epochs=30, batch=12, schedule=Constant(), buffers="freeze"))
        original[-1].bias[0] -= 2.0
    assert hidden(original, given)[0] < hidden(retrained, given)[0]


def test_scores_are_the_mean_the_difference_and_the_ratio():
    ours, theirs = np.array([[1.0], [2.0]]), np.array([[4.0], [6.0], [8.0]])
    trial = Prepared(ours, theirs, np.array(["forget"]), False)
    found = {n: number(m) for n, m in Relearn().evaluate(trial).items()}
    assert found == {"relearn_time": 1.5, "relearn_steps": 1.5, "relearn_gap": 4.5, "relearn_ratio": 0.25}


def test_steps_are_epochs_times_the_batches_of_an_epoch():
    trial = Prepared(np.array([[1.0], [2.0]]), np.ones((2, 1)), np.array(["forget"] * 100 + ["test"] * 7), False)
    assert number(Relearn(steps=replace(PLAIN, batch=32)).evaluate(trial)["relearn_steps"]) == 1.5 * 4


def test_a_margin_that_asks_for_no_accuracy_is_told():
    trial = Prepared(np.ones((1, 1)), np.ones((2, 1)), np.array(["forget"]), False)
    assert all("asks for no accuracy" in reason for reason in Relearn(of="accuracy").evaluate(trial).values())
    assert number(Relearn(of="accuracy", within=0.5).evaluate(trial)["relearn_time"]) == 1


def test_a_ratio_to_nothing_is_no_number():
    trial = Prepared(np.ones((1, 1)), np.zeros((2, 1)), np.array(["forget"]), False)
    assert "nothing to relearn" in Relearn().evaluate(trial)["relearn_ratio"]


def test_a_model_that_could_not_be_observed_has_no_score():
    trial = Prepared(np.array([[1.0], [np.nan]]), np.ones((2, 1)), np.array(["forget"]), False)
    assert set(Relearn().evaluate(trial).values()) == {"an unlearned model could not be observed; a note says why"}


@pytest.mark.parametrize("made", [Relearn(on="test"), Steering(layer="head")], ids=["Relearn", "Steering"])
def test_an_empty_test_set_is_refused_in_one_line(made):
    here = sight(2.0)
    with pytest.raises(DataError, match=r"there is no test example: give one"):
        made(Sure(1.0), replace(here, test=take(here.test, [])))
