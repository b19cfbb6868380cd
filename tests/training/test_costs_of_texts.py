"""Rows of tokens cost what each batch costs by torch's own count, whatever the first one's width."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from untrain.core.flops import count_flops
from untrain.core.metering import metered
from untrain.core.spec import parse
from untrain.data.examples import batch_of
from untrain.models.compatibility import check_fit
from untrain.models.state import same, state
from untrain.training.descend import descend
from untrain.training.fisher_information import fisher
from untrain.training.gradients import _one_by_one, of_batches, of_examples

STEPS = parse("Steps(lr=0.01, epochs=2, batch=3)")


def by_length(examples):
    return np.argsort([len(row) for row in examples.x.rows()], kind="stable")


@pytest.mark.parametrize("kind", ["encoder", "causal"])
@pytest.mark.parametrize("batches", ["retain_batches", "paired_batches", "alternating_batches"])
def test_training_costs_the_sum_of_its_steps(kind, batches, texts):
    model, problem = texts.problem(kind)

    def loss(*given):
        return sum(problem.task.loss(copy, b).mean() for b in given if b is not None)

    copy = deepcopy(model)
    with metered() as meter:
        descend(copy, loss, getattr(problem, batches)(STEPS), STEPS)
    first, copy = copy, deepcopy(model)
    _, total = count_flops(lambda: descend(copy, loss, getattr(problem, batches)(STEPS), STEPS))
    assert meter.flops == pytest.approx(total, rel=1e-12)
    assert all(same(a, b) for a, b in zip(state(first).values(), state(copy).values(), strict=True))


@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_gradients_of_batches_cost_the_sum_of_the_batches(kind, texts):
    model, problem = texts.problem(kind)
    params, order = dict(model.named_parameters()), np.array_split(by_length(problem.rest), 7)

    def work():
        return list(of_batches(model, problem.task, [problem.rest], order, params))

    with metered() as meter:
        work()
    assert meter.flops == pytest.approx(count_flops(work)[1], rel=1e-12)


@pytest.mark.parametrize("longest_first", [False, True])
def test_gradients_of_examples_cost_those_of_padded_rows(longest_first, texts):
    model, problem = texts.problem("causal")
    params, order = dict(model.named_parameters()), by_length(problem.rest)[:: -1 if longest_first else 1].copy()
    with metered() as meter:
        list(of_examples(model, problem.task, [problem.rest], order, params))

    def one(among):  # a row as wide as the longest of some
        batch = batch_of(problem.rest, among)
        return count_flops(lambda: _one_by_one(model, problem.task, batch[:1], params))[1]

    assert meter.flops == one(order[:1]) + (len(order) - 1) * one(order[1:])


@pytest.mark.parametrize("longest_first", [False, True])
def test_gradients_of_examples_do_not_depend_on_whether_they_are_counted(longest_first, texts):
    model, problem = texts.problem("causal")
    params, order = dict(model.named_parameters()), by_length(problem.rest)[:: -1 if longest_first else 1].copy()

    def work():
        return [torch.cat(part) for part in zip(*of_examples(model, problem.task, [problem.rest], order, params), strict=True)]

    with metered():
        counted = work()
    assert all(torch.equal(a, b) for a, b in zip(counted, work(), strict=True))


def test_fisher_information_costs_the_sum_of_its_rows(texts):
    model, problem = texts.problem("encoder")
    params, rows = dict(model.named_parameters()), by_length(problem.rest)[::7]
    with metered() as meter:
        fisher(model, problem.task, problem.rest, rows, params)
    alone = [count_flops(lambda row=row: fisher(model, problem.task, problem.rest, [row], params))[1] for row in rows]
    assert meter.flops == sum(alone)


def test_a_mask_costs_the_sum_of_its_batches(texts):
    """A process that has measured long rows does not take short ones for them, nor the other way round."""
    model, problem = texts.problem("causal")
    order = by_length(problem.rest)
    for rows in (order[:4], order[-4:], order[2:6], order[-6:]):
        posed = texts.replace_forget(problem, texts.take(problem.rest, rows))
        localizer = parse("WeightedGrad(keep=0.3, on='forget')")
        with metered() as meter:
            localizer(model, posed)
        asked = count_flops(lambda posed=posed: check_fit(model, posed.task, posed.forget))[1]
        assert meter.flops == count_flops(lambda posed=posed, localizer=localizer: localizer(model, posed))[1] - asked
