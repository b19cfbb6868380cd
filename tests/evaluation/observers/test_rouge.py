"""Recall of answers, by hand, of planted texts and of models that know some."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import SpecError
from untrain.data.examples import take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.base import ObserverContext, spread
from untrain.evaluation.observers.rouge import Rouge, _without
from untrain.evaluation.scoring.resampling import number
from untrain.maths.rouge import rouge_recall
from untrain.models.tasks.answers import common_end


@pytest.mark.parametrize(
    ("said", "true", "recall"),
    [
        ([], [1], 0),
        ([1, 2, 3], [1, 2, 3], 1),
        ([3, 2, 1], [1, 2, 3], 1 / 3),
        ([9, 1, 9, 3], [1, 2, 3], 2 / 3),
        ([1, 1, 1], [1, 2], 0.5),
    ],
)
def test_recall_by_hand(said, true, recall):
    assert rouge_recall(said, true) == pytest.approx(recall)


@pytest.fixture(scope="module")
def known():
    """A model that learned facts, and what an observer sees of it."""
    facts = ut.Facts(people=10)
    data, learner = facts.load(), facts.learner()
    model = learner(data.train, 0)
    forget = take(data.train, np.arange(9))
    return model, ObserverContext(
        learner.task.resolve(data.train), forget, data.test, lambda seed: learner.init(data.train, seed), {}
    )


def test_facts_that_were_learned_are_said_and_others_are_not(known):
    model, sight = known
    recalls = Rouge()(model, sight)
    assert recalls.shape == (9 + len(sight.test),)
    assert recalls[:9].mean() > recalls[9:].mean() + 0.2
    side = np.repeat(["forget", "test"], [9, len(sight.test)])
    found = {n: number(m) for n, m in Rouge().evaluate(Prepared(recalls[None], recalls[None], side, False)).items()}
    assert found == {"rouge_forget": pytest.approx(recalls[:9].mean()), "rouge_test": pytest.approx(recalls[9:].mean())}


def test_the_end_of_an_answer_is_none_of_its_tokens():
    assert rouge_recall(_without([5, 9], 9), _without([7, 9], 9)) == 0
    assert (common_end([[7, 9], [5, 6, 9]]), common_end([[7, 9]]), common_end([[7, 9], [8]])) == (9, None, None)


def test_several_samples_without_a_temperature_are_refused():
    with pytest.raises(SpecError, match="give a temperature"):
        Rouge(samples=16)


def test_more_samples_say_more_and_are_seeded(known):
    model, sight = known
    few, more = (Rouge(samples=k, temperature=2.0)(model, sight) for k in (1, 4))
    assert bool((more >= few).all())
    assert more.mean() > few.mean()
    assert np.array_equal(more, Rouge(samples=4, temperature=2.0)(model, sight))


def test_some_questions_of_each_set_are_those_that_all_would_be(known):
    model, sight = known
    few, every = Rouge(most=4)(model, sight), Rouge()(model, sight)
    rows, others = spread(9, 4), spread(len(sight.test), 4)
    assert np.array_equal(few, np.concatenate([every[:9][rows], every[9:][others]]))
    side = np.repeat(["forget", "test"], [9, len(sight.test)])
    found = {n: number(m) for n, m in Rouge(most=4).evaluate(Prepared(few[None], few[None], side, False)).items()}
    assert found == {"rouge_forget": pytest.approx(few[:4].mean()), "rouge_test": pytest.approx(few[4:].mean())}


def test_a_classifier_says_a_class():
    from untrain.evaluation.observers.contract import scene

    model, _, sight = scene()
    with torch.no_grad():
        right = (model(sight.forget.x[:].float()).argmax(1) == sight.forget.y[:]).float()
    assert Rouge()(model, sight)[: len(right)].tolist() == right.tolist()


def test_an_empty_side_says_so():
    table = np.ones((2, 3))
    scores = Rouge().evaluate(Prepared(table, table, np.array(["forget"] * 3), False))
    assert "no test" in scores["rouge_test"]
