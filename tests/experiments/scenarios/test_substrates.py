"""Scenarios whose sizes were chosen for a CPU: what they are made of, and that they reach what docs/substrates.md says."""

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import DataError, SpecError
from untrain.core.spec import parse
from untrain.experiments.scenarios.base import ImageScenario
from untrain.experiments.scenarios.cifar10 import CIFAR10
from untrain.models.inference import logits


@pytest.fixture
def cifar(tmp_path, lay, squares):
    """300 noisy images in ten classes to train on, 100 to test on."""
    for part, n in (("train", 300), ("test", 100)):
        lay(tmp_path, part, squares(n, side=8), {"label": [i % 10 for i in range(n)]})
    return str(tmp_path)


@pytest.fixture
def clothes(tmp_path, lay, squares):
    """The same in grey, 28 x 28 pixels."""
    for part, n in (("train", 300), ("test", 100)):
        images = [image[:, :, 0] for image in squares(n, side=28)]
        lay(tmp_path, part, images, {"label": [i % 10 for i in range(n)]})
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "size", "epochs", "augment"),
    [("SmallFashion", 10_000, 8, 0), ("SmallCIFAR10", 10_000, 12, 0), ("FastCIFAR10", None, 2, 1)],
)
def test_small_residual_networks_differ_in_data_length_and_augmentation_alone(name, size, epochs, augment):
    made = parse(name)
    steps = made.learner().steps
    assert isinstance(made, ImageScenario)
    assert (made.size, steps.epochs, len(made.augment)) == (size, epochs, augment)
    assert repr(made.learner().model) == "ResNet9()"
    assert (steps.lr, steps.batch, steps.optimizer.decay_on, repr(steps.schedule)) == (0.8, 250, "weights", "Triangular()")
    assert size is None or size % steps.batch == 0, "no small last batch at a large step size"


def test_they_read_the_set_that_their_name_says(cifar):
    ours, theirs = parse(f"SmallCIFAR10(path={cifar!r}, size=100)").load(), CIFAR10(path=cifar, size=100).load()
    assert (ours.train.x == theirs.train.x).all()
    assert ours.test.ids.tolist() == theirs.test.ids.tolist()


@pytest.mark.parametrize("name", ["SmallCIFAR10", "FastCIFAR10"])
def test_they_run_from_end_to_end(cifar, name, tmp_path):
    scenario = f"{name}(path={cifar!r}, size=100, steps=Steps(epochs=1, batch=50))"
    found = ut.run(scenario, "Nothing", seeds=1, oracles=2, store=tmp_path / "store", precision="float32")
    assert [row["method"] for row in found["results"]] == ["Nothing()"]


def test_an_image_scenario_keeps_its_methods_to_itself():
    with pytest.raises(TypeError, match="defines load, which its role keeps for itself"):
        type("Odd", (ImageScenario,), {"load": lambda self: None, "__annotations__": {}})


def test_features_are_centred_and_their_deviations_fall(clothes):
    data = parse(f"FashionPCA(path={clothes!r}, size=200, components=20)").load()
    assert [tuple(part.x.shape) for part in (data.train, data.valid, data.test)] == [(200, 20), (20, 20), (100, 20)]
    assert np.abs(data.train.x.numpy().mean(0)).max() < 1e-5
    deviations = data.train.x.numpy().std(0)
    assert (np.diff(deviations) <= 1e-6).all()


def test_noise_is_planted_in_labels_and_leaves_features(clothes):
    plain = parse(f"FashionPCA(path={clothes!r}, size=200, components=20)").load()
    noisy = parse(f"FashionPCA(path={clothes!r}, size=200, components=20, noise=Flip(rate=0.5))").load()
    assert (plain.train.x == noisy.train.x).all()
    assert not (plain.train.y == noisy.train.y).all()
    assert (plain.train.y == noisy.train.true).all()


def test_more_components_than_images_are_refused(clothes):
    with pytest.raises(DataError, match="50 training images have fewer than 100 principal components"):
        parse(f"FashionPCA(path={clothes!r}, size=50)").load()
    with pytest.raises(SpecError, match="components="):
        parse("FashionPCA(components=785)")


def test_its_models_are_trained_many_at_once(clothes):
    from untrain.training.stacked import eligibility

    made = parse(f"FashionPCA(path={clothes!r}, size=200)")
    train = made.load().train
    assert eligibility.plain(made.learner(), train) is None
    assert eligibility.obstacle(made.learner(), train, 100) is None
    assert not eligibility.busy(made.learner().init(train, 0), made.steps.batch)


def accuracies(scenario):
    """Test and training accuracy of one model."""
    data, learner = scenario.load(), scenario.learner()
    model = learner(data.train, 0)
    return tuple(float((logits(model, p, learner.task).argmax(1) == p.y.numpy()).mean()) for p in (data.test, data.train))


def test_features_of_real_clothes_are_memorized(shared):
    test, train = accuracies(parse(f"FashionPCA(path={shared('fashion_mnist')!r}, size=2000)"))
    assert train > 0.99
    assert 0.78 < test < 0.85


@pytest.mark.slow
def test_real_clothes_are_memorized_in_half_a_minute(shared):
    test, train = accuracies(parse(f"SmallFashion(path={shared('fashion_mnist')!r})"))
    assert train > 0.97
    assert test > 0.88
