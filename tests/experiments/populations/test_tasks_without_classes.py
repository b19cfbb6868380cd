"""Populations of tasks without classes: what is planted is what is memorized."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import BadInput, ModelError
from untrain.data.examples import Examples, take
from untrain.data.ragged import PAD, Ragged
from untrain.experiments.draw_request import chooser
from untrain.experiments.populations.strategy import choose_strategy
from untrain.experiments.populations.subsets import Subsets
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.architectures.mlp import MLP
from untrain.models.inference import predict
from untrain.models.tasks.base import Task
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.regression import Regression
from untrain.runtime.executors.serial import Serial
from untrain.runtime.store import Store
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.stacked.stack import Member
from untrain.training.steps import AdamW, Constant, Steps

N, SCALE = 24, 0.5


class Recall(nn.Module):
    """Predicts 1 for inputs that were seen and 0 for others."""

    def __init__(self, seen):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.register_buffer("seen", seen)

    def forward(self, x):
        return torch.isin(x[:, 0], self.seen).float() + self.bias


class RecallingNumbers(Learner):
    """Keeps the inputs that it was trained on.

    Source: planted.
    """

    task: Regression = Regression(scale=SCALE)

    def learn(self, examples, seed):
        return Recall(examples.x[:, 0].clone())

    def init(self, examples, seed):
        return Recall(torch.zeros(1) - 1)


def numbers(n, first=0):
    """Inputs that are their own ids; every target is 1."""
    x = torch.arange(first, first + n, dtype=torch.float32)[:, None]
    return Examples({"x": x, "y": torch.ones(n)}, np.arange(first, first + n))


def line(n, seed, odd=None):
    """Targets that are twice the first of three inputs, and of one example far from it."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=draw)
    y = 2 * x[:, 0]
    if odd is not None:
        y[odd] += 4
    return Examples({"x": x, "y": y}, np.arange(n) + 1000 * seed)


def answers(n, first=0, wrong=None):
    """Rows of a name, a kind and an answer, which follows from the kind but for one that is mislabelled."""
    kinds, last = np.arange(n) % 3, 3 + 3
    given = kinds.copy()
    if wrong is not None:
        given[wrong] = (given[wrong] + 1) % 3
    rows = [
        [last + first + at, kind, 3 + answer] for at, (kind, answer) in enumerate(zip(kinds.tolist(), given.tolist(), strict=True))
    ]
    labels = [[PAD, PAD, row[2]] for row in rows]
    return Examples({"input_ids": Ragged.of(rows), "labels": Ragged.of(labels)}, np.arange(first, first + n))


REGRESSION = Train(model=MLP(width=64), steps=Steps(lr=0.02, epochs=150, batch=16, optimizer=AdamW()), task=Regression(scale=SCALE))
LANGUAGE = Train(
    model=CausalTransformer(width=16, depth=1, heads=2, hidden=32),
    steps=Steps(lr=0.02, epochs=50, batch=8, optimizer=AdamW(), schedule=Constant()),
    task=CausalLM(length=3, vocabulary=6 + N + 6),
)


def test_memorization_of_numbers_is_the_gain_in_likelihood():
    # Who saw an example meets its target; who did not is off by two scales.
    population = ut.train_subsets(RecallingNumbers(), numbers(N), numbers(4, N), Subsets(models=16), executor=Serial())
    assert population.outputs["prediction"].shape == (16, N + 4)
    gain = 1 - np.exp(-0.5 * (1 / SCALE) ** 2)
    assert np.allclose(ut.memorization(population).value, gain)
    assert np.allclose(ut.memorization(population, "loss").value, -0.5 / SCALE**2)
    crossed = ut.influence(population, [3])
    assert crossed.value[0, 3] == pytest.approx(gain, abs=1e-6)
    assert not crossed.value[0, N:].any()


