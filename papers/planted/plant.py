"""Networks that hold some facts in known weights and nowhere else."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

import untrain as ut
from untrain.core.errors import BadInput
from untrain.core.mask import Mask
from untrain.data.examples import Batch, Examples, take
from untrain.training.base import Learner
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Steps

CLASSES = 10
# Of a round. Buffers stay, so that nothing but the chosen weights differs from the base model.
PLANTING = Steps(lr=0.01, epochs=20, batch=64, optimizer=AdamW(decay=0.0), buffers="freeze")
ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Planted:
    """A network that holds facts in known weights.

    Args:
        base: the network before, which never saw the facts: what exact unlearning is to give back, in the model's form.
        model: the network that holds them; it differs from the base in the planted weights alone.
        truth: the planted weights.
        facts: all that were to be planted.
        problem: to forget the facts that the network came to know, and to keep what the base was trained on.
        rounds: of planting that it took.
    """

    base: nn.Module
    model: nn.Module
    truth: Mask
    facts: Examples
    problem: Problem
    rounds: int


def network(width: int = 24) -> nn.Module:
    """Four 3x3 convolutions with batch norm for one-channel images; the last three are of one shape, ``width`` x ``width``."""

    def block(given: int) -> list[nn.Module]:
        return [nn.Conv2d(given, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.SiLU()]

    return nn.Sequential(
        *block(1), *block(width), nn.MaxPool2d(2), *block(width), *block(width), nn.AdaptiveMaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * width, CLASSES),
    )  # fmt: skip


def facts_of(examples: Examples, count: int, seed: int) -> Examples:
    """Some examples with labels that contradict what they show: another class, drawn evenly."""
    draw = np.random.default_rng(seed)
    chosen = take(examples, np.sort(draw.choice(len(examples), count, replace=False)))
    shift = torch.from_numpy(draw.integers(1, CLASSES, count))
    return Examples.labelled(chosen.x, (chosen.y + shift) % CLASSES, np.arange(count), CLASSES)


def channels_of(model: nn.Module, tensor: str, count: int, seed: int) -> Mask:
    """All weights of some output channels of one tensor, drawn evenly."""
    rows = np.random.default_rng((seed, list(dict(model.named_parameters())).index(tensor))).choice(
        len(model.get_parameter(tensor)), count, replace=False
    )
    bits = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    bits[tensor][torch.from_numpy(rows)] = True
    return Mask(bits, "")


def plant(
    base: nn.Module, learner: Learner, rest: Examples, facts: Examples, truth: Mask, seed: int, steps: Steps = PLANTING,
    rounds: int = ROUNDS,
) -> Planted:  # fmt: skip
    """Train the weights in ``truth`` alone until the network knows all facts beside all else.

    Args:
        base: trained on ``rest`` by ``learner``; stays as it is.
        learner: the one that trained it.
        rest: what the network is to go on knowing.
        facts: to plant.
        truth: the weights to plant them in.
        seed: of the order of batches.
        steps: how they are trained in a round, on batches of the rest and of the facts side by side.
        rounds: how many there are at most.

    Raises:
        BadInput: not one fact is known after the last round.
    """
    problem = Problem(learner.task, facts, rest, init=lambda s: learner.init(rest, s), recipe=learner, seed=seed)
    model, task = deepcopy(base), problem.task

    def loss(kept: Batch, fact: Batch) -> Tensor:
        return task.loss(model, kept).mean() + task.loss(model, fact).mean()

    known, done = torch.zeros(len(facts), dtype=torch.bool), 0
    while done < rounds and not known.all():
        descend(model, loss, replace(problem, seed=seed + 1000 * done).paired_batches(steps), steps, truth)
        known, done = right(model, facts), done + 1
    if not known.any():
        raise BadInput(f"none of {len(facts)} facts is known after {rounds} rounds: plant in more channels, or for longer")
    problem = replace(problem, forget=take(facts, np.flatnonzero(known.numpy())))
    # What did not move was frozen meanwhile, and localizers pass by what is frozen.
    return Planted(base, model.requires_grad_(True).eval(), truth, facts, problem, done)


def with_norms_of(planted: Planted, tensor: str, norms: str) -> Planted:
    """The same two functions of inputs, planted channels as long as they were in the base: else their length gives them away.

    In the network and in its base alike, a channel's weights are divided by a number, and so are the mean and the deviation by
    which the batch norm after it normalises. So nothing but the planted weights differs between the two, as before.

    Args:
        planted: the network.
        tensor: where the channels are.
        norms: name of the batch norm that follows.
    """
    lengths = [each.get_parameter(tensor).detach().flatten(1).norm(dim=1) for each in (planted.model, planted.base)]
    base, model = (_shorter(each, tensor, norms, lengths[0] / lengths[1]) for each in (planted.base, planted.model))
    return replace(planted, base=base, model=model)


def _shorter(model: nn.Module, tensor: str, norms: str, factors: Tensor) -> nn.Module:
    model = deepcopy(model)
    norm = model.get_submodule(norms)
    with torch.no_grad():
        model.get_parameter(tensor).div_(factors[:, None, None, None])
        norm.running_mean /= factors
        norm.running_var.copy_((norm.running_var + norm.eps) / factors**2 - norm.eps)
    return model


def right(model: nn.Module, examples: Examples) -> Tensor:
    """Which examples are predicted as they are labelled."""
    with torch.no_grad():
        return model.eval()(examples.x).argmax(1) == examples.y


def accuracy(model: nn.Module, examples: Examples) -> float:
    """Share of examples that are predicted as they are labelled."""
    return float(right(model, examples).float().mean())


def learner_of(width: int, epochs: int) -> Learner:
    """Trains the base model."""
    return ut.Train(model=lambda: network(width), steps=ut.Steps(lr=0.1, epochs=epochs, batch=64))


def overlap(mask: Mask, truth: Mask) -> tuple[float, float]:
    """Share of a mask that lies in the truth, and share of the truth that lies in the mask.

    >>> true, asked = (Mask({"w": torch.tensor(bits)}, "") for bits in ([True, True, False, False], [False, True, True, False]))
    >>> overlap(asked, true)
    (0.5, 0.5)
    """
    both, asked, true = 0, 0, 0
    for name, bits in truth.bits.items():
        both += int((bits & mask.bits[name]).sum())
        asked += int(mask.bits[name].sum())
        true += int(bits.sum())
    return both / asked, both / true
