"""SCRUB, with and without rewinding."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import DataError
from untrain.data.examples import Examples, take
from untrain.models.state import state
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.batch_norm import reestimate
from untrain.training.distillation import Pull
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.scrub import SCRUB, error, held_out_like_forget

FAST = Steps(lr=0.05, epochs=5, batch=16, schedule=Constant())


class Noting(Choice):
    """Classification that notes each model it asks, its mode, its first weight, and the batch's size and mean input."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        NOTED.append((id(model), model.training, next(model.parameters()).detach().clone(), len(batch), float(batch.x.mean())))
        return model(batch.x)


NOTED: list = []


def equal(a, b):
    """Whether two models hold the same bits, buffers included."""
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def noted(made, model, problem):
    """Students' and teachers' entries of a run, told apart by their mode; the door's own look is left out."""
    NOTED.clear()
    made(model, replace(problem, task=Noting()))
    return [n for n in NOTED[1:] if n[1]], [n for n in NOTED[1:] if not n[1]]


def posed():
    """A linear model; forget inputs are about 1, retain inputs about -1."""
    torch.manual_seed(1)
    sides = [
        Examples.labelled(c + 0.1 * torch.randn(n, 2), torch.arange(n) % 3, np.arange(n) + at, 3)
        for c, n, at in ((1, 20, 0), (-1, 30, 20))
    ]
    return nn.Linear(2, 3), Problem(Classification(), *sides)


def test_the_student_moves_and_teacher_and_original_stand_still():
    model, problem = small()
    before = state(model)
    students, teachers = noted(SCRUB(steps=FAST), model, problem)
    assert all(torch.equal(t[2], before["0.weight"]) for t in teachers)
    assert len({t[0] for t in teachers}) == 1
    assert not torch.equal(students[0][2], students[-1][2])
    assert all(torch.equal(v, before[n]) for n, v in state(model).items())


def test_the_forget_set_is_walked_first_and_in_the_first_epochs_only():
    steps = Steps(lr=0.01, epochs=4, batch=16, schedule=Constant())
    students, _ = noted(SCRUB(ascents=2, forget_batch=10, steps=steps), *posed())
    walked = [("forget" if mean > 0 else "retain", size) for *_, size, mean in students]
    forget, retain = [("forget", 10)] * 2, [("retain", 16), ("retain", 14)]
    assert walked == 2 * (forget + retain) + 2 * retain


def test_before_the_first_step_a_student_is_no_distance_from_its_teacher():
    # Without batch norm, labels and ascent on forget are all that could move it: here neither does.
    model, problem = posed()
    made = SCRUB(pull=Pull(labels=0.0, teacher=1.0), steps=Steps(lr=1.0, epochs=1, batch=16, optimizer=SGD(momentum=0.0)))
    assert made.run(model, problem).guard.moved_norm < 1e-5


def test_on_retain_it_descends_on_labels_and_distance():
    model, problem = posed()
    with torch.no_grad():
        model.weight += 1.0
    made = SCRUB(
        pull=Pull(labels=0.7, teacher=0.3, temperature=2.0),
        ascents=1,
        forget_batch=64,
        steps=Steps(lr=0.1, epochs=1, batch=64, optimizer=SGD(momentum=0.0), schedule=Constant()),
    )
    forgot = made(model, problem)
    # The first step, on forget, has a gradient of zero; in the second the student still equals its teacher.
    loss = 0.7 * F.cross_entropy(model(problem.retain.x), problem.retain.y)
    grad = torch.autograd.grad(loss, model.weight)[0]
    assert torch.allclose(forgot.weight, model.weight - 0.1 * grad, atol=1e-6)


def test_on_forget_it_climbs_away_from_the_teacher():
    model, problem = small()
    steps = replace(FAST, epochs=2)
    without = Finetune(steps=steps)(model, problem)
    forgot = SCRUB(pull=Pull(labels=1.0, teacher=0.0), forget_batch=4, steps=steps)(model, problem)
    far, near = (
        float(F.kl_div(m(problem.forget.x).log_softmax(1), model(problem.forget.x).softmax(1), reduction="batchmean").detach())
        for m in (forgot, without)
    )
    assert far > near


def held_out(problem):
    """Twelve retain examples in the place of held-out ones, four of a class."""
    return replace(problem, valid=take(problem.retain, np.arange(12)))


