"""How a classifier is asked."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.data.examples import Batch
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression
from untrain.models.tasks.textclassification import TextClassification


def test_a_uniform_answer_over_c_classes_loses_log_c():
    batch = Batch.labelled(torch.zeros(2, 4), torch.tensor([0, 3]))
    assert Classification().loss(nn.Identity(), batch).tolist() == pytest.approx([1.3862944] * 2)


def test_the_loss_of_an_example_does_not_depend_on_the_others():
    x, y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1])
    whole = Classification().loss(nn.Identity(), Batch.labelled(x, y))
    alone = torch.cat([Classification().loss(nn.Identity(), Batch.labelled(x[i : i + 1], y[i : i + 1])) for i in range(5)])
    assert torch.equal(whole, alone)
    assert (whole >= 0).all()


def test_bytes_are_scaled_to_the_unit_interval():
    batch = Batch.labelled(torch.tensor([[0, 51, 255]], dtype=torch.uint8), torch.tensor([0]))
    assert Classification().forward(nn.Identity(), batch).tolist() == [[0.0, pytest.approx(0.2), 1.0]]


def test_a_record_with_logits_is_understood():
    class Recorded(nn.Module):
        def forward(self, x):
            return SimpleNamespace(logits=x + 1)

    assert Classification().forward(Recorded(), Batch.labelled(torch.zeros(1, 2), torch.tensor([0]))).tolist() == [[1, 1]]


def test_the_head_is_the_last_linear_layer():
    assert Classification(classes=4).head(ResNet(width=2).build((3, 8, 8), 4)) == ("fc.weight", "fc.bias")
    net = ConvNet(width=2).build((1, 8, 8), 4)
    assert Classification(classes=4).head(net) == tuple(list(dict(net.named_parameters()))[-2:])


def test_a_convolution_of_one_pixel_may_be_the_head():
    assert Classification(classes=4).head(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 4, 1, bias=False), nn.Flatten())) == (
        "1.weight",
    )


def test_a_named_head_is_taken_at_its_word():
    assert Classification(head_names=("0.bias",)).head(nn.Sequential(nn.Linear(1, 1))) == ("0.bias",)


def test_a_model_without_a_head_says_how_to_name_one():
    with pytest.raises(ModelError, match=r"name it with head_names=\(...\)"):
        Classification(classes=2).head(nn.Conv2d(1, 1, 3))


def test_the_head_has_as_many_answers_as_there_are_classes_wherever_it_is_declared():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = nn.Linear(8, 4), nn.Linear(2, 8)

    assert Classification(classes=4).head(Turned()) == ("head.weight", "head.bias")


def test_a_tied_head_bears_the_name_that_the_model_gives_it():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    assert Classification(classes=4).head(net) == ("0.weight", "2.bias")


def test_a_model_that_answers_with_a_tuple_is_refused():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(ModelError, match="returns a tuple"):
        Classification().forward(Pair(), Batch.labelled(torch.zeros(1, 2), torch.tensor([0])))


def test_a_head_may_know_more_classes_than_the_data():
    assert Classification(classes=3).head(nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 10))) == ("1.weight", "1.bias")


@pytest.mark.parametrize("task", [Classification(), Regression()])
def test_a_model_is_shown_images_in_the_unit_interval_and_numbers_as_they_are(task):
    images = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    for x, shown in ((images, torch.tensor([[0.0, 0.2, 1.0]])), (torch.tensor([[0.0, 51.0, 255.0]]),) * 2):
        batch = Batch.labelled(x, torch.zeros(len(x)))
        assert torch.equal(task.inputs(batch), shown)
        assert torch.equal(task.forward(Summed(), batch), shown.sum(1, keepdim=True) if task == Classification() else shown.sum(1))


class Summed(torch.nn.Module):
    def forward(self, x):
        return x.sum(1, keepdim=True)


def test_tokens_of_any_type_are_not_scaled():
    tokens = torch.tensor([[3, 200]], dtype=torch.uint8)
    assert torch.equal(TextClassification().inputs(Batch({"input_ids": tokens}, torch.arange(1))), tokens)
