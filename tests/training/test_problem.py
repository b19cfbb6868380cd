"""What to forget, as it is named from Python."""

import numpy as np
import pytest
import torch

from untrain.core.errors import RequestError
from untrain.models.architectures.convnet import ConvNet
from untrain.training.learners.train import Train
from untrain.training.problem import problem

DATA = (torch.rand(12, 1, 4, 4), torch.arange(12) % 2)
LEARNER = Train(model=ConvNet(width=2))


@pytest.mark.parametrize("ids", [[3, 7], (3, 7), {3, 7}, np.array([3, 7]), torch.tensor([3, 7]), range(3, 8, 4)], ids=type)
def test_ids_may_come_in_anything_that_holds_several(ids):
    assert sorted(problem(DATA, ids, LEARNER).forget.ids.tolist()) == [3, 7]


@pytest.mark.parametrize("ids", [3, "3", b"3", None, 2.5, np.array(3), [[3, 7]], {3: 7}], ids=repr)
def test_what_is_neither_a_request_nor_several_ids_is_refused(ids):
    with pytest.raises(RequestError, match="as a request: give a list of ids"):
        problem(DATA, ids, LEARNER)
