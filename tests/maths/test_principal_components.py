"""Principal components, in closed form and by planted directions."""

import numpy as np
import pytest

from untrain.maths.principal_components import half_whitened, principal_components


def test_planted_directions_are_recovered_in_the_order_of_their_deviations():
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(5, 3)))
    rows = rng.normal(size=(20_000, 3)) * [1.0, 9.0, 3.0] @ axes.T + 7.0
    found = principal_components(rows, 3)
    assert found.mean == pytest.approx(np.full(5, 7.0), abs=0.3)
    assert found.deviations == pytest.approx([9, 3, 1], rel=0.03)
    assert np.abs(found.directions @ axes) == pytest.approx(np.eye(3)[[1, 2, 0]], abs=0.02)


def test_directions_have_unit_length_and_are_orthogonal_and_rows_in_another_order_give_the_same():
    rows = np.random.default_rng(1).normal(size=(40, 6))
    found, turned = principal_components(rows, 4), principal_components(rows[::-1], 4)
    assert found.directions @ found.directions.T == pytest.approx(np.eye(4), abs=1e-12)
    assert turned.directions == pytest.approx(found.directions, abs=1e-9)


def test_the_deviation_along_a_half_whitened_coordinate_is_the_root_of_what_it_was():
    rows = np.random.default_rng(2).normal(size=(50, 4)) * [1, 2, 4, 8]
    found = principal_components(rows, 3)
    coordinates = half_whitened(rows, found)
    assert coordinates.mean(0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert coordinates.std(0) == pytest.approx(np.sqrt(found.deviations))


def test_a_direction_in_which_nothing_varies_gives_zeros():
    rows = np.outer(np.arange(6.0), [1.0, 1.0])
    assert half_whitened(rows, principal_components(rows, 2))[:, 1] == pytest.approx(np.zeros(6), abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 8), (8, 3)])
def test_there_are_no_more_components_than_rows_or_columns(shape):
    with pytest.raises(ValueError, match="there are at most 3"):
        principal_components(np.zeros(shape), 4)
