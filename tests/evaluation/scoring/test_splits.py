"""Scores of all splits at once are those that one split after the other has."""

import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from untrain.core.contract import Refuted
from untrain.evaluation.attacks._held_out import HeldOutScores, areas
from untrain.evaluation.attacks.lira import LiRA
from untrain.evaluation.attacks.rmia import RMIA
from untrain.evaluation.attacks.ulira import ULiRA
from untrain.evaluation.base import Evaluator, Measure, Part, Prepared, ScoreInfo, Splits
from untrain.evaluation.contract import planted, splits_at_once_score_as_each_by_itself
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.scoring.guarded_evaluator import guarded, without_culprits
from untrain.evaluation.scoring.hypothesis_tests import Case, verdicts
from untrain.evaluation.scoring.resampling import number
from untrain.evaluation.scoring.splits import values_in

AT_ONCE = [e for e in evaluators() if type(e).in_splits is not Evaluator.in_splits]
OTHERS = [RMIA(a=0.0, gamma=1.0), RMIA(a=0.95), LiRA(variance="example"), ULiRA(variance="example", parts=3), ULiRA(form="strong")]


def one_by_one(evaluator, splits):
    """The plain form: each split as a trial of its own."""
    each = [evaluator.evaluate(splits.trial(at)) for at in range(len(splits))]
    return {name: np.array([number(measures[name]) for measures in each]) for name in splits.like.only}


def splits_of(evaluator, seed=0, m=4, p=13, count=7):
    """Splits of models of which some outputs are alike, by the scores that are tested by themselves."""
    logits = np.round(np.asarray(planted(seed, 1.0).logits[: p + 5]), 1)
    seen = replace(planted(seed, 1.0).of_models(slice(0, p + 5)), outputs={"logits": logits})
    ready, draw = evaluator.prepare(seen), np.random.default_rng(seed)
    orders = np.stack([draw.permutation(p) for _ in range(count)])
    names = frozenset(n for n, about in evaluator.scores.items() if about.margin is not None)
    pool = np.asarray(ready)[:p]
    like = Prepared(pool[:m], pool[m:], np.asarray(seen.side), False, np.asarray(ready)[p:], names)
    return Splits(pool, orders[:, :m], orders[:, m:], like)


@pytest.mark.parametrize("evaluator", [*AT_ONCE, *OTHERS], ids=repr)
def test_all_splits_at_once_score_as_one_after_the_other(evaluator):
    splits = splits_of(evaluator)
    if evaluator == ULiRA(form="strong"):  # which has no such score
        assert evaluator.in_splits(splits) is None
        return
    assert evaluator.in_splits(splits) is not None or evaluator == RMIA(a=0.95)
    found, plain = values_in(evaluator, splits), one_by_one(evaluator, splits)
    assert found.keys() == plain.keys()
    for name, values in plain.items():
        assert np.ptp(values) > 0, name
        assert found[name] == pytest.approx(values, rel=1e-12), name


def test_they_do_not_depend_on_how_many_are_worked_on_together(monkeypatch):
    splits = splits_of(LiRA())
    whole = values_in(LiRA(), splits)["mia_lira_auc"]
    monkeypatch.setattr("untrain.evaluation.base._BLOCK", 1)
    assert [len(block) for block in splits.blocks(90)] == [1] * 7
    assert values_in(LiRA(), splits)["mia_lira_auc"].tolist() == whole.tolist()


def test_what_is_asked_for_besides_comes_one_by_one():
    splits = splits_of(LiRA())
    more = replace(splits, like=replace(splits.like, only=frozenset({"mia_lira_auc", "mia_lira_accuracy"})))
    assert LiRA().in_splits(more) is None
    found, plain = values_in(LiRA(), more), one_by_one(LiRA(), more)
    assert {name: values.tolist() for name, values in found.items()} == {name: v.tolist() for name, v in plain.items()}


def test_a_split_in_which_a_score_has_no_value_says_so():
    class Picky:
        """A score of splits that have the first model among ours; with 'in_splits' as the role has it."""

        in_splits = Evaluator.in_splits

        def evaluate(self, trial):
            return {"first": Measure((Part(1, "unlearned", "forget", trial.unlearned),)) if 0 in trial.unlearned else "it lacks it"}

    orders = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
    like = Prepared(np.empty((0, 1)), np.empty((0, 1)), np.array(["forget"]), False)
    found = values_in(Picky(), Splits(np.arange(3.0)[:, None], orders[:, :2], orders[:, 2:], like))
    assert str(found["first"].tolist()) == "[0.5, nan, 1.0]"


class Spread(Evaluator):
    """An evaluator of others: how far the largest margin on forget examples is above the oracles' mean; ``form`` spoils it."""

    scores: ClassVar = {"spread": ScoreInfo("how far", "logits", "the oracles' value", "none", high=9.0, margin=0.1)}
    form: str = ""

    def prepare(self, observation):
        """The margins."""
        return observation.signal("margin")

    def evaluate(self, trial):
        """The one score."""
        apart = trial.unlearned - trial.oracle.mean(0)
        return {"spread": Measure((Part(1, "both", "forget", apart[:, trial.side == "forget"].max(1, keepdims=True)),))}

    def in_splits(self, splits):
        """The same at once."""
        pool = splits.pool[:, splits.like.side == "forget"]
        right = (pool[splits.ours] - pool[splits.theirs].mean(1, keepdims=True)).max(2).mean(1)
        return {"": {"spread": right}, "other": {"spread": 2 * right}, "one": {"spread": right.mean()}, "none": {}}[self.form]


def test_others_too_score_all_splits_at_once():
    splits_at_once_score_as_each_by_itself(Spread())
    splits = splits_of(Spread())
    assert values_in(guarded(Spread()), splits)["spread"] == pytest.approx(one_by_one(Spread(), splits)["spread"])


@pytest.mark.parametrize(
    ("form", "says"), [("other", r"gives \S+ for spread of a split"), ("one", r"the shape \(\)"), ("none", "gives nan")]
)
def test_what_others_give_for_all_splits_has_to_be_what_each_has(form, says):
    wrong = Spread(form=form)
    with pytest.raises(Refuted, match=f"{says}.*or let it return None"):
        splits_at_once_score_as_each_by_itself(wrong)
    ready = wrong.prepare(planted(0, 1.0))
    case = Case(guarded(wrong), {"unlearned": ready[:3], "oracle": ready[3:13]})
    found, reasons = without_culprits(lambda cases: verdicts(cases, planted(0, 1.0)), [case], lambda case: case.evaluator)
    assert found == {}
    assert re.search(says, reasons["spread"])


def test_areas_are_those_of_each_split_ties_and_unequal_folds_included():
    draw = np.random.default_rng(1)
    ours, theirs = (np.round(draw.normal(size=(6, count, 9)), 1) for count in (4, 7))
    folds = [np.stack([draw.permutation(np.arange(count) % 3) for _ in range(6)]) for count in (4, 7)]
    found = areas(ours, theirs, *folds)
    plain = [number(HeldOutScores(*each[:2], each[2:]).area()) for each in zip(ours, theirs, *folds, strict=True)]
    assert found == pytest.approx(plain, rel=1e-12)
