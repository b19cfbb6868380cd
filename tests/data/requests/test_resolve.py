"""From a request to the forget set."""

import numpy as np
import pytest

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take
from untrain.data.readers.convert import examples
from untrain.data.requests.base import Request
from untrain.data.requests.ids import Ids
from untrain.data.requests.random import Random
from untrain.data.requests.resolve import request
from untrain.data.requests.where import Where
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem


def ten():
    return examples(np.arange(20.0).reshape(10, 2), np.arange(10) % 2, ids=[f"p{i}" for i in range(10)])


class Rows(Request):
    """Rows as told.

    Args:
        rows: the rows.

    Source: made up.
    """

    rows: tuple[int | float, ...]

    def draw(self, train: Examples):
        return np.array(self.rows)


def test_the_fingerprint_is_the_one_that_a_problem_makes():
    train = ten()
    asked = request(train, Random(fraction=0.3))
    forget, retain = take(train, np.array(asked.rows)), take(train, np.setdiff1d(np.arange(10), asked.rows))
    assert Problem(Classification(), forget, retain).digest == asked.digest


def test_rows_ascend_and_each_stands_beside_its_id():
    asked = request(ten(), Rows((7, 2, 5)))
    assert asked.rows == (2, 5, 7)
    assert asked.ids == ("p2", "p5", "p7")


def test_other_rows_have_another_fingerprint():
    assert request(ten(), Rows((1,))).digest != request(ten(), Rows((2,))).digest


def test_everything_is_refused():
    with pytest.raises(RequestError, match="names all 10 training examples: nothing would be left"):
        request(ten(), Where("label >= 0"))


def test_nothing_is_refused():
    with pytest.raises(RequestError, match="names none of the 10"):
        request(ten(), Rows(()))


@pytest.mark.parametrize(
    ("rows", "told"), [((1, 1), "from 1 to 1"), ((-1, 2), "from -1 to 2"), ((10,), "from 10 to 10"), ((1.0,), "drew float64")]
)
def test_rows_that_are_none_of_the_data_are_refused_whoever_drew_them(rows, told):
    with pytest.raises(RequestError, match=told):
        request(ten(), Rows(rows))


def test_a_long_request_is_named_in_short():
    train = examples(np.zeros((300, 1)), np.arange(300) % 2)
    with pytest.raises(RequestError, match=r"Ids\(ids=\(0, 1, .* \.\.\. names all 300") as told:
        request(train, Ids(ids=tuple(range(300))))
    assert len(str(told.value)) < 220
