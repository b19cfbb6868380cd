"""No token sees one behind it."""

import numpy as np
import pytest
import torch

from untrain.core.errors import ModelError
from untrain.data.examples import Examples, batch_of
from untrain.localizers.gradient import Gradient
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.tasks.causallm import CausalLM
from untrain.training.gradients import _one_by_one, of_examples
from untrain.training.learners.train import Train
from untrain.training.problem import problem
from untrain.training.steps import Steps
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.ssd import SSD

SMALL = CausalTransformer(width=8, depth=2, heads=2, hidden=8)


def test_a_later_token_does_not_change_what_is_before_it():
    torch.manual_seed(0)
    net = SMALL.build((6, 9), 9).eval()
    mask = torch.ones(1, 4, dtype=torch.bool)
    a, b = net(torch.tensor([[1, 2, 3, 4]]), mask), net(torch.tensor([[1, 2, 3, 7]]), mask)
    assert torch.equal(a[:, :3], b[:, :3])
    assert not torch.allclose(a[:, 3], b[:, 3])


@pytest.mark.parametrize("tied", [False, True])
def test_a_tied_head_is_the_embedding(tied):
    net = CausalTransformer(width=8, depth=1, heads=2, hidden=8, tied=tied).build((6, 9), 9)
    assert (net.head.weight is net.trunk.tokens.weight) == tied


ROTARY = CausalTransformer(width=8, depth=1, heads=2, hidden=8, positions="rotary")


def test_with_rotary_positions_order_enters_and_no_place_has_a_vector():
    torch.manual_seed(0)
    net = ROTARY.build((6, 9), 9).eval()
    mask = torch.ones(1, 4, dtype=torch.bool)
    a, b = net(torch.tensor([[1, 2, 3, 4]]), mask), net(torch.tensor([[2, 1, 3, 4]]), mask)
    assert not torch.allclose(a[:, 3], b[:, 3])
    assert torch.equal(a[:, :3], net(torch.tensor([[1, 2, 3, 7]]), mask)[:, :3])
    assert not any("places" in name for name, _ in net.named_parameters())


def test_heads_without_pairs_cannot_turn():
    with pytest.raises(ModelError, match="each of 2 heads has 3 numbers: take an even one"):
        CausalTransformer(width=6, heads=2, positions="rotary").build((6, 9), 9)


def test_gradients_of_examples_are_those_of_each_alone_and_masks_and_damping_move_it():
    rows = torch.randint(9, (6, 5))
    data = Examples({"input_ids": rows, "labels": rows}, np.arange(6))
    learner = Train(model=ROTARY, task=CausalLM(length=6, vocabulary=9), steps=Steps(lr=0.01, epochs=1, batch=3))
    model = learner.init(data, 0).eval()
    params = dict(model.named_parameters())
    (together,) = of_examples(model, learner.task, [data], np.arange(6), params)
    alone = _one_by_one(model, learner.task, batch_of(data, np.arange(6)), params)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(together, alone, strict=True))
    asked = problem(data, [0, 1], learner)
    for method in (SSD(select=1.5), Finetune(steps=Steps(lr=0.01, epochs=1)) @ Gradient(keep=0.3)):
        assert method.run(model, asked).guard.moved_norm > 0
