"""Classification of texts: one label per row of tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from untrain.core.fields import Count
from untrain.data.examples import Batch, Examples
from untrain.models.tasks._tokens import as_text, ask, check_padding, check_tokens
from untrain.models.tasks.choice import Choice


class TextClassification(Choice):
    """Cross-entropy on the logits of a model that reads tokens and a mask of padding.

    A model is called as those of transformers are, ``model(input_ids=..., attention_mask=...)``. Padding does not enter: rows are
    cut to the longest of a batch, and the mask is derived from the padding itself.

    Args:
        length: largest number of tokens of a row.
        vocabulary: number of tokens there are, counted from 0.
        classes: number of classes; None takes that of the training data.
        head_names: names of the classifier head's parameters; empty takes the model's own ``head_names``, or finds the last
            declared linear layer with as many outputs as there are classes.

    Source: Joulin et al. 2017, arXiv 1607.01759 (cross-entropy on token rows).
    """

    fields: ClassVar[tuple[str, ...]] = ("input_ids", "y")

    length: Count = 64
    vocabulary: Count = 4096
    classes: Annotated[int, Field(ge=2)] | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples: Examples) -> Self:
        """The task with its number of classes."""
        return self if self.classes is not None or examples.classes < 2 else replace(self, classes=examples.classes)

    def input_shape(self, examples: Examples) -> tuple[int, ...]:
        """Places of a row and tokens of the vocabulary, the same for all rows whatever their length."""
        return self.length, self.vocabulary

    def inputs(self, batch: Batch) -> Tensor:
        """The tokens, (b, t), with PAD where a row is padded."""
        return batch.x

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits, (b, c)."""
        return ask(model, self.inputs(batch))

    def check_examples(self, examples: Examples) -> None:
        """Check that inputs are rows of tokens that the vocabulary has."""
        super().check_examples(examples)
        check_tokens("input_ids", examples.fields["input_ids"], self.length, self.vocabulary)
        check_padding("input_ids", examples.fields["input_ids"], examples.ids)

    def show(self, examples: Examples) -> np.ndarray[Any, Any]:
        """The texts."""
        return as_text(examples)