def test_it_rewinds_to_the_epoch_whose_error_on_forget_is_closest_to_the_held_out_error():
    model, problem = small()
    problem = held_out(problem)
    # Half the held-out labels are wrong, so that the error aimed at is neither none nor all.
    problem = replace(
        problem, valid=problem.valid.with_fields(y=problem.valid.y.roll(1).where(torch.arange(12) < 6, problem.valid.y))
    )
    made = SCRUB(ascents=3, forget_batch=4, steps=replace(FAST, lr=0.1))
    ends = [replace(made, steps=replace(made.steps, epochs=k))(model, problem) for k in range(1, 6)]
    aims = [error(ends[-1], problem.task, take(problem.valid, np.flatnonzero(problem.valid.y == c))) for c in range(3)]
    errors = [error(end, problem.task, problem.forget) for end in ends]
    gaps = [abs(e - np.mean(aims)) for e in errors]
    assert len(set(gaps)) > 1
    best = max(at for at in range(5) if gaps[at] == min(gaps))
    outcome = replace(made, rewind=True).run(model, problem)
    assert equal(outcome.model, ends[best])
    assert any(note.startswith(f"rewound to the end of epoch {best + 1} of 5") for note in outcome.notes)


@pytest.mark.parametrize(("valid", "said"), [(None, r"give Problem\(valid="), (np.asarray([0, 1, 3]), "there is none of class 2")])
def test_rewinding_needs_held_out_examples_of_each_class(valid, said):
    model, problem = small()
    problem = replace(problem, valid=None if valid is None else take(problem.retain, valid))
    with pytest.raises(DataError, match=said):
        SCRUB(rewind=True)(model, problem)


def test_rewound_statistics_can_be_reestimated():
    model, problem = small()
    outcome = SCRUB(rewind=True, steps=replace(FAST, epochs=3, buffers="reestimate")).run(model, held_out(problem))
    again = deepcopy(outcome.model)
    reestimate(again, problem.retain_batches(FAST))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(outcome.model.buffers(), again.buffers(), strict=True))


def test_no_epochs_leave_the_model():
    assert SCRUB(rewind=True, steps=Steps(epochs=0)).run(small()[0], held_out(small()[1])).guard.moved_share == 0


def test_two_epochs_are_those_worked_out_by_hand():
    model, problem = posed()
    labels, pulled, heat, lr = 0.7, 0.3, 2.0, 0.1
    steps = Steps(lr=lr, epochs=2, batch=64, optimizer=SGD(momentum=0.0), schedule=Constant())
    made = SCRUB(pull=Pull(labels=labels, teacher=pulled, temperature=heat), ascents=2, forget_batch=64, steps=steps)
    forgot, ours = made(model, problem), deepcopy(model)

    def far(batch):
        given, wanted = ((m(batch.x) / heat).log_softmax(1) for m in (ours, model))
        return heat**2 * F.kl_div(given, wanted.detach().exp(), reduction="batchmean")

    for _ in range(2):
        for kept in (False, True):
            batch = problem.retain if kept else problem.forget
            loss = labels * F.cross_entropy(ours(batch.x), batch.y) + pulled * far(batch) if kept else -far(batch)
            grads = torch.autograd.grad(loss, list(ours.parameters()))
            with torch.no_grad():
                for p, g in zip(ours.parameters(), grads, strict=True):
                    p -= lr * g
    for a, b in zip(forgot.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def linear(*answers):
    """A model of one-hot inputs that gives the i-th the i-th answer."""
    made = nn.Linear(len(answers), 3, bias=False)
    made.weight.data.copy_(F.one_hot(torch.tensor(answers), 3).T)
    return made


def test_the_held_out_error_counts_each_class_as_often_as_it_is_to_be_forgotten():
    # To forget: six of input 0 and three of input 3, of class 0; three of input 1, of class 1.
    inputs = torch.tensor([0] * 6 + [3] * 3 + [1] * 3)
    forget = Examples.labelled(F.one_hot(inputs, 4).float(), (inputs == 1).long(), np.arange(12), 3)
    # Held out: two of class 0, which the last model gets right, and two of class 1, which it gets wrong: a quarter in all.
    seen = torch.tensor([0, 0, 2, 2])
    valid = Examples.labelled(F.one_hot(seen, 4).float(), (seen == 2).long(), np.arange(12, 16), 3)
    model = linear(0, 1, 2, 0)
    problem = Problem(Classification(), forget, replace(forget, ids=np.arange(16, 28)), valid=valid)
    quarter, half = linear(0, 2, 2, 0), linear(0, 2, 2, 2)
    SCRUB(rewind=True)._rewind(model, [state(half), state(quarter)], problem, held_out_like_forget(problem))
    assert equal(model, quarter)
