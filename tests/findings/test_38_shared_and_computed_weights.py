"""Weights that share memory are kept or refused, computed weights are left alone, and freeze holds every running statistic."""

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.compatibility import check_shaped
from untrain.training.batch_norm import tracking, untracked_statistics
from untrain.training.learners.train import Train
from untrain.training.row_gradients import only_rows
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.training.trainable import trainable_parts
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.neggrad import NegGrad

STEPS = Steps(lr=0.05, epochs=1)


class Net(nn.Module):
    """Convolutions, a layer between them and the head."""

    def __init__(self, between=None, width=4):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.three, self.between = nn.Conv2d(width, width, 3, padding=1), between or nn.Identity()
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.three(self.two(self.between(self.one(x)).relu()).relu()).relu().mean((2, 3)))


def in_one_memory():
    net = Net()
    net.three.weight = nn.Parameter(net.two.weight.data)
    return net


def a_part_of_another():
    net = Net()
    net.one.weight = nn.Parameter(net.two.weight.data.flatten()[4:40].view(4, 1, 3, 3))
    return net


def with_a_buffer():
    net = Net()
    net.register_buffer("kept", net.head.weight.data[1:])
    return net


@pytest.mark.parametrize("make", [in_one_memory, a_part_of_another, with_a_buffer])
def test_two_parameters_in_one_memory_are_refused_in_a_line(make):
    _, problem = small()
    doors = {
        "unlearner": lambda: Finetune(steps=STEPS)(make().eval(), problem),
        "localizer": lambda: WeightedGrad()(make().eval(), problem),
        "learner": lambda: Train(model=make, steps=STEPS)(problem.retain, 0),
    }
    for door in doors.values():
        with pytest.raises(ModelError, match="share memory and are two parameters"):
            door()


def one_parameter():
    net = Net()
    net.three.weight = net.two.weight
    return net


@pytest.mark.parametrize("masked", [False, True])
def test_one_parameter_under_two_names_stays_one(masked):
    _, problem = small()
    net = one_parameter().eval()
    if masked:
        draw = torch.Generator().manual_seed(1)
        bits = {n: torch.rand(p.shape, generator=draw) < 0.5 for n, p in net.named_parameters()}
        problem = replace(problem, mask=Mask(bits, problem.digest))
    forgot = Finetune(steps=STEPS)(net, problem)
    assert forgot.three.weight is forgot.two.weight
    assert Train(model=one_parameter, steps=STEPS)(problem.retain, 0).two.weight.ndim == 4


def test_neighbours_in_one_block_of_memory_are_fine():
    net, flat = nn.Linear(4, 4), torch.randn(20)
    net.weight, net.bias = nn.Parameter(flat[:16].view(4, 4)), nn.Parameter(flat[16:])
    check_shaped(net)
    check_shaped(nn.LSTM(3, 5, num_layers=2, bidirectional=True))


@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, nn.utils.spectral_norm, parametrizations.weight_norm])
def test_a_computed_weight_is_not_asked_for(norm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = nn.Sequential(norm(nn.Conv2d(1, 80, 3)), nn.Flatten(), nn.Linear(80, 3)).train()
    before = {n: b.clone() for n, b in layer.named_buffers()}
    rows = {n: torch.arange(len(p)) % 2 == 0 for n, p in layer.named_parameters()}
    bits = {n: rows[n].reshape(-1, *[1] * (p.ndim - 1)).expand(p.shape).clone() for n, p in layer.named_parameters()}
    with only_rows(layer, trainable_parts(layer, Mask(bits, ""))):
        pass
    assert all(torch.equal(b, before[n]) for n, b in layer.named_buffers())


NORMS = [nn.BatchNorm2d(4), nn.InstanceNorm2d(4, affine=True, track_running_stats=True)]


@pytest.mark.parametrize("norm", NORMS, ids=lambda n: type(n).__name__)
def test_freeze_holds_running_statistics_and_move_moves_them(norm):
    _, problem = small()
    drift = {
        b: Finetune(steps=replace(STEPS, buffers=b)).run(Net(norm).eval(), problem).guard.buffer_drift for b in ("freeze", "move")
    }
    assert drift["freeze"] == 0.0 < drift["move"]


@pytest.mark.parametrize("norm", NORMS, ids=lambda n: type(n).__name__)
def test_statistics_are_estimated_anew_as_a_plain_average(norm):
    _, problem = small()
    steps = replace(STEPS, buffers="reestimate")
    forgot = Finetune(steps=steps)(Net(norm).eval(), problem)
    assert forgot.between.momentum == norm.momentum
    with torch.no_grad():
        inputs = forgot.one(problem.retain.x)
    expected = inputs.mean((0, 2, 3)) if isinstance(norm, nn.BatchNorm2d) else inputs.mean((2, 3)).mean(0)
    torch.testing.assert_close(forgot.between.running_mean, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS, ids=lambda n: type(n).__name__)
def test_statistics_are_left_alone_where_a_method_promises_it(norm):
    net = Net(norm).train()
    assert tracking(net) == [net.between]
    before = net.between.running_mean.clone()
    with untracked_statistics(net):
        net(torch.randn(8, 1, 6, 6))
    assert torch.equal(net.between.running_mean, before)
    net(torch.randn(8, 1, 6, 6))
    assert not torch.equal(net.between.running_mean, before)
    assert NegGrad(steps=STEPS)(net.eval(), small()[1]) is not net
