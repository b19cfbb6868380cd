"""Language modelling from left to right: the loss of an answer is the mean over its tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import DataError, ModelError, SpecError
from untrain.core.fields import Count
from untrain.data.examples import Batch, Examples
from untrain.data.ragged import PAD
from untrain.maths import sequence_likelihood
from untrain.maths.forget_losses import divergence_from, mean_over
from untrain.maths.lowest_tokens import lowest_mean, standardised
from untrain.models.tasks._tokens import as_text, ask, check_padding, check_tokens, starts_of
from untrain.models.tasks.base import Array, Signal, Success, Task


class CausalLM(Task):
    """Mean cross-entropy of the scored tokens, such as those of an answer, each given all tokens before it.

    ``labels`` are ``input_ids`` where a token is scored and PAD where it is not; a token is predicted from those before it, as
    transformers have it. Six numbers are stored per example, and never logits of a vocabulary: the mean loss, how many tokens are
    scored, of how many the likeliest token is right, how many of the last ones are so without a gap, and the mean of the lowest
    fifth of the log-probabilities, as they are and standardised over the vocabulary. An answer is 'correct' where all of its tokens
    are; its margin is ``log p - log(1 - p)`` with ``p = exp(-loss)``, the geometric mean of its tokens' probabilities.

    The head is the last linear layer with an output per token. Where its weight is the embedding's too (tied), it is not a
    layer that could stay or move by itself: then it must be named, and moves as both.

    Args:
        length: largest number of tokens of a row.
        vocabulary: number of tokens there are, counted from 0.
        head_names: names of the head's parameters; empty takes the model's own ``head_names``, or finds them.

    Source: Radford et al. 2018 (cross-entropy from left to right); Carlini et al. 2021, arXiv 2012.07805 (loss of a sequence as a
        sign of membership).
    """

    fields: ClassVar[tuple[str, ...]] = ("input_ids", "labels")
    outputs: ClassVar[tuple[str, ...]] = ("loss", "count", "hits", "suffix", "lowest", "lowest_standardised")
    asked_at_once: ClassVar[int] = 32
    signals: ClassVar[frozenset[str]] = frozenset({"loss", "margin", "correct", "confidence"})
    signals_from: ClassVar[tuple[str, ...]] = ("loss", "count", "hits")
    success: ClassVar[Success] = Success(
        "confidence",
        "likelihood of answers",
        "The likelihood of an answer is exp(-loss), the geometric mean of its tokens' probabilities.",
    )
    about_margin: ClassVar[str] = (
        "Certainty, the margin, is the log-odds of an answer's likelihood: the geometric mean of its tokens' probabilities."
    )

    length: Count = 64
    vocabulary: Count = 4096
    head_names: tuple[str, ...] = ()

    def input_shape(self, examples: Examples) -> tuple[int, ...]:
        """Places of a row and tokens of the vocabulary, the same for all rows whatever their length."""
        return self.length, self.vocabulary

    def outputs_needed(self, examples: Examples) -> int:
        """One output per token of the vocabulary."""
        return self.vocabulary

    def inputs(self, batch: Batch) -> Tensor:
        """The tokens, (b, t), with PAD where a row is padded."""
        return batch.x

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of the next token at each place, (b, t, v)."""
        return ask(model, self.inputs(batch))

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy of the scored tokens in nats, (b,)."""
        return mean_over(*self.place_losses(outputs, batch))

    def place_losses(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy at each place but the first in nats, and which are scored, both (b, t - 1)."""
        wanted, scored = places(batch)
        return target_losses(outputs, wanted, scored), scored

    def logits(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits of each token but the first, (b, t - 1, v), and which are scored; where labels are hidden, all tokens."""
        return outputs[:, :-1], batch.fields.get("labels", batch.fields["input_ids"])[:, 1:] != PAD

    def place_targets(self, batch: Batch) -> Tensor:
        """The tokens, (b, t - 1)."""
        return places(batch)[0]

    def store(self, outputs: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Mean loss, scored tokens, hits among them, hits of an unbroken end, and both means of the lowest fifth, each (b,)."""
        wanted, scored = places(batch)
        # Of the logits the scored places alone are looked at: most are those of questions.
        logits, own = outputs[:, :-1][scored], wanted[scored][:, None]
        every = logits.log_softmax(-1)
        told = every.gather(-1, own)[:, 0]
        values = (told, standardised(every, told), (logits.argmax(-1) == own[:, 0]).float())
        log_p, standard, right = (v.new_zeros(scored.shape).masked_scatter(scored, v) for v in values)
        hits = right > 0
        # From the end: a scored token counts while no scored one behind it is wrong.
        unbroken = (hits | ~scored).flip(1).int().cumprod(1).flip(1).bool()
        return {
            "loss": mean_over(-log_p, scored), "count": scored.sum(1), "hits": hits.sum(1),
            "suffix": (unbroken & scored).sum(1), "lowest": lowest_mean(log_p, scored),
            "lowest_standardised": lowest_mean(standard, scored),
        }  # fmt: skip

    def signal(self, outputs: Mapping[str, Array], targets: Array, name: Signal) -> Array:
        """From mean losses and numbers of hits, (m, n); targets are in them already."""
        match name:
            case "loss":
                return np.asarray(outputs["loss"])
            case "margin":
                return sequence_likelihood.margins(outputs["loss"])
            case "confidence":
                return sequence_likelihood.confidences(outputs["loss"])
            case "correct":
                return np.asarray(outputs["hits"] == outputs["count"], dtype=np.float64)
        raise SpecError(f"CausalLM gives no {name!r}; it gives {', '.join(sorted(self.signals))}")

    def guess(self, examples: Examples) -> float:
        """The logarithm of the size of the vocabulary."""
        return math.log(self.vocabulary)

    def divergence(self, student: Tensor, teacher: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
        """``temperature ** 2 * KL(teacher || student)`` of each example in nats, (b,): mean over its scored places.

        Where a method does not see labels, which say what is scored, it is the mean over all tokens.
        """
        given, scored = self.logits(student, batch)
        wanted, _ = self.logits(teacher, batch)
        return temperature**2 * mean_over(divergence_from(wanted / temperature, given / temperature), scored)

    def head(self, model: nn.Module) -> tuple[str, ...]:
        """Names of the parameters of the last linear layer with an output per token.

        Raises:
            ModelError: there is no such layer, or its weight is tied to an embedding and nobody named it.
        """
        named = self.head_names or getattr(model, "head_names", ())
        if named:
            return tuple(named)
        kind = type(model).__name__
        layers = [part for part in model.modules() if isinstance(part, nn.Linear) and part.out_features >= self.vocabulary]
        if not layers:
            raise ModelError(
                f"{kind} has no linear layer with {self.vocabulary} outputs to take for its head: name head_names=(...)"
            )
        own = {id(p) for p in layers[-1].parameters(recurse=False)}
        tied = [name for name, part in model.named_modules() if isinstance(part, nn.Embedding) and id(part.weight) in own]
        if tied:
            raise ModelError(
                f"the head of {kind} shares its weight with the embedding {tied[0]!r}, which would move or stay with it: "
                f"untie them, or say so with head_names=('{tied[0]}.weight',)"
            )
        return tuple(n for n, p in model.named_parameters() if id(p) in own)

    def check_outputs(self, name: str, outputs: Tensor, examples: Examples) -> None:
        """Check that there is a logit per place and token."""
        if outputs.ndim != 3 or outputs.shape[2] < self.vocabulary:
            wanted = f"a vocabulary of {self.vocabulary} needs (batch, tokens, {self.vocabulary})"
            raise ModelError(f"{name} gives outputs of shape {tuple(outputs.shape)}; {wanted}")

    def check_examples(self, examples: Examples) -> None:
        """Check that inputs and labels are rows of tokens of the same lengths, and that each has a token that is scored.

        What is scored may be hidden.
        """
        super().check_examples(examples)
        for name in (name for name in self.fields if name in examples.fields):
            check_tokens(name, examples.fields[name], self.length, self.vocabulary)
        if "labels" not in examples.fields:
            return
        ids, labels = (examples.fields[name] for name in self.fields)
        check_padding("input_ids", ids, examples.ids)
        sizes, scored = (np.diff(starts_of(column)) for column in (ids, labels))
        apart = np.flatnonzero(sizes != scored)
        if len(apart):
            row = apart[0]
            both = f"{sizes[row]} and {scored[row]} tokens in the example {examples.ids[row].item()!r}"
            raise ModelError(f"'input_ids' and 'labels' have {both}: make them alike")
        bare = (labels[:][:, 1:] == PAD).all(1)
        if bool(bare.any()):
            row = examples.ids[int(bare.nonzero()[0])]
            raise ModelError(f"the example {row.item()!r} has no token that is scored after its first: 'labels' is PAD everywhere")

    def show(self, examples: Examples) -> np.ndarray[Any, Any]:
        """The texts."""
        return as_text(examples)


def target_losses(outputs: Tensor, wanted: Tensor, scored: Tensor) -> Tensor:
    """Cross-entropy of the tokens to be predicted in nats, (b, t - 1); those that are not scored may be 0.

    The distribution over the vocabulary is computed at scored places alone, which are often a half of them: the same numbers and
    gradients to the last bit. All places are taken where no index can be made of those, as under ``torch.vmap``.
    """
    # A place more is cheaper than a copy of all logits without their last: so there are as many targets as logits.
    target, take = (F.pad(each, (0, 1)) for each in (wanted, scored))
    try:
        at = take.flatten().nonzero()[:, 0]
    except RuntimeError:
        return -outputs.log_softmax(-1).gather(-1, target[..., None])[:, :-1, 0]
    logp = outputs.flatten(0, 1).index_select(0, at).log_softmax(-1)
    losses = -logp.gather(-1, target.flatten()[at][:, None])[:, 0]
    return losses.new_zeros(target.numel()).index_put((at,), losses).view(target.shape)[:, :-1]


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """Tokens to be predicted, int64 (b, t - 1), and whether each is scored.

    Raises:
        DataError: labels are not to be seen.
    """
    if "labels" not in batch.fields:
        raise DataError("these examples have no labels: a method that takes them names 'labels' in its needs")
    wanted = batch.fields["labels"][:, 1:]
    return wanted.clamp(min=0), wanted != PAD
