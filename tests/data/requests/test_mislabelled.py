"""What Mislabelled finds."""

import numpy as np
import pytest

from untrain.core.errors import RequestError
from untrain.data.noise.flip import Flip
from untrain.data.readers.convert import examples
from untrain.data.requests.mislabelled import Mislabelled


def test_it_finds_exactly_what_was_planted():
    clean = examples(np.zeros((100, 1)), np.arange(100) % 5)
    noisy = Flip(rate=0.17).plant(clean)
    rows = Mislabelled().draw(noisy)
    assert rows.tolist() == np.flatnonzero((noisy.y != clean.y).numpy()).tolist()
    assert len(rows) == 17


def test_unknown_true_labels_are_an_error_that_says_what_would_do():
    with pytest.raises(RequestError, match=r"carry none: plant noise with noise=Flip\(\)"):
        Mislabelled().draw(examples(np.zeros((10, 1)), np.arange(10) % 2))


def test_labels_that_are_all_true_are_an_error():
    clean = examples(np.zeros((10, 1)), np.arange(10) % 2)
    planted = Flip(rate=0.01).plant(clean)
    with pytest.raises(RequestError, match="none of the 10 training labels differs"):
        Mislabelled().draw(planted)
