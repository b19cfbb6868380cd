"""Models of shards of the training data that vote, with what is needed to train each of them again from halfway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from untrain.models.state import State, state
from untrain.models.tasks.choice import logits_of

LEAST = 2  # examples of a shard with a vote: batch statistics of one do not exist


class ShardEnsemble(nn.Module):
    """Mean of the models of several shards, each of which learned examples of its own, slice after slice.

    Classes get the logarithm of the mean of the models' probabilities; other outputs their mean. A shard of fewer than two
    examples was not trained and has no vote. Checkpoints are buffers, so that they go wherever the model goes, and are not weights.

    Args:
        members: a model for each shard, of one shape.
        slices: how many a shard is cut into.
        seed: that places, initial weights and batches follow.
        probabilities: whether outputs are logits of classes.
        head_names: names of the parameters of all heads; empty where they are not known.

    Source: Bourtoule et al. 2021, arXiv 1912.03817, section IV (aggregation by the mean of the models' vectors).
    """

    sizes: Tensor
    seed: Tensor

    def __init__(self, members: Sequence[nn.Module], slices: int, seed: int, probabilities: bool, head_names: tuple[str, ...] = ()):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.checkpoints = nn.ModuleList([SliceStates(member, slices - 1) for member in members])
        self.register_buffer("sizes", torch.zeros(len(members), slices, dtype=torch.int64))
        self.register_buffer("seed", torch.tensor(seed))
        self.probabilities, self.head_names = probabilities, head_names

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Log-probabilities of classes, (b, c), or the mean of other outputs."""
        outputs = torch.stack([logits_of(member, member(*inputs, **named)) for member in self.members])
        votes = self.sizes.sum(1) >= LEAST
        votes = torch.where(votes.any(), votes, torch.ones_like(votes)).to(outputs.dtype)
        votes = (votes / votes.sum()).reshape(-1, *[1] * (outputs.ndim - 1))
        if self.probabilities:
            return (outputs.log_softmax(-1) + votes.log()).logsumexp(0)
        return (outputs * votes).sum(0)


class SliceStates(nn.Module):
    """States of a model after its first slices, in buffers.

    >>> layer = nn.Linear(1, 1)
    >>> kept = SliceStates(layer, 2)
    >>> kept.save(1, layer)
    >>> bool(kept.values0[1] == layer.weight)
    True

    Args:
        model: of the shape of those that will be saved.
        count: how many states.
    """

    def __init__(self, model: nn.Module, count: int):
        super().__init__()
        for at, value in enumerate(state(model).values() if count else ()):
            self.register_buffer(f"values{at}", value.new_zeros(count, *value.shape))

    def save(self, place: int, model: nn.Module) -> None:
        """Write down the state of a model."""
        for buffer, value in zip(self.buffers(), state(model).values(), strict=True):
            buffer[place] = value

    def load(self, place: int, model: nn.Module) -> None:
        """Put a model back into a state."""
        put_state(model, {name: buffer[place] for name, buffer in zip(state(model), self.buffers(), strict=True)})


@torch.no_grad()
def put_state(model: nn.Module, values: State) -> None:
    """Write parameters and buffers of a model by name, but for parameters that require no gradient, which stay as they are."""
    buffers = dict(model.named_buffers())
    there = buffers | {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name, value in there.items():
        value.copy_(values[name])
