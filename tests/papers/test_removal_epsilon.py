"""What is claimed beside what shows."""

import importlib
import json

import numpy as np
import pytest
from scipy.special import expit

SCRIPT = "papers.removal.epsilon"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.epsilon_page")
    held = json.loads((page.FOLDER / "epsilon.json").read_text())
    assert (page.FOLDER / "epsilon.md").read_text() == page.page(held)


@pytest.mark.parametrize(("noise", "over"), [(1.0, False), (0.5, True)])
def test_a_distance_at_its_limit_shows_the_epsilon_and_half_of_the_noise_shows_more(script, noise, over):
    limit = script.GaussianAccountant(1.0, script.DELTA).limit
    found = script.gaussian(limit, noise, 40_000, 0)
    assert (found > 1.0) == over
    assert found > 0.6


def test_a_tilted_optimum_has_no_gradient_and_one_step_is_newtons(script):
    b = np.array([-3.0, 0.0, 40.0])
    w = script.tilted((20, 500), b)
    assert abs(20 * expit(w) - 500 * expit(-w) + script.PENALTY * w + b).max() < 1e-10
    slope = -500 * expit(-w) + script.PENALTY * w + b
    curved = 500 * expit(w) * expit(-w) + script.PENALTY
    assert script.tilted((0, 500), b, w, steps=1) == pytest.approx(w - slope / curved)


@pytest.mark.parametrize(("last", "found"), [(700, range(665, 701)), (0, [0]), (1, [1]), (1000, [None])])
def test_the_last_that_holds_is_found_by_halving(script, last, found):
    assert script.least(lambda m: m > last, 1000) in found
