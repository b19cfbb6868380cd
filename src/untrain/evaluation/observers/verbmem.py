"""The share of a document that a model continues word by word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from untrain.core.fields import Count
from untrain.data.examples import Examples
from untrain.data.ragged import PAD
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, means_by_set
from untrain.maths.rouge import rouge_recall
from untrain.models.generation import generate
from untrain.models.inference import signal
from untrain.models.tasks.base import Task
from untrain.models.tasks.causallm import CausalLM

_SAID = "share of the true tokens, in their order, in what a model goes on with after the beginning of a text (ROUGE-L recall)"
_WEAK = "a text in other words counts as none; common phrases count for models that never saw the text too"


class VerbMem(Observer):
    """ROUGE-L recall of what a language model says after the beginning of each forgotten and of each test text.

    Of a question with its answer the beginning is the question and that share of the answer. Classifiers say one thing, a class.

    Args:
        prefix: share of the scored tokens that is shown.
        most: tokens to go on with.

    Source: Shi et al. 2024, arXiv 2407.06460 (MUSE, VerbMem); Carlini et al. 2023, arXiv 2202.07646 (extraction by a prefix).
    Departs: recall of tokens, where theirs is ROUGE-L's F1 of words; both have as many tokens to say.
    """

    prefix: Annotated[float, Field(gt=0, lt=1)] = 0.5
    most: Count = 64

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "verbmem_forget": ScoreInfo(
            f"{_SAID}, mean over the forget set", "fraction", "the oracles' value", _WEAK, margin=0.02,
            above="remembers: goes on with more of the forgotten texts word by word than retrained models do",
            below="over-forgets: goes on with less of the forgotten texts word by word than retrained models do",
        ),
        "verbmem_test": ScoreInfo(f"{_SAID}, mean over the test set", "fraction", "the oracles' value", _WEAK),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Recall of each forget and then of each test text, (n,)."""
        return np.concatenate([self._recalls(model, sight.task, examples) for examples in (sight.forget, sight.test)])

    def _recalls(self, model: nn.Module, task: Task, examples: Examples) -> Array:
        if not isinstance(task, CausalLM):
            return signal(model, examples, task, "correct")
        if not len(examples):
            return np.empty(0)
        rows, labels = (examples.fields[name][:].tolist() for name in task.fields)
        prompts, ends = [], []
        for row, label in zip(rows, labels, strict=True):
            scored = [at for at, token in enumerate(label) if token != PAD]
            cut = max(1, scored[round(self.prefix * (len(scored) - 1))])
            prompts.append(row[:cut])
            ends.append([label[at] for at in scored if at >= cut][: self.most])
        said = generate(model, prompts, task, max(map(len, ends)))
        return np.array([rouge_recall(one[: len(true)], true) for one, true in zip(said, ends, strict=True)])

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The mean on each set."""
        return means_by_set("verbmem", trial)
