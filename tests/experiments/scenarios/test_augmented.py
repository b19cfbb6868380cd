"""The field ``augment`` of scenarios: whose training uses it, whose work does not, and what depends on it."""

from typing import ClassVar

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.spec import canonical, parse
from untrain.data.augmentations.base import Augment
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.augmentations.randomcrop import RandomCrop
from untrain.data.examples import take
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, model_ingredients
from untrain.experiments.scenarios.cifar10 import CIFAR10
from untrain.experiments.scenarios.digits import Digits
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.convnet import ConvNet
from untrain.runtime.store import Store, key_of

STEPS = ut.Steps(lr=0.05, epochs=2, batch=64)
IMAGES = ("CIFAR10", "CIFAR100", "Digits", "FashionMNIST", "ImageNet100", "MNIST", "SVHN")


class Counted(Augment):
    """Counts the images that it is given, and leaves them as they are.

    Source: none.
    """

    seen: ClassVar[list[int]] = []

    def change(self, x, rng):
        """The same images."""
        self.seen.append(len(x))
        return x


@pytest.fixture
def counted():
    Counted.seen.clear()
    return open_scene(Digits(model=ConvNet(width=2), steps=STEPS, augment=(Counted(),)), Setting())


def images():
    total = sum(Counted.seen)
    Counted.seen.clear()
    return total


@pytest.mark.parametrize("name", IMAGES)
def test_every_scenario_of_images_has_the_field_and_hands_it_to_its_learner(name):
    made = parse(f"{name}(augment=(RandomCrop(pad=2), HorizontalFlip()))")
    assert made.learner().augment == (RandomCrop(pad=2), HorizontalFlip())
    assert parse(repr(made)) == made
    assert parse(name).augment == parse(name).learner().augment


@pytest.mark.parametrize("name", [name for name in IMAGES if name != "ImageNet100"])
def test_it_is_off_by_default_and_spelled_only_when_it_is_on(name):
    assert parse(name).augment == ()
    assert repr(parse(name)) == f"{name}()"
    assert canonical(parse(name).learner()) == canonical(parse(f"{name}(augment=())").learner())


def test_originals_and_oracles_see_every_image_augmented_once_an_epoch_and_no_other(counted, tmp_path):
    store, n = Store(tmp_path), len(counted.data.train)
    run_job(counted, Job("original", 0), 0, Setting(), store)
    assert images() == 2 * n
    run_job(counted, Job("oracle", 0), 0, Setting(), store)
    assert images() == 2 * len(counted.retain) < 2 * n


@pytest.mark.parametrize(
    ("method", "passes"),
    [
        ("Finetune(steps=Steps(lr=0.01, epochs=3))", lambda r, f: 3 * r),
        ("ResetFinetune(steps=Steps(lr=0.01, epochs=1)) @ WeightedGrad(keep=0.3)", lambda r, f: r),
        ("RandomLabel(steps=Steps(lr=0.01, epochs=2))", lambda r, f: 2 * (r + f)),
        ("GradAscent(steps=Steps(lr=0.001, epochs=2))", lambda r, f: 2 * f),
        ("Retrain()", lambda r, f: 2 * r),
        ("SSD(select=1.0)", lambda r, f: 0),
        ("Nothing()", lambda r, f: 0),
    ],
)
def test_unlearners_augment_what_they_step_on_and_nothing_else(counted, tmp_path, method, passes):
    store = Store(tmp_path)
    run_job(counted, Job("original", 0), 0, Setting(), store)
    images()
    entry = run_job(counted, Job("unlearned", 0, parse(method)), 0, Setting(), store)
    assert entry.record.get("error") is None
    assert images() == passes(len(counted.retain), len(counted.forget_set.rows))


@pytest.mark.parametrize("localizer", ["WeightedGrad", "Gradient", "Fisher", "CriticalNeurons(keep=0.1)", "RandomMask"])
def test_localizers_see_images_as_they_are(counted, localizer):
    net = counted.learner.init(counted.data.train, 0).eval()
    problem = ut.problem(counted.data.train, counted.forget_set, counted.learner)
    parse(localizer)(net, problem)
    assert images() == 0


def test_the_seed_decides_what_is_learned(counted):
    learner = Digits(model=ConvNet(width=2), steps=STEPS, augment=(RandomCrop(pad=1), HorizontalFlip())).learner()
    data = take(counted.data.train, np.arange(300))
    one, same, other = (learner(data, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_keys_of_models_depend_on_it():
    keys = set()
    for augment in ((), (HorizontalFlip(),), (RandomCrop(pad=1),), (RandomCrop(pad=1), HorizontalFlip())):
        scene = open_scene(Digits(model=ConvNet(width=2), steps=STEPS, augment=augment), Setting())
        keys |= {key_of(model_ingredients(scene, Job(kind, 0), 0, Setting())) for kind in ("original", "oracle")}
        keys.add(key_of(model_ingredients(scene, Job("unlearned", 0, parse("Finetune")), 0, Setting())))
    assert len(keys) == 4 * 3


def test_it_is_spelled_as_the_docs_say():
    assert CIFAR10(augment=(RandomCrop(), HorizontalFlip())) == parse("CIFAR10(augment=(RandomCrop(), HorizontalFlip()))")
    assert repr(CIFAR10(augment=(RandomCrop(), HorizontalFlip()))) == "CIFAR10(augment=(RandomCrop(), HorizontalFlip()))"
