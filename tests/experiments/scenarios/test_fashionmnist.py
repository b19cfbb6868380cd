"""FashionMNIST, as far as it differs from other published images."""

from pathlib import Path

import pytest

from untrain.core.spec import parse
from untrain.experiments.scenarios.fashionmnist import FashionMNIST

FOLDER = Path(__file__).parents[3] / ".." / "shared" / "data" / "fashion_mnist"


def test_real_images_load_in_balanced_parts():
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not on this machine")
    data = FashionMNIST(path=str(FOLDER), size=200).load()
    assert [tuple(part.x.shape) for part in (data.train, data.valid, data.test)] == [
        (200, 1, 28, 28),
        (20, 1, 28, 28),
        (200, 1, 28, 28),
    ]
    assert all(part.y.bincount(minlength=10).unique().numel() == 1 for part in (data.train, data.valid, data.test))


def test_its_spelling_reads_back_and_its_learner_has_its_network():
    made = parse("FashionMNIST(path='somewhere', size=100)")
    assert parse(repr(made)) == made
    assert repr(made.learner().model) == "ConvNet()"
