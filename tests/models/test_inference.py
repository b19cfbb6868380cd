from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, NotFinite
from untrain.data.examples import Examples
from untrain.models.compatibility import check_shaped
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification


@pytest.fixture
def examples():
    draw = torch.Generator().manual_seed(0)
    return Examples.labelled(torch.randn(23, 5, generator=draw), torch.zeros(23, dtype=torch.int64), np.arange(23), 3)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))


def test_answers_are_float32_in_eval_mode_and_none_is_left_out(model, examples):
    found = logits(model.train(), examples, Classification(), batch=10)
    assert found.dtype == np.float32
    with torch.no_grad():
        assert found == pytest.approx(model.eval()(examples.x).numpy(), abs=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 23, 512])
def test_the_batch_does_not_matter(model, examples, batch):
    assert logits(model, examples, Classification(), batch) == pytest.approx(logits(model, examples, Classification()), abs=1e-6)


def test_modes_are_left_as_they_were_where_asking_raises(model, examples):
    model.train()
    model[1].eval()
    with pytest.raises(RuntimeError, match="shapes"):
        logits(model, replace(examples, fields={"x": examples.x[:, :4], "y": examples.y}), Classification())
    assert [part.training for part in model] == [True, False, True, True]


def test_modes_and_statistics_are_left_as_they_were(model, examples):
    model.train()
    model[1].eval()
    before = model[1].running_mean.clone()
    logits(model, examples, Classification())
    assert [part.training for part in model] == [True, False, True, True]
    assert (model[1].running_mean == before).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_output_that_is_no_number_is_refused(model, examples, bad):
    with torch.no_grad():
        model[3].bias[1] = bad
    with pytest.raises(NotFinite, match="gives 23 of 23 examples logits that are NaN or infinite"):
        logits(model, examples, Classification())


def test_a_model_that_is_split_over_devices_is_refused_in_one_line():
    split = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2, device="meta"))
    with pytest.raises(ModelError, match=r"'0.weight' of Sequential lies on cpu and '1.weight' on meta, as device_map splits"):
        check_shaped(split)
