"""One trained population for many uses: who saw what, asked again, more models, and what it serves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import untrain as ut
from untrain.attribution.memorization import memorization
from untrain.core.errors import BadInput, DataError
from untrain.core.precision import computing
from untrain.data.examples import Examples
from untrain.experiments.populations import worker as works
from untrain.experiments.populations.subsets import BLOCK, Subsets, draw
from untrain.models.architectures.mlp import MLP
from untrain.runtime.executors.serial import Serial
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small

N, TESTS = 30, 10


class LookUp(nn.Module):
    """Answers class 1 for inputs that it holds and class 0 for all others."""

    def __init__(self, held):
        super().__init__()
        self.held = nn.Parameter(held)

    def forward(self, x):
        known = (x[:, None, 0] == self.held[None]).any(1)
        return 4.0 * torch.stack([~known, known], 1)


class Recalling(Learner):
    """Holds the ids, which are the inputs, of what it was trained on.

    Source: planted.
    """

    def learn(self, examples, seed):
        return LookUp(examples.x[:, 0].clone())

    def init(self, examples, seed):
        return LookUp(torch.zeros(1) - 1)


@pytest.fixture
def numbered():
    """Inputs that are their own ids; every label is 1."""

    def made(first, count):
        x = torch.arange(first, first + count, dtype=torch.float32)[:, None]
        return Examples.labelled(x, torch.ones(count, dtype=torch.int64), np.arange(first, first + count), 2)

    return made(0, N), made(N, TESTS)


@pytest.fixture
def trained(monkeypatch):
    """Members that were trained, in order."""
    seen = []
    real = works.train_members
    monkeypatch.setattr(works, "train_members", lambda work: seen.extend(work.members) or real(work))
    return seen


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.7])
@pytest.mark.parametrize("models", [16, 40])
def test_each_example_is_seen_as_often_as_any_and_each_model_sees_as_many(fraction, models):
    seen, seeds = draw(Subsets(models=models, fraction=fraction), 203)
    whole = seen[: models // BLOCK * BLOCK]
    assert np.ptp(whole.sum(0)) <= (0 if (fraction * BLOCK).is_integer() else models // BLOCK)
    sizes = seen.sum(1)
    assert all(np.ptp(sizes[at : at + BLOCK]) <= 1 for at in range(0, models, BLOCK))
    assert abs(sizes.mean() / 203 - fraction) < 0.01
    assert len(set(seeds.tolist())) == models


@pytest.mark.parametrize("scheme", ["balanced", "bernoulli"])
def test_the_first_models_of_many_are_the_models_of_few(scheme):
    few, seeds = draw(Subsets(models=24, scheme=scheme), 50)
    many, more = draw(Subsets(models=64, scheme=scheme), 50)
    assert np.array_equal(many[:24], few)
    assert np.array_equal(more[:24], seeds)
    assert not np.array_equal(draw(Subsets(models=24, scheme=scheme, seed=1), 50)[0], few)


@pytest.mark.parametrize("scheme", ["balanced", "bernoulli"])
def test_two_examples_are_seen_together_by_chance(scheme):
    seen, _ = draw(Subsets(models=1024, scheme=scheme), 40)
    together = (seen.T.astype(float) @ seen) / 1024
    off = together[~np.eye(40, dtype=bool)]
    chance = 0.25 if scheme == "bernoulli" else 20 / 40 * 19 / 39  # where each model sees 20 of 40
    assert abs(off.mean() - chance) < 0.002
    assert np.abs(off - chance).max() < 0.07  # five standard errors


@pytest.mark.parametrize("models", [16, 48])
def test_intervals_hold_with_balanced_subsets_too(models):
    # Answers are sums of effects; with halves of one size the truth is an effect less the average other one.
    held = []
    for seed in range(20):
        effects = np.random.default_rng(seed).normal(size=200)
        seen, _ = draw(Subsets(models=models, seed=seed), 200)
        owed = memorization(np.repeat((seen @ effects)[:, None], 200, 1), seen)
        truth = effects - (effects.sum() - effects) / 199
        held.append(((owed.low <= truth) & (truth <= owed.high)).mean())
    assert 0.92 < np.mean(held) < 0.97


def test_units_are_whole_and_what_is_excluded_is_seen_by_none():
    units = np.arange(60) // 5
    seen, _ = draw(Subsets(models=32, units=units, exclude=[3, 59]), 60)
    assert not seen[:, [3, 59]].any()
    for unit in range(12):
        here = np.setdiff1d(np.flatnonzero(units == unit), [3, 59])
        assert (seen[:, here] == seen[:, here[:1]]).all()
        assert seen[:, here[0]].sum() == 16


def test_seen_is_what_each_model_was_trained_on(numbered):
    found = ut.train_subsets(Recalling(), *numbered, Subsets(models=20, seed=4), executor=Serial())
    assert np.array_equal(found.outputs["logits"].argmax(2)[:, :N].astype(bool), found.seen)
    assert not found.outputs["logits"].argmax(2)[:, N:].any()
    assert found.outputs["logits"].shape == (20, N + TESTS, 2)
    assert found.ids.tolist() == [str(i) for i in range(N + TESTS)]
    assert (len(found.labels), len(found.true), len(found.seeds)) == (N + TESTS, N + TESTS, 20)


def test_what_is_held_by_heart_is_memorized(numbered):
    found = ut.train_subsets(Recalling(), *numbered, Subsets(models=16), executor=Serial())
    owed = ut.memorization(found)
    assert owed.value.tolist() == [1.0] * N
    crossed = ut.influence(found, rows=[2, 7])
    assert crossed.value.shape == (2, N + TESTS)
    assert crossed.value[0, 2] == pytest.approx(1)
    assert crossed.value[1, 7] == pytest.approx(1)
    assert not crossed.value[:, N:].any()


def test_asking_again_trains_nothing_and_more_models_add_to_those_there(numbered, tmp_path, trained):
    kept = {"store": tmp_path, "executor": Serial()}
    few, many = Subsets(models=6), Subsets(models=10)
    assert ut.count_missing(Recalling(), *numbered, few, **kept) == 6
    first = ut.train_subsets(Recalling(), *numbered, few, **kept)
    assert len(trained) == 6
    assert ut.count_missing(Recalling(), *numbered, few, **kept) == 0
    again = ut.train_subsets(Recalling(), *numbered, few, **kept)
    assert np.array_equal(again.outputs["logits"], first.outputs["logits"])
    assert len(trained) == 6
    assert ut.count_missing(Recalling(), *numbered, many, **kept) == 4
    more = ut.train_subsets(Recalling(), *numbered, many, **kept)
    assert len(trained) == 10
    assert np.array_equal(more.outputs["logits"][:6], first.outputs["logits"])
    assert ut.count_missing(Recalling(), *numbered, many, executor=Serial()) == 10


def test_shadows_are_the_models_in_and_out(numbered):
    found = ut.train_subsets(Recalling(), *numbered, Subsets(models=21), executor=Serial())
    inside, outside = found.shadow_outputs("confidence")
    sure = 1 / (1 + np.exp(-4))
    for table, counts, value in ((inside, found.seen.sum(0), sure), (outside, (~found.seen).sum(0), 1 - sure)):
        assert np.array_equal(np.isfinite(table).sum(0), counts)
        assert np.nanmin(table) == pytest.approx(value)
        assert np.nanmax(table) == pytest.approx(value)
    assert found.signal("margin").shape == (21, N + TESTS)


def test_models_that_saw_all_of_a_forget_set_and_none_of_it_are_a_pair_for_an_audit(numbered):
    forget = [1, 4, 9]
    units = np.where(np.isin(np.arange(N), forget), -1, np.arange(N))
    found = ut.train_subsets(Recalling(), *numbered, Subsets(models=16, units=units), executor=Serial())
    saw, never = found.split_by(forget)
    assert len(saw.logits) == len(never.logits) == 8
    assert (saw.side == "forget").sum() == 3
    assert (saw.side == "test").sum() == TESTS
    assert (saw.logits.argmax(2)[:, forget] == 1).all()
    assert (never.logits.argmax(2)[:, forget] == 0).all()
    alone = ut.train_subsets(Recalling(), *numbered, Subsets(models=4, exclude=forget), executor=Serial())
    assert [len(o.logits) for o in alone.split_by(forget)] == [0, 4]
    with pytest.raises(BadInput, match="forget holds something other than a row"):
        found.split_by([N])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"models": 1}, "models=1: a whole number from 2"),
        ({"models": True}, "models=True"),
        ({"fraction": 1.0}, "fraction=1.0: a share above 0 and below 1"),
        ({"fraction": "half"}, "fraction='half'"),
        ({"seed": -1}, "seed=-1"),
        ({"scheme": "balancd"}, "did you mean 'balanced'"),
        ({"exclude": [N]}, "exclude holds something other than a row"),
        ({"exclude": [0.5]}, "exclude holds something other than a row"),
        ({"exclude": range(N)}, "nothing to learn from"),
        ({"units": [1, 2]}, "one for each of 30 training examples"),
        ({"fraction": 0.01}, "would see no example of 30"),
    ],
)
def test_subsets_that_cannot_be_drawn_get_one_line(changed, told, numbered):
    with pytest.raises(BadInput, match=told):
        ut.train_subsets(Recalling(), *numbered, replace(Subsets(models=4), **changed))


def test_examples_that_are_not_alike_are_refused(numbered):
    with pytest.raises(DataError, match="they have to be alike"):
        ut.train_subsets(Recalling(), numbered[0], (np.zeros((2, 5), dtype=np.float32), [0, 1]))


def test_a_population_computes_in_full_precision_whatever_is_asked_for_around_it():
    # Its key says float32.
    problem = small()[1]
    learner = Train(model=MLP(width=6), steps=Steps(lr=0.05, epochs=2, batch=16))
    pairs = [(range(30), 0), (range(10, 40), 1)]
    for together in ("stacked", "loop"):
        plain = ut.train_population(learner, problem.retain, pairs, problem.forget, together=together)["logits"]
        with computing("bfloat16"):
            within = ut.train_population(learner, problem.retain, pairs, problem.forget, together=together)["logits"]
        assert np.array_equal(plain, within)


def test_mislabelled_digits_are_memorized_and_clean_ones_hardly():
    # Trained until nearly all that was seen is right: AUC 0.993 and means of 0.95 and 0.12 with 32 models.
    data = ut.Digits(noise=ut.Flip(rate=0.1)).load()
    learner = Train(model=MLP(width=64), steps=Steps(lr=0.2, epochs=80, batch=32))
    found = ut.train_subsets(learner, data.train, data.test, Subsets(models=16))
    wrong = (found.labels != found.true)[: found.seen.shape[1]]
    owed = ut.memorization(found)
    assert np.isfinite(owed.value).all()
    assert roc_auc_score(wrong, owed.value) > 0.97
    assert owed.value[wrong].mean() > 0.85
    assert owed.value[~wrong].mean() < 0.2
    assert roc_auc_score(wrong, ut.memorization(found, "margin").value) > 0.97
