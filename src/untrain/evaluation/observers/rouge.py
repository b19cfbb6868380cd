"""The share of the true answers that a model says when prompted with the question alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from torch import nn

from untrain.core.errors import SpecError
from untrain.core.fields import Count, NonNegative
from untrain.data.examples import Examples, take
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, means_by_set, spread
from untrain.maths.rouge import rouge_recall
from untrain.models.generation import generate
from untrain.models.inference import signal
from untrain.models.tasks.answers import common_end, prompts_and_answers
from untrain.models.tasks.causallm import CausalLM

_SAID = "share of the true answer's tokens in a model's reply, in their order (ROUGE-L recall)"
_WEAK = "an answer in other words counts as none; with several samples the best counts, so that more of them say more"


class Rouge(Observer):
    """ROUGE-L recall of a language model's replies to the questions of the forget set and of the test set.

    With several samples the best of them counts, which is what an adversary gets who may ask as often (leak@k). Classifiers say one
    thing, a class.

    Args:
        samples: answers per question.
        temperature: of the draws; 0 takes the likeliest token.
        most: questions per set, spread evenly; None takes all.

    Source: Maini et al. 2024, arXiv 2401.06121 (ROUGE-L recall of answers); Reisizadeh et al. 2025, arXiv 2511.04934 (leak@k).
    Departs: tokens are compared, where TOFU's code compares stems of words; an answer is cut at the length of the longest true one.
        The token with which all true answers end ends an answer, and is none of its tokens.
    """

    samples: Count = 1
    temperature: NonNegative = 0.0
    most: Count | None = None

    def __post_init__(self) -> None:
        if self.samples > 1 and not self.temperature:
            raise SpecError(f"Rouge(samples={self.samples}) draws the same answer each time: give a temperature, such as 1.0")

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "rouge_forget": ScoreInfo(
            f"{_SAID}, mean over the forget set", "fraction", "the oracles' value", _WEAK, margin=0.02,
            above="says more of the forgotten answers than retrained models do",
            below="over-forgets: says less of the forgotten answers than retrained models do",
        ),
        "rouge_test": ScoreInfo(f"{_SAID}, mean over the test set", "fraction", "the oracles' value", _WEAK),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Recall of each forget and then of each test example, (n,)."""
        sets = [e if self.most is None else take(e, spread(len(e), self.most)) for e in (sight.forget, sight.test)]
        return np.concatenate([self._recalls(model, sight, examples) for examples in sets])

    def _recalls(self, model: nn.Module, sight: ObserverContext, examples: Examples) -> Array:
        task = sight.task
        if not isinstance(task, CausalLM):
            return signal(model, examples, task, "correct")
        if not len(examples):
            return np.empty(0)
        prompts, answers = prompts_and_answers(examples)
        end = common_end(answers)
        best = np.zeros(len(answers))
        for sample in range(self.samples):
            said = generate(model, prompts, task, max(map(len, answers)), end, self.temperature, sight.seed + sample)
            pairs = zip(said, answers, strict=True)
            best = np.maximum(best, [rouge_recall(_without(one, end), _without(true, end)) for one, true in pairs])
        return best

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The mean on each set."""
        return means_by_set("rouge", trial, self.most)


def _without(tokens: list[int], end: int | None) -> list[int]:
    return tokens[:-1] if tokens and tokens[-1] == end else tokens
