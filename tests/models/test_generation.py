"""What is said after a prompt: by a model whose next token is known, and drawn as its probabilities say."""

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import NotFinite
from untrain.models.generation import generate
from untrain.models.tasks.causallm import CausalLM

V = 7
TASK = CausalLM(length=12, vocabulary=V)


class Counting(nn.Module):
    """The next token is the last one plus 1, modulo 7; with probability 1 - e the likeliest, and the one after it with e."""

    def __init__(self, e=0.0):
        super().__init__()
        self.scale, self.e = nn.Parameter(torch.ones(1)), e

    def forward(self, input_ids, attention_mask):
        p = torch.zeros(*input_ids.shape, V)
        p.scatter_(-1, (input_ids[..., None] + 1) % V, 1 - self.e)
        p.scatter_add_(-1, (input_ids[..., None] + 2) % V, torch.full((*input_ids.shape, 1), self.e))
        return self.scale * p.log().clamp(min=-50)


def test_rows_of_several_lengths_go_on_from_their_own_last_token():
    said = generate(Counting(), [[2], [0, 0, 5], [1, 3]], TASK, length=4)
    assert said == [[3, 4, 5, 6], [6, 0, 1, 2], [4, 5, 6, 0]]


def test_an_end_is_the_last_token_and_rows_stop_apart():
    assert generate(Counting(), [[2], [4], [5]], TASK, length=5, end=6) == [[3, 4, 5, 6], [5, 6], [6]]


def test_no_row_exceeds_the_task():
    assert [len(row) for row in generate(Counting(), [[0] * 10, [0] * 12, [0]], TASK, length=5)] == [2, 0, 5]


def test_a_prompt_says_the_same_whatever_is_asked_beside_it():
    learner, train = ut.Facts().learner(), ut.Facts().load().train
    model = learner.init(train, 0).eval()
    prompts = [[3, 5], [7], [9, 2, 4, 8]]
    together = generate(model, prompts, learner.task, length=6)
    assert together == [generate(model, [prompt], learner.task, length=6)[0] for prompt in prompts]
    n = learner.task.asked_at_once
    many = generate(model, prompts * n, learner.task, length=6)
    assert many == together * n


def test_greedily_an_answer_is_said_where_each_of_its_tokens_is_a_hit():
    facts = ut.Facts(people=10)
    train, learner = facts.load().train, facts.learner()
    model = ut.Train(model=facts.model, steps=facts.steps, task=learner.task)(train, 0)
    hits = ut.models.inference.predict(model, train, learner.task)
    rows, labels = (train.fields[name][:].tolist() for name in ("input_ids", "labels"))
    answers = [[t for t in row if t >= 0] for row in labels]
    prompts = [[t for t in row if t >= 0][: -len(answer)] for row, answer in zip(rows, answers, strict=True)]
    said = generate(model, prompts, learner.task, length=8, end=answers[0][-1])
    right = (hits["hits"] == hits["count"]).tolist()
    assert [one == true for one, true in zip(said, answers, strict=True)] == right
    assert any(right)


def test_logits_that_are_nan_say_nothing():
    model = Counting()
    model.scale.data.fill_(float("nan"))
    with pytest.raises(NotFinite, match="logits that are NaN"):
        generate(model, [[0]], TASK, length=2)


def test_draws_are_seeded_and_follow_the_probabilities():
    model, prompts = Counting(e=0.3), [[0]] * 2000
    first, again, other = (generate(model, prompts, TASK, 1, temperature=1.0, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert abs(np.mean([row == [2] for row in first]) - 0.3) < 0.04
    cold = generate(model, prompts, TASK, 1, temperature=0.1)
    assert np.mean([row == [1] for row in cold]) > 0.99
