"""A deletion list without a heading whose first line is a name that ends in -id (David, Ingrid, Madrid): it must be forgotten."""

import numpy as np
import pytest

import untrain as ut

NAMES = ["David", "Ingrid", "Anna", "Madrid", "Paul", "car_key"]


@pytest.mark.parametrize("kind", ["csv", "txt"])
@pytest.mark.parametrize("first", ["David", "Ingrid", "Madrid", "car_key"])
def test_the_first_name_of_a_list_is_forgotten(tmp_path, first, kind):
    draw = np.random.default_rng(0)
    ids = np.array([NAMES[i % 6] for i in range(60)])
    data = ut.examples(draw.normal(size=(60, 6)).astype("float32"), draw.integers(3, size=60), ids=ids)
    path = tmp_path / f"forget.{kind}"
    path.write_text(f"{first}\nPaul\n")
    posed = ut.problem(data, ut.IdFile(path=str(path)), ut.Train(model=ut.MLP(width=8)))
    assert set(posed.forget.ids.tolist()) == {first, "Paul"}
