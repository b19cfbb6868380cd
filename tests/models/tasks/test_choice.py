"""One label per example: losses, signals and divergences by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.data.examples import Batch, Examples
from untrain.models.architectures.mlp import MLP
from untrain.models.tasks.classification import Classification
from untrain.training.learners.retrieval import Retrieval
from untrain.training.learners.scikitlearn import ScikitLearn
from untrain.training.learners.train import Train

LOGITS = torch.tensor([[math.log(2.0), 0.0, 0.0], [0.0, math.log(6.0), 0.0]])  # odds 2:1:1 and 1:6:1
BATCH = Batch.labelled(torch.zeros(2, 1), torch.tensor([0, 2]))
STORED = {"logits": LOGITS[None].numpy()}
CHANCE = np.array([[0.5, 0.125]])  # of the two labels


def examples(classes=3):
    return Examples.labelled(torch.zeros(2, 1), torch.tensor([0, 2]), np.arange(2), classes)


@pytest.mark.parametrize("learner", [Train(model=MLP(width=2)), ScikitLearn(), Retrieval()], ids=lambda made: type(made).__name__)
def test_targets_that_are_no_classes_are_refused_in_one_line(learner):
    numbers = Examples({"x": torch.zeros(2, 1), "y": torch.tensor([0.5, 2.0])}, np.arange(2))
    with pytest.raises(ModelError, match="needs targets that number classes, and those of the examples are float32"):
        learner.task.check_examples(numbers)
    with pytest.raises(ModelError, match=r"another task, such as Regression\(\)"):
        learner(numbers, 0)
    learner.task.check_examples(numbers.without_targets())


def test_the_loss_is_minus_the_logarithm_of_the_labels_probability():
    assert Classification().loss_of(LOGITS, BATCH).tolist() == pytest.approx([math.log(2), math.log(8)])


def test_what_is_stored_is_what_signals_are_derived_from():
    task = Classification()
    assert torch.equal(task.store(LOGITS, BATCH)["logits"], LOGITS)
    assert tuple(task.store(LOGITS, BATCH)) == task.outputs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("loss", -np.log(CHANCE)), ("confidence", CHANCE), ("margin", np.log(CHANCE / (1 - CHANCE))), ("correct", [[1.0, 0.0]])],
)
def test_signals_are_those_worked_out_by_hand(name, wanted):
    assert Classification().signal(STORED, BATCH.y.numpy(), name) == pytest.approx(np.asarray(wanted), abs=1e-6)


@pytest.mark.parametrize("heat", [1.0, 2.5])
def test_the_divergence_is_that_of_tempered_distributions(heat):
    teacher = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]])
    p, q = ((logits / heat).softmax(1) for logits in (teacher, LOGITS))
    found = Classification().divergence(LOGITS, teacher, BATCH, heat)
    assert torch.allclose(found, heat**2 * (p * (p / q).log()).sum(1), atol=1e-6)
    assert Classification().divergence(LOGITS, LOGITS, BATCH, heat).tolist() == [0, 0]


def test_the_number_of_classes_comes_from_the_data_and_stays():
    task = Classification().resolve(examples(3))
    assert task == Classification(classes=3)
    assert task.resolve(examples(5)) is task
    assert (task.outputs_needed(examples(5)), Classification().outputs_needed(examples(5))) == (3, 5)


def test_random_labels_are_of_all_classes_alike():
    torch.manual_seed(0)
    drawn = Classification(classes=4).random_targets(torch.zeros(8_000, dtype=torch.int64))
    counts = torch.bincount(drawn, minlength=4)
    assert len(counts) == 4
    assert ((counts - 2000).abs() < 4 * 1500**0.5).all()


@pytest.mark.parametrize("ask", [lambda task: task.random_targets(BATCH.y), lambda task: task.head(nn.Linear(2, 3))])
def test_where_the_number_of_classes_is_not_known_a_line_says_so(ask):
    with pytest.raises(ModelError, match=r"Classification\(\) does not know the number of classes: give it, as in classes=10"):
        ask(Classification())


@pytest.mark.parametrize("shape", [(2, 2), (2,), (2, 3, 1)])
def test_outputs_without_a_logit_per_class_are_refused(shape):
    with pytest.raises(ModelError, match=r"Net gives outputs of shape .*; 3 classes need \(batch, 3\)"):
        Classification(classes=3).check_outputs("Net", torch.zeros(shape), examples())


def test_examples_without_an_input_are_refused_and_hidden_targets_are_not():
    Classification().check_examples(examples().without_targets())
    with pytest.raises(ModelError, match=r"Classification needs the fields \('x', 'y'\); the examples have \('pixels', 'y'\)"):
        Classification().check_examples(Examples({"pixels": torch.zeros(2, 1), "y": torch.zeros(2)}, np.arange(2)))
