"""SVHN, as far as it differs from other published images."""

import numpy as np
import pytest
from datasets import ClassLabel, Image

from untrain.core.errors import DataError
from untrain.core.spec import parse
from untrain.data.requests.resolve import request
from untrain.experiments.scenarios.svhn import SVHN
from untrain.models.architectures.vit import ViT
from untrain.training.steps import Steps


def test_a_local_folder_is_read_with_all_its_labels(tmp_path, lay, squares):
    lay(tmp_path, "train", squares(100), {"label": [i % 10 for i in range(100)]}, shards=3)
    folder = lay(tmp_path, "test", squares(30, seed=1), {"label": [i % 10 for i in range(30)]})
    data = SVHN(path=folder).load()
    assert (len(data.train), len(data.valid), len(data.test)) == (90, 10, 30)
    assert data.train.x.shape[1:] == (3, 32, 32)
    for part in (data.train, data.valid, data.test):
        assert part.x[:, 0, 0, 0].tolist() == part.ids.tolist()
        assert (part.y.numpy() == part.ids % 10).all()


def test_the_hub_is_asked_for_cropped_digits(hub, squares):
    asked, answer = hub
    for split, n in (("train", 50), ("test", 20)):
        answer(split, squares(n), {"label": [i % 10 for i in range(n)]}, image=Image(), label=ClassLabel(num_classes=10))
    data = SVHN().load()
    assert asked == [("ufldl-stanford/svhn", "cropped_digits", {"split": split}) for split in ("train", "test")]
    assert data.train.x[:, 0, 0, 0].tolist() == data.train.ids.tolist()
    assert len(data.test) == 20


def test_dels_forget_set_is_a_tenth_from_classes_3_and_6(tmp_path, lay, squares):
    y = [i % 10 for i in range(200)]
    lay(tmp_path, "train", squares(200), {"label": y})
    folder = lay(tmp_path, "test", squares(20), {"label": y[:20]})
    made = parse(f"SVHN(path={folder!r}, request=Random(fraction=0.1, classes=(3, 6)))")
    train = made.load().train
    rows = np.array(request(train, made.request).rows)
    assert len(rows) == 18  # of 180 that are trained on
    assert set(train.y[rows].tolist()) == {3, 6}


def test_a_label_that_the_set_cannot_have_is_told_in_one_line(tmp_path, lay, squares):
    """The original files call the digit 0 by the label 10."""
    lay(tmp_path, "train", squares(40), {"label": [i % 10 + 1 for i in range(40)]})
    folder = lay(tmp_path, "test", squares(10), {"label": list(range(10))})
    with pytest.raises(DataError, match=r"y holds the label 10 in row \d+: labels have to be 0 to 9"):
        SVHN(path=folder).load()


def test_its_defaults_are_dels():
    learner = SVHN().learner()
    assert learner.model == ViT()
    assert learner.steps == Steps(lr=0.05, epochs=30)
    assert learner.augment == ()
    assert repr(SVHN()) == "SVHN()"
    assert parse(repr(SVHN(size=100))) == SVHN(size=100)
    assert sum(p.numel() for p in learner.model.build((3, 32, 32), 10).parameters()) == 11_013_518


@pytest.mark.net
def test_the_hub_has_the_published_numbers_of_images():
    data = SVHN().load()
    assert len(data.train) + len(data.valid) == 73_257
    assert len(data.test) == 26_032
    whole = data.train.y.bincount() + data.valid.y.bincount()
    assert (whole[3], whole[6]) == (8497, 5727)
