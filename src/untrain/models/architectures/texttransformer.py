"""A small transformer encoder that classifies texts."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.core.fields import Count
from untrain.models.architectures._transformer import Trunk, mean_of, token_shape
from untrain.models.architectures.base import Architecture


class TextTransformer(Architecture):
    """Transformer encoder (norms before, GELU, no dropout) and a classifier of its mean output, without padding.

    Args:
        width: length of a token's vector.
        depth: number of layers.
        heads: number of heads; each has ``width / heads``.
        hidden: units between the two linear layers behind each attention.

    Source: Vaswani et al. 2017, arXiv 1706.03762; norms before as Xiong et al. 2020, arXiv 2002.04745.
    """

    width: Count = 64
    depth: Count = 2
    heads: Count = 4
    hidden: Count = 128

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for rows of tokens, of shape (length, vocabulary)."""
        places = token_shape("TextTransformer", shape)
        return _Net(Trunk(places, self.width, self.depth, self.heads, self.hidden, causal=False), self.width, classes)


class _Net(nn.Module):
    def __init__(self, trunk: Trunk, width: int, classes: int):
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(width, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.head(mean_of(self.trunk(input_ids, attention_mask), attention_mask))
        return logits
