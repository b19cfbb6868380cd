"""MNIST, and the clothes that have its shape, as far as they differ from other published images."""

import pytest

from untrain.core.spec import parse


@pytest.mark.parametrize(("name", "folder"), [("MNIST", "mnist"), ("FashionMNIST", "fashion_mnist")])
def test_real_images_load_in_balanced_parts(name, folder, shared):
    data = parse(f"{name}(path={shared(folder)!r}, size=200)").load()
    shapes = [tuple(part.x.shape) for part in (data.train, data.valid, data.test)]
    assert shapes == [(200, 1, 28, 28), (20, 1, 28, 28), (200, 1, 28, 28)]
    assert all(part.y.bincount(minlength=10).unique().numel() == 1 for part in (data.train, data.valid, data.test))


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_its_spelling_reads_back_and_its_learner_has_its_network(name):
    made = parse(f"{name}(path='somewhere', size=100)")
    assert parse(repr(made)) == made
    assert repr(made.learner().model) == "ConvNet()"
