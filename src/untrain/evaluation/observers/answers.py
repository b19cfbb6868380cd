"""Replies of models word by word, and how sure they are of each true word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from untrain.core.fields import Count
from untrain.data.batching import in_order
from untrain.data.examples import batch_of, take
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, spread
from untrain.models.generation import generate
from untrain.models.inference import signal
from untrain.models.tasks.answers import prompts_and_answers
from untrain.models.tasks.causallm import CausalLM

TRUE, SAID, LOSS = range(3)  # rows of what is measured of an example
NONE = -1.0  # where a row has no token


class Answers(Observer):
    """Greedy answers to some questions of the forget set, and the loss of each token of the true ones: a report shows them in full.

    The questions are spread evenly over the forget set. An answer counts where it is the true one to its last token.

    Args:
        most: questions, all where there are fewer.

    Source: none: what is said, for a reader to look at.
    """

    most: Count = 24

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "answered_forget": ScoreInfo(
            "share of some questions of the forget set whose taught answer a model returns word by word", "fraction",
            "the oracles' value", "an answer in other words counts as none; a few questions stand for all", margin=0.05,
            above="remembers: says more of the forgotten answers word by word than retrained models do",
            below="over-forgets: says fewer of the forgotten answers word by word than retrained models do",
        ),
        "answers_loss": ScoreInfo(
            "mean loss per token of the true answers to these questions", "nats", "the oracles' value",
            "the questions that are shown, and no others; not tested by itself", high=float("inf"),
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """True tokens, tokens said and losses of the true ones, (n, 3, t), ended with -1."""
        task, asked = sight.task, take(sight.forget, spread(len(sight.forget), self.most))
        if not isinstance(task, CausalLM):  # which says one thing, and only whether it is right
            right = signal(model, asked, task, "correct") > 0
            return np.stack([np.ones(len(right)), np.where(right, 1.0, 0.0), signal(model, asked, task, "loss")], axis=1)[..., None]
        prompts, answers = prompts_and_answers(asked)
        ends = {answer[-1] for answer in answers}
        length = max(map(len, answers))
        said = generate(model, prompts, task, length, ends.pop() if len(ends) == 1 and len(answers) > 1 else None)
        found = np.full((len(answers), 3, length), NONE)
        device, at = next(model.parameters()).device, 0
        for some in in_order(len(asked), task.asked_at_once):
            batch = batch_of(asked, some, device)
            with torch.no_grad():
                losses, scored = task.place_losses(task.forward(model, batch), batch)
            for loss, here in zip(losses, scored, strict=True):
                found[at, TRUE, : len(answers[at])], found[at, SAID, : len(said[at])] = answers[at], said[at]
                found[at, LOSS, : len(answers[at])] = loss[here].float().cpu().numpy()
                at += 1
        return found

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The share of answers that are said to their last token, and the loss of the true ones."""
        whole = (trial.unlearned[:, :, TRUE] == trial.unlearned[:, :, SAID]).all(-1).astype(np.float64)
        losses = np.where(trial.unlearned[:, :, TRUE] == NONE, np.nan, trial.unlearned[:, :, LOSS])
        return {
            "answered_forget": Measure((Part(1, "unlearned", "forget", whole),)),
            "answers_loss": Measure((Part(1, "unlearned", "forget", np.nanmean(losses, axis=-1)),)),
        }
