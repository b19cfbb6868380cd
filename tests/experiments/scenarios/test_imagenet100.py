"""ImageNet100: what is kept, what training sees, and what is seen wherever else a model is asked."""

import numpy as np
import pytest
import torch
from datasets import ClassLabel
from datasets import Image as Picture
from PIL import Image

import untrain as ut
from untrain.core.errors import DataError
from untrain.core.spec import parse
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.augmentations.randomresizedcrop import RandomResizedCrop
from untrain.data.on_disk import OnDisk
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, model_ingredients
from untrain.experiments.scenarios.imagenet100 import CROP, MEAN, SIDE, STD, ImageNet100
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.resnet import ResNet
from untrain.models.inference import logits
from untrain.runtime.store import Store
from untrain.training.steps import Steps

SMALL = "model=ConvNet(width=2), steps=Steps(lr=0.01, epochs=1, batch=16)"


def photos(n, seed=0):
    """Noise of various shapes, some grey; none is as large as 160 pixels."""
    rng = np.random.default_rng(seed)
    made = [rng.integers(0, 256, (int(h), int(w), 3), dtype=np.uint8) for h, w in rng.integers(20, 60, (n, 2))]
    return [image[:, :, 0] if at % 5 == 4 else image for at, image in enumerate(made)]


@pytest.fixture
def folder(tmp_path, lay):
    """60 images to train on in two files, 20 to test on, of ten of the hundred classes."""
    lay(tmp_path, "train", photos(60), {"label": [i % 10 for i in range(60)]}, shards=2)
    return lay(tmp_path, "validation", photos(20, seed=1), {"label": [i % 10 for i in range(20)]})


@pytest.fixture
def spelled(folder, tmp_path):
    return f"ImageNet100(path={folder!r}, on_disk={str(tmp_path / 'kept')!r}, {SMALL})"


def test_images_of_any_shape_become_squares_that_stay_on_disk(spelled, tmp_path):
    data = parse(spelled).load()
    assert [len(part) for part in (data.train, data.valid, data.test)] == [50, 10, 20]
    assert all(isinstance(part.x, OnDisk) and part.x.shape[1:] == (3, SIDE, SIDE) for part in (data.train, data.valid, data.test))
    assert data.train.classes == 100
    for part, given in ((data.train, photos(60)), (data.valid, photos(60)), (data.test, photos(20, seed=1))):
        for row in (0, len(part) - 1):
            at = int(part.ids[row])
            assert int(part.y[row]) == at % 10
            # As torchvision does it: the shorter side to 160, then the middle.
            image = Image.fromarray(given[at]).convert("RGB")
            w, h = image.size
            to = (SIDE, int(SIDE * h / w)) if w <= h else (int(SIDE * w / h), SIDE)
            left, top = (round((side - SIDE) / 2.0) for side in to)
            square = np.asarray(image.resize(to, Image.Resampling.BILINEAR))[top : top + SIDE, left : left + SIDE]
            assert (part.x[row].numpy() == square.transpose(2, 0, 1)).all()


def test_in_memory_they_are_the_same(spelled, folder):
    disk, memory = parse(spelled).load(), parse(f"ImageNet100(path={folder!r}, on_disk='', {SMALL})").load()
    for a, b in ((disk.train, memory.train), (disk.valid, memory.valid), (disk.test, memory.test)):
        assert isinstance(b.x, torch.Tensor)
        assert torch.equal(a.x[:], b.x)
        assert torch.equal(a.y, b.y)
        assert (a.ids == b.ids).all()


def test_they_are_decoded_once_whatever_is_asked_of_them(spelled, monkeypatch):
    whole = parse(spelled).load()
    monkeypatch.setattr("untrain.data.readers.pillow.square", None)
    again, some = parse(spelled).load(), parse(spelled.replace("path=", "size=20, path=")).load()
    assert torch.equal(again.train.x[:], whole.train.x[:])
    assert some.train.y.bincount().tolist() == [2] * 10
    assert len(some.valid) == 2


def test_other_files_are_decoded_anew(spelled, folder, tmp_path, lay):
    before = parse(spelled).load()
    lay(tmp_path, "validation", photos(30, seed=2), {"label": [i % 10 for i in range(30)]})
    after = parse(spelled).load()
    assert len(after.test) == 30
    assert torch.equal(after.train.x[:], before.train.x[:])


def test_the_hub_is_asked_for_its_validation_part(hub, tmp_path):
    asked, answer = hub
    for split, n in (("train", 40), ("validation", 10)):
        labels = {"label": [i % 100 for i in range(n)]}
        answer(split, photos(n), labels, image=Picture(), label=ClassLabel(num_classes=100))
    data = ImageNet100(on_disk=str(tmp_path)).load()
    assert asked == [("clane9/imagenet-100", None, {"split": split}) for split in ("train", "validation")]
    assert (len(data.train) + len(data.valid), len(data.test)) == (40, 10)
    ImageNet100(on_disk=str(tmp_path)).load()
    assert len(asked) == 2, "the second time the images lie on disk"


