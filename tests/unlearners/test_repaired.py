"""A finetune after an unlearner: on what, in steps of its own, and no more for the unlearner to see."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, posed
from untrain.core.errors import RequestError, SpecError
from untrain.data.examples import take
from untrain.localizers.gradient import Gradient
from untrain.unlearners.base import Unlearner
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.nothing import Nothing
from untrain.unlearners.repaired import Repaired
from untrain.unlearners.takeback import TakeBack

ASCENT = GradAscent(steps=PLAIN)


def by_hand(model, x, y, sign):
    hand = deepcopy(model)
    F.cross_entropy(hand(x), y).backward()
    with torch.no_grad():
        for p in hand.parameters():
            p -= sign * LR * p.grad
    return hand


@pytest.mark.parametrize("on", ["retain", "valid"])
def test_a_step_of_ascent_and_then_one_of_repair(on):
    model, problem = posed()
    problem = replace(problem, valid=take(problem.retain, [1, 4, 6]))
    forgot = Repaired(unlearner=ASCENT, on=on, steps=PLAIN)(model, problem)
    shown = getattr(problem, on)
    hand = by_hand(by_hand(model, problem.forget.x, problem.forget.y, -1), shown.x, shown.y, 1)
    for p, q in zip(forgot.parameters(), hand.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)


def test_without_steps_it_is_the_unlearner():
    model, problem = posed()
    forgot, alone = (m(model, problem) for m in (Repaired(unlearner=ASCENT, steps=replace(PLAIN, epochs=0)), ASCENT))
    assert all(torch.equal(p, q) for p, q in zip(forgot.parameters(), alone.parameters(), strict=True))


class Sees(Unlearner):
    """Says what it sees."""

    needs = frozenset({"forget"})

    def unlearn(self, model, problem):
        assert (problem.retain, problem.valid, len(problem.forget.fields)) == (None, None, 1)
        return model


def test_the_unlearner_sees_what_it_needs_and_no_more():
    model, problem = posed()
    Repaired(unlearner=Sees(), steps=PLAIN)(model, problem)
    assert Repaired(unlearner=Sees()).needed() == {"forget", "labels", "retain"}
    assert Repaired(unlearner=ASCENT, on="valid").needed() == {"forget", "labels", "valid"}


def test_within_a_mask_nothing_outside_moves():
    model, problem = posed()
    outcome = (Repaired(unlearner=ASCENT, steps=PLAIN) @ Gradient(keep=0.2)).run(model, problem)
    for (name, p), q in zip(model.named_parameters(), outcome.model.parameters(), strict=True):
        assert torch.equal(p[~outcome.mask.bits[name]], q[~outcome.mask.bits[name]])


def test_what_cannot_be_repaired_is_refused_in_one_line():
    model, problem = posed()
    with pytest.raises(RequestError, match=r"held-out examples, and the problem has none: take on='retain'"):
        Repaired(unlearner=Nothing(), on="valid")(model, replace(problem, valid=None))
    with pytest.raises(SpecError, match="confine the whole"):
        Repaired(unlearner=ASCENT @ Gradient())
    with pytest.raises(SpecError, match="which no finetune moves"):
        Repaired(unlearner=TakeBack())
