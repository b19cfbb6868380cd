import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths.relative_likelihood import marginals, means, relative


def naive(px, pz, out_x, out_z, gamma, a):
    """Algorithm 2 pair by pair: probabilities of one model (n,), (k,) and of references (r, n), (r, k)."""
    scores = []
    for i in range(len(px)):
        usual = ((1 + a) * out_x[:, i].mean() + 1 - a) / 2
        beaten = 0
        for j in range(len(pz)):
            other = ((1 + a) * out_z[:, j].mean() + 1 - a) / 2
            beaten += (px[i] / usual) / (pz[j] / other) >= gamma
        scores.append(beaten / len(pz))
    return scores


@pytest.mark.parametrize("gamma", [1.0, 2.0])
@pytest.mark.parametrize("a", [0.0, 0.3, 1.0])
def test_it_is_the_pairwise_formula(gamma, a):
    draw = np.random.default_rng(0)
    px, pz, out_x, out_z = (draw.uniform(0.01, 1, size) for size in (15, 40, (4, 15), (4, 40)))
    every = np.ones((1, 4), dtype=bool)
    usual = [marginals(means(np.log(out), every), a) for out in (out_x, out_z)]
    found = relative(np.log(px)[None] - usual[0], np.log(pz)[None] - usual[1], gamma)
    assert found[0] == pytest.approx(naive(px, pz, out_x, out_z, gamma, a), abs=1e-12)


def test_with_models_that_saw_it_the_marginal_is_the_mean_of_both_kinds():
    inside, outside = np.array([0.9, 0.5]), np.array([0.3, 0.5])
    assert np.exp(marginals(np.log(outside), 0.3, np.log(inside))) == pytest.approx([0.6, 0.5])


def test_means_are_over_the_models_that_are_kept():
    p = np.array([[0.2, 0.4], [0.6, 0.8], [0.1, 0.3]])
    keep = np.array([[True, True, False], [False, False, True]])
    assert np.exp(means(np.log(p), keep)) == pytest.approx(np.array([[0.4, 0.6], [0.1, 0.3]]))


def test_vanishing_probabilities_give_finite_scores():
    log_p = np.array([[-2e4, -1e3], [-1e4, 0.0], [-5.0, -800.0]])
    usual = marginals(means(log_p, np.array([[True, True, False]])), 0.3)
    found = relative(log_p - usual, log_p - usual)
    assert np.isfinite(found).all()


def test_constant_answers_beat_nothing_by_a_factor_and_everything_at_par():
    same = np.zeros((3, 5))
    assert relative(same, same, 2.0).tolist() == np.zeros((3, 5)).tolist()
    assert relative(same, same, 1.0).tolist() == np.ones((3, 5)).tolist()


@given(st.integers(0, 50))
def test_the_order_of_the_population_and_of_examples_does_not_matter(seed):
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=(3, 7)), draw.normal(size=(3, 11))
    turned, order = draw.permutation(11), draw.permutation(7)
    assert relative(x[:, order], z[:, turned]).tolist() == relative(x, z)[:, order].tolist()
    assert relative(x[:, :1], z).tolist() == relative(x, z)[:, :1].tolist()
