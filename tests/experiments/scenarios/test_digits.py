"""The digits of scikit-learn."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from untrain.core.spec import parse
from untrain.data.noise.flip import Flip
from untrain.data.requests.mislabelled import Mislabelled
from untrain.data.requests.resolve import request
from untrain.experiments.scenarios.digits import Digits


def test_the_parts_share_no_image_and_leave_none_out():
    data = Digits().load()
    ids = np.concatenate([data.train.ids, data.valid.ids, data.test.ids])
    assert sorted(ids.tolist()) == list(range(1797))
    assert (len(data.train), len(data.valid), len(data.test)) == (1258, 180, 359)


def test_an_id_is_the_place_in_the_source():
    bunch, data = load_digits(), Digits().load()
    for part in (data.train, data.valid, data.test):
        assert torch.equal(part.x[:, 0] * 16, torch.from_numpy(bunch.images[part.ids]).float())
        assert part.y.tolist() == bunch.target[part.ids].tolist()


def test_pixels_are_in_0_to_1_and_classes_in_each_part_are_balanced():
    data = Digits().load()
    assert data.train.x.dtype == torch.float32
    assert (float(data.train.x.min()), float(data.train.x.max())) == (0, 1)
    assert all(torch.bincount(part.y).float().std() < 3 for part in (data.train, data.valid, data.test))


def test_noise_is_planted_in_the_training_labels_only():
    clean, noisy = Digits().load(), Digits(noise=Flip(rate=0.2)).load()
    assert int((noisy.train.y != clean.train.y).sum()) == round(0.2 * 1258)
    assert torch.equal(noisy.train.true, clean.train.y)
    for part in (noisy.valid, noisy.test):
        assert torch.equal(part.y, part.true)


def test_noise_and_its_request_meet():
    scenario = Digits(noise=Flip(rate=0.2), request=Mislabelled())
    assert len(request(scenario.load().train, scenario.request).rows) == round(0.2 * 1258)


def test_two_loads_are_the_same():
    assert torch.equal(Digits().load().train.x, Digits().load().train.x)


def test_its_spelling_carries_its_request():
    made = parse("Digits(request=Random(fraction=0.1, classes=(2, 5)), noise=Flip)")
    assert parse(repr(made)) == made
    assert made.learner().model == made.model
