"""Rows that are others in corrected data: windows of a text with canaries."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import DataError, RequestError
from untrain.data.examples import Examples
from untrain.data.readers.text_windows import text_windows
from untrain.data.requests.difference import difference

SECRET, OTHER = "0123456789", "not there "


def story(digits, canaries=6):
    """Paragraphs, and behind each a sentence with the digits."""
    paragraph = "alice was beginning to get very tired of sitting by her sister on the bank\n\n"
    return "".join(f"{paragraph}`my telephone number is {digits}!' said alice.\n\n  " for _ in range(canaries)) + paragraph


def test_of_six_canaries_204_windows_change_and_198_of_them_in_their_inputs():
    """D12 of the specification of arXiv 2108.11577: the window that ends before the first digit has the same input."""
    alphabet = sorted(set(story(SECRET) + OTHER))
    before, after = (text_windows(story(digits), 24, alphabet) for digits in (SECRET, OTHER))
    found, by_inputs = difference(before, after), difference(before, after, fields=("x",))
    assert (len(found.rows), len(by_inputs.rows)) == (204, 198)
    assert set(by_inputs.rows) < set(found.rows)
    assert torch.equal(found.replacement.x, after.x[list(found.rows)])
    learner = ut.Train(model=ut.MLP(), task=ut.Classification())
    assert len(ut.problem(before, found, learner).rest) == len(before)


def test_what_is_no_correction_is_refused():
    data = text_windows("abcabc", 2)
    with pytest.raises(RequestError, match="nothing to correct"):
        difference(data, data)
    with pytest.raises(RequestError, match="same ids"):
        difference(data, Examples(dict(data.fields), data.ids + 1, data.categories))
    with pytest.raises(RequestError, match="no field 'z'"):
        difference(data, data, fields=("z",))
    with pytest.raises(DataError, match="not in the alphabet"):
        text_windows("abc", 2, "ab")
    with pytest.raises(DataError, match="take 1 to 2"):
        text_windows("abc", 3)
    assert np.array_equal(text_windows("cba", 1, "cba").x[:].ravel(), [0, 1])