def test_a_local_part_to_test_on_may_be_called_test(tmp_path, lay):
    for part in ("train", "test"):
        lay(tmp_path, part, photos(20), {"label": [i % 10 for i in range(20)]})
    assert len(parse(f"ImageNet100(path={str(tmp_path)!r}, on_disk='')").load().test) == 20


def test_an_image_that_cannot_be_decoded_is_told_by_its_row(tmp_path, lay):
    images = photos(8)
    images[5] = {"bytes": b"\x89PNG and nothing", "path": None}
    lay(tmp_path, "train", images, {"label": range(8)})
    folder = lay(tmp_path, "validation", photos(8), {"label": range(8)})
    with pytest.raises(DataError, match=r"train.parquet: column 'image', row 5 is not an image that can be read: ") as caught:
        ImageNet100(path=folder, on_disk=str(tmp_path / "kept")).load()
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "kept").iterdir())


def test_all_but_training_asks_about_the_normalised_middle(spelled):
    """The paper's mask and accuracies used random crops; here they use the test transform."""
    scene = open_scene(parse(spelled), Setting())
    net = scene.learner.init(scene.data.train, 0).eval()
    seen = []
    net[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    middle = ((scene.data.train.x[:].float() / 255)[:, :, 16:144, 16:144] - mean) / std

    def known():
        """Of each image that the network saw, whether it is the middle of one of the training set's."""
        found = torch.cat(seen)
        seen.clear()
        return (found[:, None] - middle[None]).flatten(2).abs().amax(2).amin(1) < 1e-5

    logits(net, scene.data.train, scene.task)
    assert torch.equal(torch.cat(seen), middle)
    seen.clear()
    problem = ut.problem(scene.data.train, scene.forget_set, scene.learner)
    ut.parse("WeightedGrad(keep=0.5)")(net, problem)
    asked = known()
    assert len(asked) >= len(problem.forget)
    assert asked.all()
    ut.parse("Finetune(steps=Steps(lr=0.01, epochs=1, batch=16))")(net, problem)
    stepped = known()
    assert len(stepped) >= len(problem.retain)
    assert stepped.float().mean() < 0.1


def test_training_sees_random_crops_of_its_size(spelled):
    scenario = parse(spelled)
    data = scenario.load()
    learner = scenario.learner()
    rng = np.random.default_rng(0)
    x = data.train.x[:8]
    for change in learner.augment:
        x = change(x, rng)
    assert x.shape == (8, 3, CROP, CROP)
    assert x.dtype == torch.uint8
    one, same, other = (learner(data.train, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_run_goes_from_files_to_answers(spelled, tmp_path):
    scene = open_scene(parse(spelled), Setting())
    store = Store(tmp_path / "store")
    method = ut.parse("NegGrad(steps=Steps(lr=0.01, epochs=1, batch=16)) @ WeightedGrad(keep=0.5)")
    for job in (Job("original", 0), Job("oracle", 0), Job("unlearned", 0, method)):
        entry = run_job(scene, job, 0, Setting(), store)
        assert entry.record.get("error") is None
        answers = entry.tensors("weights")
        assert all(np.isfinite(a).all() for a in answers.values())


def test_augmentation_is_part_of_the_key(spelled):
    plain = spelled.replace("path=", "augment=(), path=")
    one, other = (model_ingredients(open_scene(parse(s), Setting()), Job("original", 0), 0, Setting()) for s in (spelled, plain))
    assert one["data"] == other["data"]
    assert one["learner"] != other["learner"]


def test_a_model_that_normalises_itself_gets_the_middle_as_it_is(spelled):
    own = "model=Preprocessed(model=ConvNet(width=2), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))"
    scenario = parse(spelled.replace("model=ConvNet(width=2)", own))
    x = scenario.load().train.x[:4].float() / 255
    net = scenario.learner().init(scenario.load().train, 0).eval()
    seen = []
    net[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(x)
    assert torch.equal(seen[0], (x[:, :, 16:144, 16:144] - 0.5) / 0.25)
    checkpoint = parse("ImageNet100(model=HuggingFace(checkpoint='owner/name'))").learner().model
    assert (checkpoint.crop, checkpoint.mean, checkpoint.std) == (CROP, (), ())


def test_its_defaults_are_dels():
    learner = ImageNet100().learner()
    assert learner.model.model == ResNet(depth=50)
    assert learner.model.crop == 128
    assert learner.steps == Steps(lr=0.1, epochs=100)
    assert learner.augment == (RandomResizedCrop(size=128), HorizontalFlip())
    assert repr(ImageNet100()) == "ImageNet100()"
    assert parse("ImageNet100(augment=())").augment == ()
    assert sum(p.numel() for p in learner.model.build((3, 160, 160), 100).parameters()) == 23_712_932
    assert ConvNet(width=2) == parse(f"ImageNet100({SMALL})").model