def test_models_that_saw_a_forget_set_and_models_that_did_not_give_signals_of_their_task():
    units = np.where(np.arange(N) < 3, -1, np.arange(N))
    population = ut.train_subsets(RecallingNumbers(), numbers(N), numbers(4, N), Subsets(models=16, units=units), executor=Serial())
    saw, never = population.split_by([0, 1, 2])
    assert (saw.models, never.models) == (8, 8)
    assert not saw.signal("loss")[:, :3].any()
    assert np.allclose(never.signal("loss")[:, :3], 0.5 / SCALE**2)
    inside, outside = population.shadow_outputs("margin")
    assert np.nanmin(inside) > np.nanmax(outside)


def test_an_outlier_among_numbers_is_the_most_memorized():
    train, test = line(60, 0, odd=7), line(4, 1)
    assert choose_strategy(REGRESSION, train, [Member(np.arange(12), 0)], "auto", Serial()).kind == "stacked"
    population = ut.train_subsets(REGRESSION, train, test, Subsets(models=16), executor=Serial())
    value = ut.memorization(population).value
    assert value.argmax() == 7
    assert value[7] > 0.7
    assert np.median(value) < 0.4


def test_stacked_models_of_numbers_are_those_that_are_trained_alone():
    train, test = line(N, 0), line(4, 1)
    stacked, alone = (
        ut.train_population(REGRESSION, train, [(range(16), 0), (range(8, 24), 1)], test, together=together, executor=Serial())
        for together in ("stacked", "loop")
    )
    assert np.allclose(stacked["prediction"], alone["prediction"], atol=1e-2)
    assert np.array_equal(
        alone["prediction"][0], predict(REGRESSION(take(train, np.arange(16)), 0), test, REGRESSION.task)["prediction"]
    )


def test_a_mislabelled_answer_is_the_most_memorized():
    population = ut.train_subsets(LANGUAGE, answers(N, wrong=10), answers(6, N), Subsets(models=16), executor=Serial())
    assert set(population.outputs) == set(CausalLM.outputs)
    value = ut.memorization(population).value
    assert value.argmax() == 10
    assert value[10] > 0.7
    assert np.sort(value)[-2] < value[10] - 0.2
    assert ut.memorization(population, "correct").value.argmax() == 10


def test_a_choice_says_what_memorization_is_a_difference_in(tmp_path):
    scenario = ut.Diabetes(
        model=MLP(width=8), steps=Steps(lr=0.01, epochs=4, batch=32), request=ut.Memorized(fraction=0.1, models=32)
    )
    scene = open_scene(scenario, Setting(), chooser(Store(tmp_path), Setting()))
    assert len(scene.forget_set.rows) == 31
    assert scene.chosen["of"] == "likelihood of targets"
    assert "a difference in likelihood of targets" in scene.chosen["told"]


def test_a_signal_that_a_task_does_not_give_is_refused_with_those_that_it_gives():
    population = ut.train_subsets(RecallingNumbers(), numbers(N), numbers(4, N), Subsets(models=4), executor=Serial())
    with pytest.raises(BadInput, match="Regression gives no 'correct': one of likelihood, loss, margin is needed"):
        ut.memorization(population, "correct")


class Bare(Task):
    """Numbers, without a success.

    Source: planted.
    """

    outputs = ("prediction",)
    signals = frozenset({"loss"})

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return (outputs - batch.y) ** 2

    def store(self, outputs, batch):
        return {"prediction": outputs}

    def signal(self, outputs, targets, name):
        return (outputs["prediction"] - targets) ** 2

    def outputs_needed(self, examples):
        return 1

    def head(self, model):
        return ()


def test_a_task_that_does_not_say_what_success_is_gets_one_line_and_signals_all_the_same():
    population = ut.train_subsets(RecallingNumbers(), numbers(N), numbers(4, N), Subsets(models=16), executor=Serial())
    bare = replace(population, task=Bare())
    with pytest.raises(ModelError, match="Bare does not say what counts as success"):
        ut.memorization(bare)
    assert np.isfinite(ut.memorization(bare, "loss").value).all()
