"""Answers of made-up models, by the files that an audit is given."""

import numpy as np
import pytest


@pytest.fixture
def made():
    """Three unlearned models, six oracles and two originals on forty examples of four classes."""
    draw = np.random.default_rng(0)
    labels = draw.integers(4, size=40)
    side = np.repeat(["forget", "retain", "test"], [8, 20, 12])
    found = {"labels": labels, "sides": side}
    for who, count, shift in (("unlearned", 3, 0.5), ("oracles", 6, 0.0), ("originals", 2, 3.0)):
        logits = draw.normal(size=(count, 40, 4)).astype(np.float32)
        logits[:, np.arange(40), labels] += 1 + shift * (side == "forget")
        found[who] = logits
    return found
