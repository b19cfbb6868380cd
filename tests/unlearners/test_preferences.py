"""Preferences for other answers: one step against the formula, whose answers are preferred, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import texts
from one_step import LR, PLAIN, posed
from untrain.core.errors import DataError, SpecError
from untrain.data.examples import take
from untrain.data.ragged import PAD, Ragged
from untrain.models.state import state
from untrain.models.tasks.answers import questions_and_answers, with_answers
from untrain.models.tasks.classification import Classification
from untrain.unlearners import _preferences as preferences
from untrain.unlearners.altpo import AltPO
from untrain.unlearners.dpo import DPO
from untrain.unlearners.idkdpo import IdkDPO

REFUSED = [[9, 10], [10], [11, 9, 10]]


def with_field(problem, name, rows):
    """The problem whose forget set has answers under a name, one after the other."""
    forget = problem.forget
    column = Ragged.of([rows[at % len(rows)] for at in range(len(forget))])
    fields = {"input_ids": forget.fields["input_ids"], name: column, "labels": forget.fields["labels"]}
    return texts.replace_forget(problem, replace(forget, fields=fields))


def nll(model, question, answer):
    """Summed loss of an answer, of one row by itself."""
    ids = torch.tensor([[*question, *answer]])
    z = model(input_ids=ids, attention_mask=torch.ones_like(ids, dtype=torch.bool))[0, len(question) - 1 : -1]
    return F.cross_entropy(z, torch.tensor(answer), reduction="sum")


def step(model, problem, wanted, beta):
    """Parameters after one step on the formula: two answers to each question, and nothing that holds the rest."""
    questions, answers = questions_and_answers(problem.forget)
    rows = zip(questions, answers, wanted, strict=True)
    # At the first step a gain is 0 and has a gradient.
    gains = [[nll(model, q, a) - nll(model, q, a).detach() for a in (answer, other)] for q, answer, other in rows]
    value = torch.stack([-(2 / beta) * F.logsigmoid(beta * (gone - kept)) for gone, kept in gains]).mean()
    return [p - LR * g for p, g in zip(model.parameters(), torch.autograd.grad(value, list(model.parameters())), strict=True)]


def alike(model, params):
    return all(torch.allclose(p, q, atol=2e-6) for p, q in zip(model.parameters(), params, strict=True))


@pytest.mark.parametrize(("method", "field"), [(DPO(beta=0.7), "preferred"), (IdkDPO(beta=0.7), "refusal")])
def test_one_step_is_that_of_the_formula_and_the_model_before_stays(method, field):
    model, problem = texts.problem("causal")
    problem = with_field(problem, field, REFUSED)
    before = {name: value.clone() for name, value in state(model).items()}
    forgot = replace(method, retain=0.0, steps=PLAIN)(model, replace(problem, retain=None))
    wanted = [REFUSED[at % 3][: texts.LENGTH - 2] for at in range(texts.FORGET)]
    assert alike(forgot, step(model, problem, wanted, 0.7))
    assert all(torch.equal(before[name], value) for name, value in state(model).items())


def test_one_answer_for_all_may_be_named_in_tokens():
    model, problem = texts.problem("causal")
    brief = IdkDPO(tokens=(9, 10), retain=0.0, steps=PLAIN)
    assert alike(brief(model, problem), step(model, problem, [[9, 10]] * texts.FORGET, 0.1))
    with pytest.raises(SpecError, match=r"names token 12, and the vocabulary has 12"):
        IdkDPO(tokens=(12,), steps=PLAIN)(model, problem)
    with pytest.raises(SpecError, match=r"an answer in tokens, and Classification has none"):
        IdkDPO(tokens=(1,), steps=PLAIN)(*posed())


def test_where_nobody_prefers_an_answer_it_is_that_to_another_question():
    model, problem = texts.problem("causal")
    swapped = preferences.swapped_answers(problem.task, problem.forget, problem.seed)
    _, own = questions_and_answers(problem.forget)
    assert sorted(swapped) == sorted(own)
    labels = preferences.swapped_answers(posed()[1].task, posed()[1].forget.with_targets(torch.arange(6)), 3)
    assert sorted(labels.tolist()) == list(range(6))
    assert not (labels == torch.arange(6)).any()
    assert alike(DPO(retain=0.0, steps=PLAIN)(model, problem), step(model, problem, swapped, 0.1))


def test_where_all_answers_are_alike_another_class_is_preferred_and_texts_are_refused():
    """As of one forgotten class, or of one example: the gains would cancel, and nothing pull."""
    _, problem = posed()
    forget = problem.forget.with_targets(torch.tensor([1, 1, 1, 1, 1, 0]))
    labels = preferences.swapped_answers(Classification(classes=3), forget, 3)
    assert not (labels == forget.y).any()
    assert labels.max() <= 2
    model, problem = texts.problem("causal")
    one = texts.replace_forget(problem, take(problem.forget, np.array([0])))
    with pytest.raises(DataError, match=r"none can replace another: take IdkDPO\(\) or AltPO\(\)"):
        DPO()(model, one)


def test_alternatives_are_the_models_own_and_never_the_true_answer():
    model, problem = texts.problem("causal")
    questions, own = questions_and_answers(problem.forget)
    drawn = [preferences.drawn_answers(model, replace(problem, seed=seed), 0.2) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(answer and answer != true for answer, true in zip(drawn[0], own, strict=True))
    assert all(len(q) + len(a) <= texts.LENGTH for q, a in zip(questions, drawn[0], strict=True))
    assert alike(AltPO(temperature=0.2, retain=0.0, steps=PLAIN)(model, problem), step(model, problem, drawn[0], 0.1))
    # A model that is sure of the truth says something else when it is warmer.
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    greedy = [[int(t) for t in row] for row in preferences.generate(model, questions, problem.task, 1)]
    sure = with_answers(preferences.batch_of(problem.forget, np.arange(texts.FORGET)), greedy, texts.LENGTH)
    asked = texts.replace_forget(problem, replace(problem.forget, fields=dict(sure.fields)))
    assert all(a != b for a, b in zip(preferences.drawn_answers(model, asked, 0.05), greedy, strict=True))


def test_of_classes_alternatives_follow_the_models_distribution_without_the_label():
    model, problem = posed(forget=6)
    x = problem.forget.x[:1].expand(3000, -1)
    forget = replace(problem.forget, fields={"x": x, "y": torch.zeros(3000, dtype=torch.int64)}, ids=np.arange(3000))
    drawn = preferences.drawn_answers(model, replace(problem, forget=forget, digest=""), 1.0)
    p = model(x[:1]).softmax(1)[0]
    assert set(drawn.tolist()) == {1, 2}
    assert (drawn == 1).float().mean().item() == pytest.approx((p[1] / (p[1] + p[2])).item(), abs=0.05)


def test_of_classes_a_refusal_is_the_uniform_distribution():
    model, problem = posed()
    forgot = IdkDPO(beta=0.5, retain=0.0, steps=PLAIN)(model, problem)
    z = model(problem.forget.x)
    gains = [F.cross_entropy(z, problem.forget.y, reduction="none"), -z.log_softmax(1).mean(1)]
    gone, kept = (gain - gain.detach() for gain in gains)
    value = (-(2 / 0.5) * F.logsigmoid(0.5 * (gone - kept))).mean()
    gradients = torch.autograd.grad(value, list(model.parameters()))
    assert alike(forgot, [p - LR * g for p, g in zip(model.parameters(), gradients, strict=True)])


@pytest.mark.parametrize("method", [DPO(), IdkDPO(tokens=(9, 10)), AltPO()])
def test_more_steps_make_the_answer_less_likely_and_a_seed_repeats_them(method):
    model, problem = texts.problem("causal")
    steps = replace(PLAIN, epochs=8)
    forgot, again = (replace(method, retain=0.0, steps=steps)(model, problem) for _ in range(2))
    batch = next(iter(problem.forget_batches(PLAIN).draw(0)))[0]
    before, after = (problem.task.loss(m, batch).mean().item() for m in (model, forgot))
    assert after > before
    assert all(torch.equal(a, b) for a, b in zip(forgot.parameters(), again.parameters(), strict=True))


def test_what_has_no_question_no_refusal_or_no_room_is_refused_in_a_line():
    model, problem = texts.problem("causal")
    with pytest.raises(DataError, match=r"these examples have no answers under 'refusal': QuestionAnswer, Tofu and RWKU make them"):
        IdkDPO(steps=PLAIN)(model, problem)
    with pytest.raises(DataError, match=r"the example 1 has no answer under 'preferred', or no room for one"):
        DPO(steps=PLAIN)(model, with_field(problem, "preferred", [[9], []]))
    document = texts.replace_forget(problem, problem.forget.with_targets(problem.forget.fields["input_ids"]))
    with pytest.raises(DataError, match=r"the example 0 has no question, as its first token is scored too"):
        AltPO(steps=PLAIN)(model, document)


def test_questions_keep_their_tokens_and_rows_their_length():
    _, problem = texts.problem("causal")
    batch = preferences.batch_of(problem.forget, np.arange(texts.FORGET))
    other = with_answers(batch, [[7] * 9] * texts.FORGET, texts.LENGTH)
    assert other.x.shape == (texts.FORGET, texts.LENGTH)
    assert torch.equal(other.x[:, :2], batch.x[:, :2])
    assert (other.fields["labels"][:, :2] == PAD).all()
    assert (other.fields["labels"][:, 2:] == 7).all()


@pytest.mark.parametrize("method", [DPO(), IdkDPO(tokens=(9, 10)), AltPO()])
def test_a_chat_of_several_turns_has_no_single_answer_to_replace(method):
    model, problem = texts.problem("causal")
    rows = Ragged.of([[0, 3, 4, 5, 6, 7], [1, 3, 4]] * 4)
    labels = Ragged.of([[PAD, 3, PAD, PAD, 6, 7], [PAD, PAD, 4]] * 4)
    forget = replace(problem.forget, fields={"input_ids": rows, "labels": labels})
    with pytest.raises(DataError, match="the example 0 is scored in several parts, such as turns of a chat"):
        method(model, texts.replace_forget(problem, forget))
