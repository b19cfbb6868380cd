"""A small transformer that predicts the next token."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

from untrain.core.fields import Count
from untrain.models.architectures._transformer import Cache, Trunk, token_shape
from untrain.models.architectures.base import Architecture


class CausalTransformer(Architecture):
    """Causal transformer (norms before, GELU, no dropout), with a head of its own.

    Args:
        width: length of a token's vector.
        depth: number of layers.
        heads: number of heads; each has ``width / heads``.
        hidden: units between the two linear layers behind each attention.
        tied: whether the head's weight is that of the embedding.
        positions: 'learned' adds a vector of its place to each token; 'rotary' turns queries and keys by their places, so that
            attention depends on how far apart two tokens are.

    Source: Radford et al. 2018; Vaswani et al. 2017, arXiv 1706.03762; Su et al. 2021, arXiv 2104.09864 (rotary positions).
    """

    width: Count = 64
    depth: Count = 2
    heads: Count = 4
    hidden: Count = 128
    tied: bool = False
    positions: Literal["learned", "rotary"] = "learned"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for rows of tokens, of shape (length, vocabulary), and an output per token."""
        places = token_shape("CausalTransformer", shape)
        rotary = self.positions == "rotary"
        trunk = Trunk(places, self.width, self.depth, self.heads, self.hidden, causal=True, rotary=rotary)
        net = _Net(trunk, self.width, classes)
        if self.tied:
            net.head.weight = net.trunk.tokens.weight
        return net


class Decoded(NamedTuple):
    """Logits of some tokens, and keys and values of these and of all before them."""

    logits: Tensor
    cache: list[Cache]


class _Net(nn.Module):
    def __init__(self, trunk: Trunk, width: int, outputs: int):
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(width, outputs, bias=False)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor | None = None,
        cache: list[Cache] | None = None, use_cache: bool = False,
    ) -> Tensor | Decoded:  # fmt: skip
        """Logits; with ``use_cache`` also the cache that the next call, on the next tokens alone, gets back."""
        if use_cache and cache is None:
            cache = [{} for _ in self.trunk.layers]
        logits: Tensor = self.head(self.trunk(input_ids, attention_mask, position_ids, cache))
        return logits if cache is None else Decoded(logits, cache)
