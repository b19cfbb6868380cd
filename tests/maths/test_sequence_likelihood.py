"""Margins of mean losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths import logits, sequence_likelihood


def test_of_a_probability_of_three_quarters():
    loss = -np.log(0.75)
    assert float(sequence_likelihood.confidences(loss)) == pytest.approx(0.75)
    assert float(sequence_likelihood.margins(loss)) == pytest.approx(np.log(3))


@given(st.floats(-12, 12))
def test_of_one_token_out_of_two_it_is_the_margin_of_its_logits(margin):
    answers, labels = np.array([[[margin, 0.0]]]), np.array([0])
    loss = logits.losses(answers, labels)
    assert sequence_likelihood.margins(loss) == pytest.approx(logits.margins(answers, labels), abs=1e-6, rel=1e-6)


def test_no_loss_has_an_infinite_margin():
    found = sequence_likelihood.margins(np.array([0.0, 1e-30, 500.0], dtype=np.float32))
    assert np.isfinite(found).all()
    assert found[0] == found[1] == pytest.approx(16.6, abs=0.1)
    assert found[2] == -500
