import numpy as np
import pytest

from untrain.evaluation.base import Formula, Measure, Part, Rate, ScoreInfo
from untrain.evaluation.scoring.resampling import aims_at_zero, cut, drawn, joint, number, per_model, resampled
from untrain.maths import bootstrap


@pytest.fixture
def rate():
    draw = np.random.default_rng(0)
    return Rate("unlearned", draw.normal(1, 1, (3, 40)), draw.normal(0, 1, (3, 60)), 0.05, draw.uniform(0.5, 2, 60))


def slowly(members, others, fpr, weights):
    """True-positive rate by its definition: the least threshold that at most a share ``fpr`` of the weight exceeds."""
    exceeds = [t for t in np.sort(others) if weights[others > t].sum() <= fpr * weights.sum()]
    return float((members > exceeds[0]).mean())


def test_a_rate_is_the_mean_of_the_models_rates(rate):
    expected = [slowly(a, b, rate.fpr, rate.weights) for a, b in zip(rate.members, rate.others, strict=True)]
    assert per_model(rate) == pytest.approx(expected)
    assert number(rate) == pytest.approx(np.mean(expected))


def test_a_resampled_rate_is_that_of_the_resampled_examples(rate):
    found = drawn(rate, 30, 7)
    columns = [bootstrap.resamples(n, 30, 7, f"examples {side}") for n, side in ((40, "forget"), (60, "test"))]
    rows = bootstrap.inflated(bootstrap.resamples(3, 30, 7, "models unlearned"))
    for at in (0, 11, 29):
        each = []
        for k in range(3):
            members = np.repeat(rate.members[k], columns[0][at])
            others, weights = (np.repeat(v, columns[1][at]) for v in (rate.others[k], rate.weights))
            each.append(slowly(members, others, rate.fpr, weights))
        assert found[at] == pytest.approx(np.mean(np.array(each) * rows[at]))


def test_ties_at_the_threshold_are_not_found():
    tied = Rate("unlearned", np.array([[1.0, 2.0]]), np.array([[1.0, 1.0, 0.0, 0.0]]), 0.25)
    assert number(tied) == 0.5  # half of the others reach 1, so that 1 is the threshold


def test_a_formula_combines_the_draws_of_its_terms(rate):
    table = np.random.default_rng(1).normal(size=(3, 40))
    mean = Measure((Part(1, "unlearned", "forget", table),))
    both = Formula((rate, mean), lambda a, b: a * b)
    assert number(both) == pytest.approx(number(rate) * number(mean))
    assert drawn(both, 20, 0) == pytest.approx(drawn(rate, 20, 0) * drawn(mean, 20, 0))
    assert resampled(both) == "models and examples"


def test_rows_are_cut_by_population(rate):
    some = cut(rate, np.array([0, 2]), np.array([0]))
    assert number(some) == pytest.approx(per_model(rate)[[0, 2]].mean())
    assert number(cut(Formula((rate,), lambda a: a), np.array([1]), np.array([0]))) == pytest.approx(per_model(rate)[1])


def test_what_depends_on_the_other_population_is_joint(rate):
    table = np.zeros((3, 4))
    plain = Measure((Part(1, "unlearned", "forget", table),))
    assert not joint(plain)
    assert joint(Measure(plain.parts, joint=True))
    assert joint(Formula((rate, Measure((Part(1, "both", "forget", table),))), lambda a, b: a))
    assert len(per_model(Measure(plain.parts, joint=True))) == 0


@pytest.mark.parametrize(
    ("ideal", "zero"), [("0", True), ("0; with few models its floor", True), ("0.5", False), ("the oracles'", False)]
)
def test_an_ideal_of_one_half_is_not_zero(ideal, zero):
    assert aims_at_zero(ScoreInfo("", "", ideal, "")) is zero
