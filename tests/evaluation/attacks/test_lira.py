import numpy as np
import pytest
from scipy.stats import norm

from trials import TrialObservations, score
from untrain.evaluation.attacks.lira import LiRA
from untrain.evaluation.base import Prepared
from untrain.evaluation.scoring.resampling import number

AREAS = ("mia_lira_auc", "mia_lira_offline_auc")


def margins(models, examples, shift=0.0, seed=0, hard=0.0):
    """Margins of models on examples that differ in how hard they are; ``hard`` is their spread."""
    draw = np.random.default_rng(seed)
    level = np.random.default_rng(99).normal(0, hard, examples)
    return level + shift + draw.normal(size=(models, examples))


def tried(ours, theirs, original, made=None):
    side = np.repeat("forget", ours.shape[1])
    return {
        n: m if isinstance(m, str) else number(m)
        for n, m in (made or LiRA()).evaluate(Prepared(ours, theirs, side, False, original)).items()
    }


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_gaussians_apart_have_the_area_of_two_gaussians(apart):
    """What is left of a shift between models that saw and that did not is found as the closed form says."""
    ours, theirs, saw = margins(40, 400, apart, 1, 3), margins(40, 400, 0, 2, 3), margins(40, 400, apart, 3, 3)
    found = tried(ours, theirs, saw)
    for name in AREAS:
        assert found[name] == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.02)
    assert found["mia_lira_accuracy"] == pytest.approx(norm.cdf(apart / 2), abs=0.02)


def test_a_threshold_on_the_margin_itself_would_see_far_less():
    ours, theirs, saw = margins(20, 400, 1, 1, 10), margins(20, 400, 0, 2, 10), margins(20, 400, 1, 3, 10)
    plain = np.mean(ours[:, :, None] > theirs[:, None, :].mean(0))
    assert plain < 0.56
    assert tried(ours, theirs, saw)["mia_lira_auc"] > 0.72


def test_over_forgetting_is_below_one_half():
    ours, theirs, saw = margins(8, 200, -1.5, 1), margins(12, 200, 0, 2), margins(8, 200, 2, 3)
    found = tried(ours, theirs, saw)
    assert max(found[name] for name in AREAS) < 0.3


def test_oracles_against_themselves_are_at_one_half_exactly():
    theirs, saw = margins(9, 50), margins(5, 50, 1, 1)
    found = tried(theirs, theirs, saw)
    assert [found[name] for name in AREAS] == pytest.approx([0.5, 0.5], abs=1e-12)


def test_one_checkpoint_can_be_tried():
    found = tried(margins(1, 300, 1, 1), margins(20, 300, 0, 2), margins(5, 300, 1, 3))
    assert all(0.65 < found[name] < 0.85 for name in AREAS)


@pytest.mark.parametrize(("m", "reason"), [(0, "no original"), (2, "2 original")])
def test_without_enough_originals_there_is_a_reason_online_and_a_value_offline(m, reason):
    found = tried(margins(4, 60), margins(6, 60, 0, 1), margins(m, 60) if m else None)
    assert reason in found["mia_lira_auc"]
    assert isinstance(found["mia_lira_offline_auc"], float)


def test_two_oracles_are_too_few():
    assert all("at least 3 oracles" in m for m in tried(margins(4, 60), margins(2, 60), margins(4, 60)).values())


def test_a_rate_has_a_value_where_ten_would_be_found_wrongly():
    found = tried(margins(20, 100, 2, 1), margins(60, 100, 0, 2), margins(60, 100, 2, 3))
    assert found["mia_lira_tpr_1"] == pytest.approx(norm.cdf(2 - norm.ppf(0.99)), abs=0.08)
    assert "6000 scores on oracles" in found["mia_lira_tpr_01"]


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_margins_are_at_one_half(value):
    same = [np.full((m, 60), value) for m in (4, 6, 5)]
    found = tried(*same)
    assert [found[name] for name in AREAS] == pytest.approx([0.5, 0.5])


def test_the_interval_holds_what_another_draw_gives():
    """Models and examples anew from the same laws: the areas lie within the interval of the first mostly."""
    side = np.repeat(["forget", "test"], [150, 4])

    def seen(models, shift, seed):
        # Two classes: the margin is the difference of the logits.
        from untrain.evaluation.observation import Observation

        x = margins(models, 154, shift, seed)
        logits = np.stack([x, np.zeros_like(x)], axis=-1).astype(np.float32)
        zeros = np.zeros(154, dtype=int)
        return Observation.of_logits(logits, zeros, zeros, side, np.arange(154))

    held = 0
    for at in range(20):
        trial = TrialObservations(*(seen(m, s, 10 * at + k) for k, (m, s) in enumerate(((5, 1), (5, 0.4), (10, 0)))))
        s = score(LiRA(), trial, draws=200)["mia_lira_offline_auc"]
        held += s.low <= norm.cdf(0.4 / np.sqrt(2)) <= s.high
    assert held >= 17


def test_curves_reach_from_one_score_on_an_oracle_to_all_of_them():
    ours, theirs, saw = margins(4, 60), margins(6, 60, 0, 1), margins(4, 60, 1, 2)
    curves = LiRA().curves(Prepared(ours, theirs, np.repeat("forget", 60), False, saw))
    assert sorted(curves) == ["mia_lira", "mia_lira_offline"]
    for curve in curves.values():
        assert (curve.fpr[0], curve.fpr[-1], curve.tpr[0, -1]) == (pytest.approx(1 / 360), 1, 1)
        assert curve.tpr.shape == (1, len(curve.fpr))
        assert curve.against == "oracle"
