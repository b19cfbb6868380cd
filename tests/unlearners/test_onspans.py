"""Spans alone are scored of what is forgotten, by any unlearner, and nothing else changes."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

import texts
from one_step import LR, PLAIN
from untrain.core.errors import DataError, ModelError, SpecError
from untrain.data.examples import batch_of
from untrain.data.ragged import PAD, Ragged
from untrain.localizers.gradient import Gradient
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.onspans import OnSpans


def spanned(problem, kept):
    """The forget set with a span of the last ``kept`` scored tokens."""
    rows = [row.tolist() for row in problem.forget.fields["labels"].rows()]
    spans = [[PAD] * (len(row) - kept) + row[len(row) - kept :] if kept else [PAD] * len(row) for row in rows]
    fields = {"input_ids": problem.forget.fields["input_ids"], "spans": Ragged.of(spans), "labels": Ragged.of(rows)}
    return replace(problem, forget=replace(problem.forget, fields=fields), digest="")


def test_one_step_goes_up_the_loss_of_the_spans():
    model, problem = texts.problem("causal")
    problem = spanned(problem, 1)
    forgot = OnSpans(unlearner=GradAscent(steps=PLAIN))(model, problem)
    hand, batch = deepcopy(model), batch_of(problem.forget, range(len(problem.forget)))
    loss = problem.task.loss(hand.train(), batch.with_targets(batch.fields["spans"])).mean()
    for p, q, g in zip(forgot.parameters(), hand.parameters(), torch.autograd.grad(loss, list(hand.parameters())), strict=True):
        assert torch.allclose(p, q + LR * g, atol=1e-6)


def test_what_has_no_spans_or_does_not_score_the_forget_set_is_refused_in_one_line():
    model, problem = texts.problem("causal")
    with pytest.raises(DataError, match=r"field 'spans', and these texts have input_ids, labels: take Restor\(spans=True\)"):
        OnSpans(unlearner=GradAscent(steps=PLAIN))(model, problem)
    with pytest.raises(ModelError, match="no token that is scored after its first"):
        OnSpans(unlearner=GradAscent(steps=PLAIN))(model, spanned(problem, 0))
    with pytest.raises(SpecError, match="so that spans change nothing"):
        OnSpans(unlearner=Finetune())
    with pytest.raises(SpecError, match="confine the whole"):
        OnSpans(unlearner=GradAscent() @ Gradient())
