"""Layers on tokens: what architectures that read texts share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.maths.rotary import rotated

Cache = dict[str, Tensor]  # keys and values of one layer, each (b, heads, t, d), under "k" and "v"
STD = 0.02  # of initial embeddings, as of GPT-2's


def token_shape(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Places of a row and tokens of the vocabulary, of the shape that a task on tokens gives.

    Raises:
        ModelError: inputs are not rows of tokens.
    """
    if len(shape) != 2:
        raise ModelError(f"{name} reads rows of tokens, of shape (length, vocabulary); these examples have shape {shape}")
    return shape[0], shape[1]


class Trunk(nn.Module):
    """Embeddings of tokens and places, then layers of attention and a norm: (b, t) to (b, t, d).

    Args:
        shape: places and tokens.
        width: length of a token's vector, shared by the heads.
        depth: number of layers.
        heads: number of heads.
        hidden: units between the two linear layers behind each attention.
        causal: whether a token sees none behind it.
        rotary: whether places turn queries and keys, and have no vectors of their own.

    Raises:
        ModelError: heads do not share the width, or have no pairs of numbers to turn.
    """

    def __init__(self, shape: tuple[int, int], width: int, depth: int, heads: int, hidden: int, causal: bool, rotary: bool = False):
        super().__init__()
        if width % heads:
            raise ModelError(f"a width of {width} cannot be shared by {heads} heads: take a multiple of them")
        if rotary and width // heads % 2:
            raise ModelError(
                f"rotary positions turn pairs, and each of {heads} heads has {width // heads} numbers: take an even one"
            )
        self.causal = causal
        self.places = None if rotary else nn.Embedding(shape[0], width)
        self.tokens = nn.Embedding(shape[1], width)
        for table in (self.places, self.tokens):
            if table is not None:
                nn.init.normal_(table.weight, std=STD)
        self.layers = nn.ModuleList(_Layer(width, heads, hidden, rotary) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor | None = None, cache: Sequence[Cache] | None = None
    ) -> Tensor:
        """A vector per token.

        With a ``cache`` keys and values are kept there, per layer; ``attention_mask`` then covers the tokens before these as well.
        """
        length, before = input_ids.shape[1], attention_mask.shape[1] - input_ids.shape[1]
        at = torch.arange(length, device=input_ids.device) if position_ids is None else position_ids
        x = self.tokens(input_ids)
        if self.places is not None:
            x = x + self.places(at)
        sees = attention_mask[:, None, None, :]  # (b, 1, 1, t): nobody sees padding
        if self.causal:
            sees = sees & torch.ones(length, before + length, dtype=torch.bool, device=x.device).tril(before)
        for number, layer in enumerate(self.layers):
            x = layer(x, sees, at if at.ndim == 1 else at[:, None], None if cache is None else cache[number])
        out: Tensor = self.norm(x)
        return out


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, rotary: bool):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.to_qkv, self.to_out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, sees: Tensor, at: Tensor, cache: Cache | None = None) -> Tensor:
        q, k, v = self.to_qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (b, heads, t, d)
        if self.rotary:
            q, k = rotated(q, at), rotated(k, at)
        if cache is not None:
            k, v = (torch.cat((cache[name], new), 2) if name in cache else new for name, new in (("k", k), ("v", v)))
            cache.update(k=k, v=v)
        near = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        # Not -inf: a row of padding alone, whatever it gives, must not be NaN.
        weights = near.masked_fill(~sees, torch.finfo(near.dtype).min).softmax(3)
        out: Tensor = self.to_out((weights @ v).transpose(1, 2).flatten(2))
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, rotary: bool):
        super().__init__()
        self.before, self.attention = nn.LayerNorm(width), _Attention(width, heads, rotary)
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, sees: Tensor, at: Tensor, cache: Cache | None = None) -> Tensor:
        x = x + self.attention(self.before(x), sees, at, cache)
        out: Tensor = x + self.feed(x)
        return out


def mean_of(vectors: Tensor, mask: Tensor) -> Tensor:
    """Mean of the vectors of a row that are not padding, (b, t, d) to (b, d); zero where there is none."""
    counts = mask.sum(1, keepdim=True).clamp(min=1)
    return (vectors * mask[..., None]).sum(1) / counts
