import json

import pytest

from untrain.core import names
from untrain.describe import describe, documented, fields, source
from untrain.evaluate.klom import KLoM
from untrain.recipes import DEL
from untrain.unlearn.neggrad import NegGrad

PLACES = names.of_role(*{place.role for place in names.index().values()})


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_class_describes_each_of_its_fields_and_names_its_source(place):
    told = describe(place)
    assert told["source"]
    for name, field in told["fields"].items():
        assert field["doc"], f"{place.name}.{name} has no words"
        assert field["type"]
    json.dumps(told, allow_nan=False)


def test_a_range_is_written_as_an_interval():
    assert fields(DEL)["keep"]["range"] == "(0, 1]"
    assert fields(KLoM)["bins"]["range"] == "[1, inf)"
    assert fields(NegGrad)["steps"]["range"] is None


def test_defaults_are_spelled_as_they_are_parsed():
    assert fields(KLoM)["clip"]["default"] == "100.0"
    assert fields(NegGrad)["steps"]["default"].startswith("Steps(")


def test_words_that_run_over_lines_are_joined():
    class Thing:
        """A thing.

        Args:
            one: first words
                and more.
            two: second words.

        Source: nobody 1999,
            page 3.
        Departs: not at all.
        """

    assert documented(Thing) == {"one": "first words and more.", "two": "second words."}
    assert source(Thing) == "nobody 1999, page 3."


def test_a_class_without_a_docstring_says_nothing():
    class Mute:
        pass

    Mute.__doc__ = ""
    assert documented(Mute) == {}
    assert source(Mute) == ""
