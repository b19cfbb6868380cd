"""The tree of errors."""

import inspect

import pytest

from untrain.core import errors
from untrain.core.errors import suggest

ALL = [e for _, e in inspect.getmembers(errors, inspect.isclass) if e.__module__ == errors.__name__]


@pytest.mark.parametrize("error", ALL, ids=lambda e: e.__name__)
def test_every_error_is_in_the_tree_that_is_drawn(error):
    assert issubclass(error, errors.UntrainError)
    assert error.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("word", "tail"),
    [("kep", "; did you mean 'keep'?"), ("KEEP", "; did you mean 'keep'?"), ("zzz", ""), ("step", "; did you mean 'steps'?")],
)
def test_the_nearest_known_word_is_suggested(word, tail):
    assert suggest(word, ["keep", "steps"]) == tail


def test_of_equally_near_words_the_one_of_the_same_length_is_suggested():
    assert suggest("DLE", ["IdFile", "DEL"]) == suggest("DLE", ["DEL", "IdFile"]) == "; did you mean 'DEL'?"
