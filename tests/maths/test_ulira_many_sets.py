from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from untrain.maths.ulira_many_sets import Bases, Shadows, Unlearned, many_sets


def planned(shift=0.0, bases=40, each=4, pool=150, seed=0, damage=0.0):
    """Base models on random halves; each unlearned several times; what is forgotten is ``shift`` away from never seen."""
    draw = np.random.default_rng(seed)
    keys = [f"base {k}" for k in range(bases)]
    saw = draw.uniform(size=(bases, pool)) < 0.5
    hard = draw.normal(0, 3, pool)
    margins = hard + draw.normal(size=(bases, pool)) + 4 * saw
    base = np.repeat(np.arange(bases), each)
    forgot = saw[base] & (draw.uniform(size=(len(base), pool)) < 0.4)
    kept = saw[base] & ~forgot
    ours = hard + draw.normal(size=(len(base), pool)) + 4 * kept + shift * forgot - damage
    return Unlearned([keys[b] for b in base], ours, forgot), Bases(keys, margins, saw)


@pytest.mark.parametrize("variance", ["example", "global"])
def test_perfect_forgetting_scores_one_half(variance):
    found = many_sets(*planned(), Shadows(variance=variance))
    assert found.accuracy.mean() == pytest.approx(0.5, abs=3 * found.accuracy.std() / np.sqrt(len(found.accuracy)))
    assert found.used == 1


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_what_is_left_is_found_by_phi_of_half_the_distance(shift):
    found = many_sets(*planned(shift, bases=80))
    assert found.accuracy.mean() == pytest.approx(norm.cdf(shift / 2), abs=0.012)


def test_models_that_are_worse_everywhere_do_not_pass_for_forgetful():
    found = many_sets(*planned(damage=2.0))
    assert found.accuracy.mean() == pytest.approx(0.5, abs=0.02)


def test_rows_are_matched_by_key_and_not_by_position():
    ours, bases = planned(1.0)
    order, turn = np.random.default_rng(1).permutation(40), np.random.default_rng(2).permutation(160)
    shuffled = Bases([bases.keys[k] for k in order], bases.margins[order], bases.saw[order])
    turned = Unlearned([ours.base[k] for k in turn], ours.margins[turn], ours.forgot[turn])
    one = many_sets(ours, shuffled)
    two = many_sets(turned, shuffled, Shadows(most=None)), many_sets(ours, shuffled, Shadows(most=None))
    assert one.accuracy.mean() == pytest.approx(norm.cdf(0.5), abs=0.02)
    assert two[0].accuracy == pytest.approx(two[1].accuracy)
    wrong = replace(ours, base=[ours.base[k % 40] for k in range(160)])  # the fault that pairs rows by position
    assert abs(many_sets(wrong, bases).accuracy.mean() - norm.cdf(0.5)) > 0.1


def test_targets_and_shadows_share_no_base():
    """Base models that differ by a constant of their own: were shadows of the same base used, a fit would know it."""
    ours, bases = planned(bases=12, each=8, seed=5)
    own = np.random.default_rng(0).normal(0, 5, 12)
    moved = replace(ours, margins=ours.margins + np.repeat(own, 8)[:, None])
    found = many_sets(moved, replace(bases, margins=bases.margins + own[:, None]))
    assert found.accuracy.mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_size_of_a_block_does_not_matter(block):
    ours, bases = planned(1.0, bases=10, pool=20)
    assert many_sets(ours, bases, block=block).tpr == pytest.approx(many_sets(ours, bases).tpr)


def test_constant_margins_score_one_half_and_not_nan():
    ours, bases = planned(bases=8, pool=20)
    flat = many_sets(replace(ours, margins=np.ones_like(ours.margins)), replace(bases, margins=np.ones_like(bases.margins)))
    assert flat.accuracy.tolist() == [0.5] * 8


def test_examples_without_shadows_are_left_out_and_counted():
    ours, bases = planned(bases=6, each=1, pool=60)
    assert 0 < many_sets(ours, bases).used < 1


def test_a_base_that_is_not_there_is_named():
    ours, bases = planned(bases=4, pool=5)
    with pytest.raises(ValueError, match="'nobody'"):
        many_sets(replace(ours, base=["nobody", *ours.base[1:]]), bases)
    with pytest.raises(ValueError, match="same key"):
        many_sets(ours, replace(bases, keys=["base 0", *bases.keys[:-1]]))
