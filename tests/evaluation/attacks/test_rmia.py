import numpy as np
import pytest

from untrain.evaluation.attacks.rmia import RMIA
from untrain.evaluation.base import Prepared
from untrain.evaluation.scoring.resampling import number
from untrain.maths.likelihood_ratio import folds


def tried(ours, theirs, side, made=None):
    return {
        n: m if isinstance(m, str) else number(m) for n, m in (made or RMIA()).evaluate(Prepared(ours, theirs, side, False)).items()
    }


def log_p(models, side, lift=0.0, seed=0):
    """Log-probabilities of labels: hardness of the example and noise of the model, better by ``lift`` on the forget set."""
    hard = np.random.default_rng(99).normal(0, 1.5, len(side))
    z = hard + lift * (side == "forget") + np.random.default_rng(seed).normal(size=(models, len(side)))
    return -np.logaddexp(0, -z)


@pytest.fixture
def side(planted):
    return planted.sides(100, 20, 200)


def test_more_is_found_the_more_is_left(side):
    areas = [tried(log_p(6, side, lift, 1), log_p(10, side), side)["mia_rmia_auc"] for lift in (-1.5, 0, 1.5, 3)]
    assert sorted(areas) == areas
    assert areas[0] < 0.35 < areas[1] < 0.62 < areas[2]
    assert areas[1] == pytest.approx(0.5, abs=0.03)


def test_the_accuracy_sees_what_the_area_does(side):
    found = tried(log_p(6, side, 2, 1), log_p(10, side), side)
    assert found["mia_rmia_accuracy"] > 0.6


def test_scores_are_the_formula_pair_by_pair(side):
    ours, theirs = np.exp(log_p(2, side, 1, 1)), np.exp(log_p(4, side))
    made = RMIA(parts=2)
    forget, test = side == "forget", side == "test"
    fold = folds(np.log(ours[:, forget]), 2), folds(np.log(theirs[:, forget]), 2)

    def scores(target, at):
        known = theirs[fold[1] != at]
        ratio = target / ((1.3 * known.mean(0) + 0.7) / 2)
        return (ratio[forget][:, None] / ratio[test][None] >= 2).mean(1)

    got = made._attack(Prepared(np.log(ours), np.log(theirs), side, False))
    for table, target, at in ((got.ours, ours, fold[0]), (got.theirs, theirs, fold[1])):
        assert table == pytest.approx(np.stack([scores(t, f) for t, f in zip(target, at, strict=True)]), abs=1e-12)


def test_what_changes_all_answers_alike_is_no_membership(side):
    worse = np.log(np.exp(log_p(6, side, 0, 1)) / 3)
    assert tried(worse, log_p(10, side), side)["mia_rmia_auc"] == pytest.approx(0.5, abs=0.04)


def test_the_population_is_drawn_by_id_and_the_rest_is_left_out(planted):
    side = planted.sides(10, 5, 50)
    seen = planted.noisy(3, side)
    found = RMIA(population=20).prepare(seen)
    assert np.isnan(found).sum(1).tolist() == [30] * 3
    order = np.random.default_rng(0).permutation(65)
    turned = RMIA(population=20).prepare(planted.turned(seen, order))
    assert turned == pytest.approx(found[:, order], nan_ok=True)


def test_oracles_against_themselves_are_at_one_half_exactly(side):
    theirs = log_p(7, side)
    assert tried(theirs, theirs, side)["mia_rmia_auc"] == pytest.approx(0.5, abs=1e-12)


def test_one_oracle_is_too_few(side):
    assert all("at least 2" in m for m in tried(log_p(3, side), log_p(1, side), side).values())


def test_constant_answers_are_at_one_half(side):
    same = [np.full((m, len(side)), -0.5) for m in (4, 6)]
    assert tried(*same, side)["mia_rmia_auc"] == 0.5
