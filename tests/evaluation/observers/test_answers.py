"""What a model says token by token, and its losses, against the task's own."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.data.examples import take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.answers import LOSS, NONE, SAID, TRUE, Answers
from untrain.evaluation.observers.base import ObserverContext
from untrain.evaluation.scoring.resampling import number
from untrain.models.inference import predict


@pytest.fixture(scope="module")
def asked():
    """A model that has learned nothing yet, and facts to ask it."""
    facts = ut.Facts(people=10)
    data, learner = facts.load(), facts.learner()
    torch.manual_seed(0)
    model, forget = learner.init(data.train, 0).eval(), take(data.train, np.arange(9))
    task = learner.task.resolve(data.train)
    return model, ObserverContext(task, forget, data.test, lambda seed: learner.init(data.train, seed), {}), data.train.pieces


def test_true_tokens_are_the_answers_and_losses_are_the_tasks(asked):
    model, sight, pieces = asked
    found = Answers(most=4)(model, sight)
    assert found.shape[:2] == (4, 3)
    rows = [0, 3, 5, 8]
    losses = predict(model, sight.forget, sight.task)["loss"]
    for row, one in zip(rows, found, strict=True):
        true = one[TRUE][one[TRUE] != NONE].astype(int)
        text = "".join(pieces[token] for token in true)
        whole = "".join(pieces[t] for t in sight.forget.x[np.array([row])][0].tolist() if t >= 0)
        assert whole.endswith(text)
        assert one[LOSS][: len(true)].mean() == pytest.approx(losses[row], rel=1e-4)
        assert (one[LOSS][len(true) :] == NONE).all()


def test_the_score_is_the_share_of_whole_answers():
    table = np.full((1, 2, 3, 2), NONE)
    table[0, :, TRUE], table[0, 0, SAID], table[0, 1, SAID, 0] = [5, 6], [5, 6], 5
    found = Answers().evaluate(Prepared(table, table, np.array(["forget"] * 2), False))
    assert number(found["answered_forget"]) == 0.5
