import json
from math import inf

import pytest

from untrain.core import discovery
from untrain.core.describe import describe, documented, fields, source
from untrain.data.requests.replacefeatures import ReplaceFeatures
from untrain.evaluation.base import ScoreInfo
from untrain.evaluation.glossary import entry
from untrain.evaluation.metrics.klom import KLoM
from untrain.models.architectures.preprocessed import Preprocessed
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.recipes import DEL

PLACES = discovery.of_role(*{place.role for place in discovery.index().values()})


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


def test_a_type_is_spelled_without_the_bounds_that_its_parts_have():
    assert fields(ReplaceFeatures)["fill"]["type"] == "float | 'mean' | tuple[float | 'mean', ...]"
    assert fields(ReplaceFeatures)["features"]["type"] == "tuple[str | int, ...]"
    assert fields(Preprocessed)["std"]["type"] == "tuple[float, ...]"


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


def test_the_entry_of_a_score_says_all_that_there_is_to_say():
    about = ScoreInfo("share of all", "fraction", "0", "blind", above="too much", margin=0.02)
    assert entry(about, "nobody 1999") == {
        "means": "share of all",
        "unit": "fraction",
        "range": "0 to 1",
        "ideal": "0",
        "floor": "mean size between disjoint groups of oracles",
        "margin": "0.02 either way, in its unit",
        "above": "too much",
        "weak": "blind",
        "source": "nobody 1999",
    }


def test_a_score_that_is_not_tested_by_itself_says_whose_verdict_it_bears():
    assert entry(ScoreInfo("a", "b", "c", "d"), "e")["margin"] == "not tested by itself"
    assert entry(ScoreInfo("a", "b", "c", "d", verdict_of="other"), "e")["margin"] == "its verdict is that of other"


@pytest.mark.parametrize(
    ("ends", "told"),
    [((0.0, inf), "0 or more"), ((-inf, inf), "any number"), ((-1.0, 1.0), "-1 to 1"), ((-inf, 0.5), "0.5 or less")],
)
def test_bounds_that_there_are_not_are_left_out(ends, told):
    assert entry(ScoreInfo("a", "b", "c", "d", low=ends[0], high=ends[1]), "e")["range"] == told
