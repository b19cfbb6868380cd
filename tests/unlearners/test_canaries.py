"""A secret that a small language model learned by heart: how exposed it is before and after it is replaced."""

import itertools

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import ModelError
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.maths.exposure import exposure
from untrain.models.inference import predict

SECRET, OTHER = (7, 2, 9), (0, 5, 1)  # of 1,000 that might have been: 10 bits
ROWS, REPEATS = 100, 8
TASK = ut.CausalLM(length=5, vocabulary=12)
STEPS = ut.parse("Steps(lr=0.005, epochs=60, batch=27, optimizer=AdamW())")


def texts(numbers):
    """'my number is' and three digits, which are scored."""
    ids, labels = [[10, 11, *each] for each in numbers], [[PAD, PAD, *each] for each in numbers]
    return Examples({"input_ids": Ragged.of(ids), "labels": Ragged.of(labels)}, np.arange(len(numbers)))


POSSIBLE = texts(list(itertools.product(range(10), repeat=3)))


def exposed(model, secret):
    """Bits, by the rank among all numbers of three digits."""
    loss, at = predict(model, POSSIBLE, TASK)["loss"], int("".join(map(str, secret)))
    return exposure(loss[at], np.delete(loss, at))


@pytest.fixture(scope="module")
def planted():
    """A transformer, the problem of replacing its secret, and the ordinary rows."""
    draw = np.random.default_rng(0)
    ordinary = [tuple(draw.integers(0, 10, 3).tolist()) for _ in range(ROWS)]
    train = texts([*ordinary, *[SECRET] * REPEATS])
    learner = ut.Train(model=ut.CausalTransformer(width=32, depth=1, heads=2, hidden=64), steps=STEPS, task=TASK)
    request = ut.ReplaceTokens(tokens=SECRET, fill=OTHER, rows=ut.Ids(ids=tuple(range(ROWS, ROWS + REPEATS))))
    return learner(train, 0), ut.problem(train, request, learner), texts(ordinary)


def test_a_token_that_the_vocabulary_has_not_is_refused_whatever_the_method():
    learner = ut.Train(model=ut.CausalTransformer(width=8, depth=1, heads=2, hidden=8), steps=STEPS, task=TASK)
    request = ut.ReplaceTokens(tokens=(7,), fill=12, rows=ut.Ids(ids=(0,)))
    with pytest.raises(ModelError, match="'input_ids' holds token 12 and vocabulary=12"):
        ut.problem(texts([SECRET, OTHER]), request, learner)


def loss(model, examples):
    return float(predict(model, examples, TASK)["loss"].mean())


def test_the_model_knows_the_secret_and_a_retrained_one_knows_the_other(planted):
    model, problem, _ = planted
    assert len(problem.forget) == REPEATS
    assert (exposed(model, SECRET), exposed(model, OTHER)) == (pytest.approx(9.97, abs=0.01), pytest.approx(0, abs=2))
    retrained = ut.Retrain()(model, problem)
    assert exposed(retrained, SECRET) < 2
    assert exposed(retrained, OTHER) > 9


@pytest.mark.parametrize("method", [ut.FirstOrder(rate=0.003), ut.SecondOrder(damping=2.0)])
def test_after_one_step_the_secret_is_no_more_exposed_than_chance(planted, method):
    model, problem, ordinary = planted
    after = method(model, problem)
    assert exposed(after, SECRET) < 2  # three in four numbers nobody planted have less
    # One step is not for nothing: what the model knew of ordinary rows goes too.
    assert loss(model, ordinary) < loss(after, ordinary)


def test_the_second_order_step_learns_the_replacement_and_the_first_order_step_half_of_it(planted):
    model, problem, _ = planted
    first, second = (exposed(m(model, problem), OTHER) for m in (ut.FirstOrder(rate=0.003), ut.SecondOrder(damping=2.0)))
    assert 3 < first < 7  # of 10 bits; a number nobody planted has 1.4 in the mean
    assert second > 8


def test_where_the_loss_curves_downwards_and_damping_is_small_the_step_is_too_short_and_says_so(planted):
    model, problem, _ = planted
    outcome = ut.SecondOrder(damping=0.1).run(model, problem)
    assert exposed(outcome.model, SECRET) > 9
    assert any("raise damping" in note for note in outcome.notes)
