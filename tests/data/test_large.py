"""Data on disk give the results of the same data in memory, bit for bit, and never lie in memory whole."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from torch import nn

import untrain as ut
from untrain.data.augmentations.randomcrop import RandomCrop
from untrain.data.examples import take
from untrain.data.near_duplicates import near_duplicates
from untrain.data.on_disk import OnDisk
from untrain.data.requests.random import Random
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, model_ingredients
from untrain.experiments.scenarios.custom import Custom
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.convnet import ConvNet
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.runtime.store import Store
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

METHODS = (
    "Finetune(steps=Steps(epochs=1, batch=16))", "NegGrad(steps=Steps(epochs=1, batch=16)) @ WeightedGrad()",
    "RandomLabel(draw='once', steps=Steps(epochs=1, batch=16))", "RandomLabel(steps=Steps(epochs=1, batch=16))", "Retrain()",
)  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same examples on disk and in memory; rows 3 and 70 are alike."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (90, 1, 8, 8), dtype=np.uint8), np.arange(90) % 3
    x[70] = x[3]
    return ut.examples(x, y, on_disk=tmp_path_factory.mktemp("large")), ut.examples(x, y)


@pytest.mark.parametrize("method", METHODS)
def test_models_learn_and_forget_alike(both, method):
    learner = Train(model=ConvNet(width=4), steps=Steps(lr=0.05, epochs=2, batch=16), augment=(RandomCrop(pad=1),))
    told = []
    for held in both:
        model = learner(held, seed=3)
        problem = ut.problem(held, [3, 5, 8, 40], learner, seed=4)
        forgot = ut.parse(method).run(model, problem)
        told.append(
            (problem.digest, forgot.cost.flops, logits(model, held, Classification()), logits(forgot.model, held, Classification()))
        )
    (one, other) = told
    assert one[:2] == other[:2]
    assert (one[2] == other[2]).all()
    assert (one[3] == other[3]).all()


def test_duplicates_are_found_alike(both):
    found = []
    for held in both:
        rows = np.array([3, 5, 8])
        rest = np.setdiff1d(np.arange(len(held)), rows)
        found.append(near_duplicates(take(held, rows), take(held, rest)))
    one, other = found
    assert one.counts == other.counts == {"forget": 3, "near": 1, "exact": 1}
    assert (one.nearest == other.nearest).all()
    assert (one.distance == other.distance).all()


def test_the_store_knows_no_difference(both):
    scenes = [open_scene(Custom(train=held, test=held, model=ConvNet(), request=Random(fraction=0.1)), Setting()) for held in both]
    one, other = (model_ingredients(s, Job("unlearned", 0, ut.parse("Finetune")), 0, Setting()) for s in scenes)
    assert one == other
    assert repr(scenes[0].scenario) == repr(scenes[1].scenario)


def test_no_read_takes_more_than_an_eighth_of_the_data(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    held = ut.examples(rng.integers(0, 255, (4200, 1, 4, 4), dtype=np.uint8), np.arange(4200) % 3, on_disk=tmp_path)
    monkeypatch.setattr("untrain.data.on_disk.PIECE", 4000)
    monkeypatch.setattr("untrain.data.near_duplicates.FLOATS", 4000)
    largest, read = [], OnDisk._read

    def watched(self, rows):
        largest.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(OnDisk, "_read", watched)
    model = lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 3))  # noqa: E731
    scene = open_scene(Custom(train=held, test=held, model=model, steps=Steps(epochs=2)), Setting())
    store = Store(tmp_path / "store")
    for job in (Job("original", 0), Job("oracle", 0), Job("unlearned", 0, ut.parse("NegGrad @ WeightedGrad(keep=0.5)"))):
        assert run_job(scene, job, 0, Setting(), store).record.get("error") is None
    forget = np.asarray(scene.forget_set.rows)
    near_duplicates(take(scene.data.train, forget), take(scene.data.train, scene.retain))
    assert sum(largest) > 10 * 4200
    assert max(largest) <= 4200 / 8


SCRIPT = """
    import sys
    import numpy as np
    import torch
    from torch import nn

    torch.set_num_threads(1)
    import untrain as ut
    from untrain.core.metering import metered
    from untrain.data.examples import take
    from untrain.training.steps import Steps
    from untrain.data.near_duplicates import near_duplicates
    from untrain.data.requests.random import Random
    from untrain.experiments.scenarios.custom import Custom
    from untrain.experiments.scene import open_scene
    from untrain.experiments.setting import Setting
    from untrain.models.inference import logits
    from untrain.models.tasks.classification import Classification

    folder, rows = sys.argv[1], int(sys.argv[2])


    def pieces(n):
        rng = np.random.default_rng(0)
        base = rng.integers(0, 255, (400, 3, 64, 64), dtype=np.uint8)
        for at in range(n // 400):
            yield np.roll(base, 7 * at, axis=3), rng.integers(0, 4, 400)


    def net():
        return nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, 4))


    def work(n):
        train, test = (ut.examples(pieces(m), on_disk=folder) for m in (n, 800))
        scene = open_scene(Custom(train=train, test=test, model=net,
        request=Random(fraction=0.01), steps=Steps(epochs=1)), Setting())
        model = scene.learner(take(scene.data.train, scene.retain), 0)
        problem = ut.problem(scene.data.train, scene.forget_set, scene.learner)
        forgot = ut.parse("NegGrad(steps=Steps(epochs=1)) @ WeightedGrad(keep=0.5)")(model, problem)
        near_duplicates(problem.forget, problem.retain)
        logits(forgot, scene.data.train, Classification())


    def peak(n):
        with metered() as meter:
            work(n)
            return meter.read().peak


    small = peak(2000)
    print((peak(rows) - small) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a peak so")
def test_work_on_590_megabytes_takes_little_more_memory_than_on_25(tmp_path):
    rows = 48_000
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT), str(tmp_path), str(rows)],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert rows * 3 * 64 * 64 / 1e6 > 580
    assert float(found.stdout.split()[-1]) < 240
