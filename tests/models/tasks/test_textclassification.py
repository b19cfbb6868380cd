"""Padding does not enter; examples that do not fit are refused."""

import numpy as np
import pytest
import torch

from untrain.core.errors import ModelError
from untrain.data.examples import Examples, batch_of
from untrain.data.ragged import PAD, Ragged
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.gradients import _one_by_one, of_examples

KINDS = ("bag", "encoder")


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_change_an_output(kind, texts):
    model, problem = texts.problem(kind)
    task, n = problem.task, len(problem.forget)
    together = task.forward(model, batch_of(problem.forget, np.arange(n)))
    alone = torch.cat([task.forward(model, batch_of(problem.forget, np.array([row]))) for row in range(n)])
    assert together.shape == (n, texts.CLASSES)
    assert torch.allclose(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_single_examples_are_those_one_by_one(kind, texts):
    model, problem = texts.problem(kind)
    params = dict(model.named_parameters())
    order = np.arange(len(problem.forget))
    at_once = [torch.cat(part) for part in zip(*of_examples(model, problem.task, [problem.forget], order, params), strict=True)]
    alone = _one_by_one(model, problem.task, batch_of(problem.forget, order), params)
    for a, b in zip(at_once, alone, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_model_sees_no_padding():
    seen = {}

    class Net(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            seen.update(ids=input_ids, mask=attention_mask)
            return torch.zeros(len(input_ids), 2)

    data = Examples({"input_ids": Ragged.of([[3, 2, 1], [4]]), "y": torch.tensor([0, 1])}, np.arange(2), ("a", "b"))
    TextClassification().forward(Net(), batch_of(data, np.arange(2)))
    assert seen["ids"].tolist() == [[3, 2, 1], [4, 0, 0]]
    assert seen["mask"].tolist() == [[True, True, True], [True, False, False]]


def test_the_shape_of_an_input_is_that_of_the_task_and_not_of_the_longest_row(texts):
    data = texts.classified(3)
    assert TextClassification(length=9, vocabulary=20).input_shape(data) == (9, 20)


def test_the_number_of_classes_is_taken_from_the_data(texts):
    assert TextClassification().resolve(texts.classified()).classes == 3


def test_texts_are_shown_or_else_the_numbers_of_their_tokens(texts):
    task, data = TextClassification(), texts.classified(4)
    assert task.show(data).tolist() == data.columns["text"].tolist()
    bare = Examples(dict(data.fields), data.ids, data.categories)
    assert task.show(bare).tolist() == data.columns["text"].tolist()  # whose words are the numbers


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (TextClassification(length=3, vocabulary=12), "tokens and length=3"),
        (TextClassification(length=9, vocabulary=5), "vocabulary=5"),
    ],
)
def test_rows_that_do_not_fit_are_refused(task, message, texts):
    with pytest.raises(ModelError, match=message):
        task.check_examples(texts.classified())


def test_examples_without_tokens_are_refused(texts):
    images = Examples.labelled(torch.rand(2, 1, 4, 4), torch.tensor([0, 1]), np.arange(2), 2)
    with pytest.raises(ModelError, match="needs the fields"):
        TextClassification().check_examples(images)


def test_a_token_that_the_mask_would_hide_is_refused():
    for row, message in (
        ([3, -1, 1], "holds -1, which is neither a token"),
        ([3, PAD, 1], "of the example 1 has a token after -100"),
    ):
        data = Examples({"input_ids": Ragged.of([[2], row]), "y": torch.tensor([0, 1])}, np.arange(2), ("a", "b"))
        with pytest.raises(ModelError, match=message):
            TextClassification().check_examples(data)
