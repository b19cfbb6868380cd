"""A linear classifier on the mean embedding of a text."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.core.fields import Count
from untrain.models.architectures._transformer import mean_of, token_shape
from untrain.models.architectures.base import Architecture


class BagOfEmbeddings(Architecture):
    """Mean of the embeddings of a text's tokens, independent of their order, then a linear classifier.

    Args:
        width: length of an embedding.

    Source: Joulin et al. 2017, arXiv 1607.01759 (fastText), without n-grams.
    """

    width: Count = 64

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for rows of tokens, of shape (length, vocabulary)."""
        return _Net(token_shape("BagOfEmbeddings", shape)[1], self.width, classes)


class _Net(nn.Module):
    def __init__(self, tokens: int, width: int, classes: int):
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.head(mean_of(self.tokens(input_ids), attention_mask))
        return logits
