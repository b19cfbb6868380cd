"""Descent on preferences: an answer is said less, and another in its place more, than the model before does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError, ModelError, NotFinite, RequestError
from untrain.core.metering import Counter
from untrain.core.seeds import derive_seed
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.data.ragged import PAD
from untrain.maths.forget_losses import preference_over
from untrain.models.generation import generate
from untrain.models.tasks.answers import common_end, questions_and_answers, with_answers
from untrain.models.tasks.base import Task
from untrain.models.tasks.causallm import CausalLM
from untrain.training.distillation import teacher
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners._retain_term import descend_with_retain

Answers = list[list[int]] | Tensor  # rows of tokens, or targets (n, ...): one for each example of the forget set
Preferred = Callable[[nn.Module, Batch], Tensor]
TRIES = 8
ALIKE = "all of the forget set have the same answer, so none can replace another: take IdkDPO() or AltPO()"


def descend_on_preference(
    model: nn.Module, problem: Problem, steps: Steps, preferred: Preferred, beta: float, retain: float, who: str
) -> nn.Module:
    """The model after descent on ``retain * L(retain) - (2 / beta) log sigmoid(beta (gain - gain of the preferred))`` on forget.

    A gain is what an answer's summed loss has above that of the model before.

    Args:
        model: moves.
        problem: has both sets, or without a weight of the retain set that to forget.
        steps: step size and length.
        preferred: a model and a forget batch -> summed loss of each preferred answer, (b,).
        beta: how soon the pull fades.
        retain: weight of the loss on the retain set.
        who: name of the method, for a message.
    """
    task, before = problem.task, teacher(model, who)

    def forgetting(forget: Batch) -> Tensor:
        with torch.no_grad():
            then = [preferred(before, forget), summed(task, before, forget)]
        now = [preferred(model, forget), summed(task, model, forget)]
        return preference_over(now[0] - then[0], now[1] - then[1], beta).mean()

    return descend_with_retain(model, problem, steps, forgetting, retain)


def summed(task: Task, model: nn.Module, batch: Batch) -> Tensor:
    """Loss of each example, summed over its scored places, in nats, (b,)."""
    losses, scored = task.place_losses(task.forward(model, batch), batch)
    return torch.where(scored, losses, 0.0).sum(1)


def of_answers(task: Task, answers: Answers) -> Preferred:
    """Summed loss of other answers to the examples of a forget set."""

    def preferred(model: nn.Module, forget: Batch) -> Tensor:
        if isinstance(answers, Tensor):
            return summed(task, model, forget.with_targets(answers[forget.rows.to(answers.device)].to(forget.y)))
        told = [answers[row] for row in forget.rows.tolist()]
        batch = with_answers(forget, told, task.length if isinstance(task, CausalLM) else max(map(len, told)) + forget.x.shape[1])
        return summed(task, model, batch)

    return preferred


def given_answers(forget: Examples, name: str, cure: str) -> list[list[int]]:
    """The answers that a field of the forget set holds, one for each example.

    Args:
        forget: to be forgotten.
        name: of the field.
        cure: what helps where it is not there.

    Raises:
        DataError: there is no such field, or an example has no answer in it.
    """
    if name not in forget.fields:
        raise DataError(f"these examples have no answers under {name!r}: {cure}")
    answers = [[token for token in row if token != PAD] for row in forget.fields[name][:].tolist()]
    if empty := [forget.ids[at].item() for at, answer in enumerate(answers) if not answer]:
        raise DataError(f"the example {empty[0]!r} has no answer under {name!r}, or no room for one: raise the task's length")
    return answers


def swapped_answers(task: Task, forget: Examples, seed: int) -> Answers:
    """To each example the answer to another one, drawn; where that has the same class, another class.

    Raises:
        DataError: all answers are alike, so that none can stand for another.
        RequestError: there is one class.
    """
    n, draws = len(forget), np.random.default_rng(derive_seed(seed))
    order = draws.permutation(n)
    other = np.empty(n, dtype=np.int64)
    other[order] = np.roll(order, 1)  # a cycle through all, so that none keeps its own
    if isinstance(task, CausalLM):
        _, answers = questions_and_answers(forget)
        if all(answer == answers[0] for answer in answers):
            raise DataError(ALIKE)
        return [answers[at] for at in other]
    targets = forget.y[:]
    swapped: Tensor = targets[torch.as_tensor(other).to(targets.device)]
    if "classes" in task.signals:
        away = shifted(targets, task.outputs_needed(forget), draws)
        return torch.where(swapped == targets, away, swapped)
    if bool((targets == targets[0]).all()):
        raise DataError(ALIKE)
    return swapped


def shifted(labels: Tensor, classes: int, draws: np.random.Generator) -> Tensor:
    """For each label another class, drawn.

    >>> shifted(torch.tensor([0, 1, 1]), 2, np.random.default_rng(0)).tolist()
    [1, 0, 0]

    Raises:
        RequestError: there is no other class.
    """
    if classes < 2:
        raise RequestError("DPO prefers another class for each example to forget, and the data have one: two or more are needed")
    moved: Tensor = (labels + torch.as_tensor(draws.integers(1, classes, tuple(labels.shape))).to(labels)) % classes
    return moved


def drawn_answers(model: nn.Module, problem: Problem, temperature: float) -> Answers:
    """To each example of the forget set an answer that the model gives by itself and that is not the true one.

    Of classes it is one of the model's distribution without the true one. Of texts it is drawn; where the true one was, again, at
    twice the temperature.

    Raises:
        ModelError: the model says the true answer to a question time and again.
        NotFinite: an output is NaN.
    """
    task, forget, seed = problem.task, problem.forget, derive_seed(problem.seed)
    if isinstance(task, CausalLM):
        return _said(model, task, forget, temperature, seed)
    device, counter = next(model.parameters()).device, Counter()
    generator, drawn = torch.Generator().manual_seed(seed), list[Tensor]()
    for rows in in_order(len(forget), task.asked_at_once):
        batch = batch_of(forget, rows, device)
        with torch.no_grad():
            outputs = counter.step(len(rows), partial(task.forward, model, batch), backward=False, shape=cost_shape(batch))
        logits, _ = task.logits(outputs, batch)
        if bool(logits.isnan().any()):
            raise NotFinite("outputs on the forget set are NaN: no alternative can be drawn of them")
        others = (logits / temperature).scatter(-1, task.place_targets(batch)[..., None], -torch.inf)[:, 0].double().softmax(-1)
        drawn.append(torch.multinomial(others.cpu(), 1, generator=generator)[:, 0])
    return torch.cat(drawn)


def _said(model: nn.Module, task: CausalLM, forget: Examples, temperature: float, seed: int) -> list[list[int]]:
    questions, answers = questions_and_answers(forget)
    end, longest = common_end(answers), max(map(len, answers))
    said: list[list[int]] = [[] for _ in answers]
    left = list(range(len(answers)))
    for attempt in range(TRIES):
        asked = [questions[at] for at in left]
        draw = partial(generate, model, asked, task, longest, end, temperature * 2.0**attempt, seed + attempt)
        told = Counter().step(len(asked), draw, backward=False)
        said = [*said]
        for at, answer in zip(left, told, strict=True):
            said[at] = answer
        left = [at for at in left if said[at] == answers[at]]
        if not left:
            return said
    name = forget.ids[left[0]].item()
    raise ModelError(f"the model says the true answer to {name!r} each time: raise temperature, or take another method")
