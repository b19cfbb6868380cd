"""Populations: pairs of a subset and a seed in, answers out."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import BadInput, DataError, NotFinite
from untrain.data.examples import Examples, take
from untrain.experiments.populations import strategy as hows
from untrain.experiments.populations import worker as works
from untrain.experiments.populations.pairs import row_digests
from untrain.experiments.populations.strategy import Strategy, choose_strategy, split_members
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.mlp import MLP
from untrain.models.inference import logits
from untrain.runtime.executors.serial import Serial, SerialPool
from untrain.runtime.store import Store
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.stacked.stack import Member
from untrain.training.steps import Steps
from untrain.training.toy import small

STEPS = Steps(lr=0.05, epochs=2, batch=16)
SMALL = Train(model=MLP(width=6), steps=STEPS)
CONV = Train(model=ConvNet(width=2), steps=STEPS)


def headed():
    """A convolutional body that is the same each time and frozen, and a head that is drawn anew."""
    head = nn.Linear(24, 3)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        body = ConvNet(width=3).build((1, 6, 6), 3)[:-1]
    return nn.Sequential(body.requires_grad_(False), head)


HEAD = Train(model=headed, steps=Steps(lr=0.05, epochs=2, batch=16, buffers="freeze"))
EASY = {"stacked": SMALL, "heads": HEAD, "alone": CONV}


@pytest.fixture(scope="module")
def data():
    problem = small()[1]
    return problem.retain, problem.forget


@pytest.fixture
def trained(monkeypatch):
    """Members that were trained, in order."""
    seen = []
    real = works.train_members
    monkeypatch.setattr(works, "train_members", lambda work: seen.extend(work.members) or real(work))
    return seen


def answers_of(*args, **options):
    """Logits of a population."""
    return ut.train_population(*args, **options)["logits"]


def alone(learner, train, pairs, seen):
    """Answers of models that are trained one by one without any of this."""
    models = [learner(take(train, np.sort(np.asarray(rows))), seed) for rows, seed in pairs]
    return np.stack([logits(model, seen, learner.task) for model in models])


PAIRS = [(range(30), 0), (range(10, 40), 1), (range(25), 2), (range(30), 3)]


@pytest.mark.parametrize("kind", EASY)
def test_answers_are_those_of_models_trained_alone(kind, data):
    train, seen = data
    learner = EASY[kind]
    assert choose_strategy(learner, train, [Member(np.arange(30), 0)], "auto", Serial()).kind == kind
    answers = answers_of(learner, train, PAIRS, seen, executor=Serial())
    assert (answers.shape, answers.dtype) == ((4, len(seen), 3), np.float32)
    expected = alone(learner, train, PAIRS, seen)
    assert np.abs(answers - expected).max() <= (0 if kind == "alone" else 1e-4)


@pytest.mark.slow
def test_processes_give_what_the_loop_gives(data, tmp_path):
    train, seen = data
    packed = answers_of(CONV, train, PAIRS, seen, together="packed", store=tmp_path / "store")
    assert np.array_equal(packed, alone(CONV, train, PAIRS, seen))
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


@pytest.mark.parametrize("learner", [SMALL, CONV], ids=["stacked", "alone"])
def test_the_order_of_pairs_and_of_rows_does_not_matter(learner, data, tmp_path):
    train, seen = data
    first = answers_of(learner, train, PAIRS, seen, executor=Serial(), store=tmp_path)
    turned = [(list(rows)[::-1], seed) for rows, seed in PAIRS[::-1]]
    again = answers_of(learner, train, turned, seen, executor=Serial())
    assert np.allclose(first, again[::-1], atol=1e-5)
    assert np.array_equal(answers_of(learner, train, turned, seen, executor=Serial(), store=tmp_path), first[::-1])


def test_equal_pairs_get_equal_answers_and_one_example_makes_a_difference(data):
    train, seen = data
    pairs = [(range(30), 4), (range(30), 4), (range(1, 31), 4), (range(30), 5)]
    answers = answers_of(SMALL, train, pairs, seen)
    assert np.array_equal(answers[0], answers[1])
    assert np.abs(answers[0] - answers[2]).max() > 1e-4
    assert np.abs(answers[0] - answers[3]).max() > 1e-2


def test_a_planted_label_is_learned_only_by_models_that_saw_it(data):
    # Row 0 is given a wrong label, and as many copies as make it plain.
    train, _ = data
    x = torch.cat([train.x, train.x[:1].expand(20, -1, -1, -1)])
    wrong = int(train.y[0] + 1) % 3
    y = torch.cat([train.y, torch.full((20,), wrong)])
    more = Examples.labelled(x, y, np.arange(len(y)), 3)
    learner = Train(model=MLP(width=8), steps=Steps(lr=0.05, epochs=20, batch=16))
    answers = answers_of(learner, more, [(range(68), 0), (range(1, 48), 0)], take(train, np.arange(1)))
    assert answers.argmax(2).flatten().tolist() == [wrong, int(train.y[0])]


def test_finished_pairs_are_not_trained_again(data, tmp_path, trained):
    train, seen = data
    first = answers_of(SMALL, train, PAIRS[:2], seen, store=tmp_path)
    assert isinstance(first, np.memmap)
    whole = answers_of(SMALL, train, PAIRS, seen, store=tmp_path)
    assert [m.seed for m in trained] == [0, 1, 2, 3]
    assert np.array_equal(whole[:2], first)
    answers_of(SMALL, train, PAIRS[::-1], seen, store=Store(tmp_path))
    assert len(trained) == 4


def test_a_run_that_is_stopped_goes_on_where_it_was(data, tmp_path, monkeypatch, trained):
    train, seen = data
    counted = works.train_members

    def stopping(work):
        if len(trained) == 2:
            raise KeyboardInterrupt
        return counted(work)

    with monkeypatch.context() as patch:
        patch.setattr(works, "train_members", stopping)
        with pytest.raises(KeyboardInterrupt):
            answers_of(CONV, train, PAIRS, seen, store=tmp_path, together="loop")
    assert list((tmp_path / "tmp").iterdir()) == []
    answers = answers_of(CONV, train, PAIRS, seen, store=tmp_path, together="loop")
    assert [m.seed for m in trained] == [0, 1, 2, 3]
    assert np.array_equal(answers, alone(CONV, train, PAIRS, seen))


def test_other_data_seeds_learners_and_questions_have_other_entries(data, tmp_path, trained):
    train, seen = data
    changed = train.with_fields(y=train.y.clone())
    changed.y[3] = (changed.y[3] + 1) % 3
    answers_of(SMALL, train, [(range(30), 0)], seen, store=tmp_path)
    for other in (
        (SMALL, changed, [(range(30), 0)], seen),
        (SMALL, train, [(range(31), 0)], seen),
        (SMALL, train, [(range(30), 1)], seen),
        (SMALL, train, [(range(30), 0)], train),
        (Train(model=MLP(width=7), steps=STEPS), train, [(range(30), 0)], seen),
    ):
        answers_of(*other, store=tmp_path)
    assert len(trained) == 6
    answers_of(SMALL, train, [(range(30), 0)], seen, store=tmp_path, together="loop")
    assert len(trained) == 7
    # What lies outside the subset has no part in it.
    changed.y[3] = train.y[3]
    changed.y[40] = (changed.y[40] + 1) % 3
    answers_of(SMALL, changed, [(range(30), 0)], seen, store=tmp_path)
    assert len(trained) == 7


@pytest.mark.parametrize("kind", EASY)
def test_a_model_that_was_kept_comes_back(kind, data, tmp_path):
    train, seen = data
    learner = EASY[kind]
    answers_of(learner, train, PAIRS, seen, store=tmp_path, executor=Serial())
    with pytest.raises(BadInput, match="holds no model of this pair"):
        ut.load_model(learner, train, PAIRS[1], seen, store=tmp_path, executor=Serial())
    answers = answers_of(learner, train, PAIRS, seen, store=tmp_path, executor=Serial(), keep_models=True)
    for pair, expected in zip(PAIRS, answers, strict=True):
        model = ut.load_model(learner, train, pair, seen, store=tmp_path, executor=Serial())
        assert not model.training
        assert np.allclose(logits(model, seen, learner.task), expected, atol=1e-5)
    trained = learner(take(train, np.arange(10, 40)), 1).state_dict()
    back = ut.load_model(learner, train, PAIRS[1], seen, store=tmp_path, executor=Serial()).state_dict()
    assert all(torch.allclose(back[name], held, atol=1e-4) for name, held in trained.items())


def test_a_stack_is_no_larger_than_memory_allows(data, monkeypatch):
    train, seen = data
    members = {str(at): Member(np.arange(30), at) for at in range(20)}
    assert [len(part) for part in split_members(Strategy("stacked", 1), SMALL, train, members, len(seen), 1)] == [20]
    assert [len(part) for part in split_members(Strategy("stacked", 1), SMALL, train, members, len(seen), 3)] == [7, 7, 6]
    monkeypatch.setattr(hows.eligibility, "BUDGET", 60_000)
    parts = split_members(Strategy("stacked", 1), SMALL, train, members, len(seen), 1)
    assert len(parts) > 2
    assert sorted(key for part in parts for key in part) == sorted(members)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_cores_are_never_oversubscribed(data, monkeypatch):
    train, members = data[0], [Member(np.arange(30), seed) for seed in range(9)]
    monkeypatch.setattr(hows, "cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert choose_strategy(CONV, train, members, "auto", None) == Strategy("alone", 1, 4)
    assert choose_strategy(CONV, train, members[:2], "auto", None) == Strategy("alone", 1, 2)
    # One among others and one by itself: the same threads, and so the same key and the same numbers.
    assert choose_strategy(CONV, train, members[:1], "auto", None) == Strategy("alone", 1, 1)
    assert choose_strategy(CONV, train, members, "loop", None) == Strategy("alone", 4, 1)
    assert choose_strategy(SMALL, train, members, "auto", None) == Strategy("stacked", 4, 1)
    assert choose_strategy(SMALL, train, members, "auto", SerialPool(2)) == Strategy("stacked", 2, 1)


def test_wide_models_are_not_stacked_unless_asked(data):
    train, members = data[0], [Member(np.arange(30), 0)]
    wide = Train(model=MLP(width=600, depth=2), steps=STEPS)
    assert choose_strategy(wide, train, members, "auto", None).kind == "alone"
    assert choose_strategy(wide, train, members, "stacked", None).kind == "stacked"


def test_what_the_loop_is_left_with_is_what_cannot_be_sent(data):
    local = Train(model=lambda: ConvNet(width=2).build((1, 6, 6), 3), steps=STEPS)
    members = [Member(np.arange(30), seed) for seed in range(3)]
    assert choose_strategy(local, data[0], members, "auto", None).workers == 1
    with pytest.raises(BadInput, match="cannot be packed into processes: its classes are not found by name"):
        choose_strategy(local, data[0], members, "packed", None)


@pytest.mark.parametrize("together", ["stacked", "loop"])
def test_the_model_that_went_wrong_is_named(together, data):
    train, seen = data
    wild = train.with_fields(x=train.x.clone())
    wild.x[40] = 1e38
    with pytest.raises(NotFinite, match=r"seed 8 on 21 examples"):
        answers_of(SMALL, wild, [(range(20), 7), (range(20, 41), 8)], seen, together=together)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], "no pairs were given"),
        ([((), 0)], "pair 0 has an empty subset"),
        ([(range(3), 0), ((1, 48), 0)], "pair 1 has row 48: there are rows 0 to 47"),
        ([((-1, 2), 0)], "pair 0 has row -1: there are rows 0 to 47"),
        ([((1, 2, 1), 0)], "pair 0 has row 1 more than once"),
        ([((1, 2), 0.5)], "pair 0 has the seed 0.5: a whole number from 0 is needed"),
        ([((1, 2), True)], "pair 0 has the seed True"),
        ([((1, 2), -3)], "pair 0 has the seed -3"),
        ([((1.5, 2), 0)], "pair 0 has rows of shape (2,) and type float64"),
        ([([True] * 48, 0)], "of a mask give np.flatnonzero(mask)"),
        ([(((1, 2), (3, 4)), 0)], "pair 0 has rows of shape (2, 2)"),
        ([(((1, 2), (3,)), 0)], "pair 0 has rows that are ragged"),
        ([5], "pair 0 is of type int: a pair (rows, seed) is needed"),
    ],
)
def test_a_wrong_pair_gets_one_line(pairs, told, data):
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        answers_of(SMALL, data[0], pairs, data[1])
    assert "\n" not in str(caught.value)


class Odd(Learner):
    """Trains in a way of its own.

    Source: made up.
    """

    def learn(self, examples, seed):
        return self.init(examples, seed)

    def init(self, examples, seed):
        return SMALL.init(examples, seed)


def test_other_mistakes_get_one_line(data, tmp_path):
    train, seen = data
    with pytest.raises(BadInput, match="is not a learner"):
        answers_of(MLP(), train, PAIRS, seen)
    with pytest.raises(BadInput, match="did you mean 'stacked'"):
        answers_of(SMALL, train, PAIRS, seen, together="stack")
    with pytest.raises(BadInput, match="cannot be stacked: it holds Conv2d; nor can its heads: more than a last"):
        answers_of(CONV, train, PAIRS, seen, together="stacked")
    with pytest.raises(BadInput, match="cannot be stacked: Odd trains in its own way"):
        answers_of(Odd(), train, PAIRS, seen, together="stacked")
    with pytest.raises(BadInput, match="keep_models needs a store"):
        answers_of(SMALL, train, PAIRS, seen, keep_models=True)
    with pytest.raises(DataError, match="they have to be alike"):
        answers_of(SMALL, train, PAIRS, (np.zeros((2, 5)), [0, 1]))


def test_another_learner_is_trained_alone(data):
    train, seen = data
    answers = answers_of(Odd(), train, PAIRS[:1], seen)
    assert np.array_equal(answers[0], logits(SMALL.init(train, 0), seen, SMALL.task))


def test_a_digest_of_a_subset_is_of_its_inputs_and_labels_alone(data):
    train = data[0]
    other = replace(train, ids=np.asarray([f"n{i}" for i in range(len(train))]))
    rows = np.arange(5)
    assert row_digests(train).of(rows) == row_digests(other).of(rows) == row_digests(take(train, rows)).of(rows)
    assert row_digests(train).of(rows) != row_digests(train).of(rows + 1)
    assert row_digests(train).of(rows) != row_digests(replace(train, categories=("0", "1", "2", "3"))).of(rows)
