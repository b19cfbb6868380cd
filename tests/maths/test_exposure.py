"""Exposure of secrets: ranks, and the published numbers of a canary."""

import math

import numpy as np
import pytest

from untrain.maths.exposure import exposure, extrapolated_exposure, log_perplexity

PUBLISHED = [
    0.52450073, 0.76724172, 0.79482096, 0.66451401, 0.18042472, 0.39829949, 0.65678751, 0.10415474, 0.31055996, 0.39406475
]  # fmt: skip


def test_the_published_canary_has_the_published_perplexity_and_exposure():
    """D11 of the specification of arXiv 2108.11577."""
    found = log_perplexity(np.array(PUBLISHED))
    assert found == pytest.approx(12.933015, abs=1e-6)
    assert extrapolated_exposure(found, 0.930, 118.609, 19.113) == pytest.approx(48.60, abs=5e-3)


def test_a_rank_is_among_all_and_ties_are_no_knowledge():
    others = np.arange(1.0, 1024.0)
    assert exposure(0.0, others) == 10
    assert exposure(1023.5, others) == 0
    assert exposure(1.0, others) == 9  # tied with one
    assert exposure(5.0, np.full(7, 5.0)) == 0


def test_of_a_skew_normal_sample_both_agree():
    from scipy import stats

    draws = stats.skewnorm.rvs(2, 100, 15, size=200_000, random_state=0)
    for at in (95.0, 100.0, 110.0):
        assert extrapolated_exposure(at, 2, 100, 15) == pytest.approx(exposure(at, draws), abs=0.15)
    assert extrapolated_exposure(0.0, 2, 100, 15) > math.log2(len(draws))
