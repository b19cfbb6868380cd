"""Masks of stored models: found on what methods start from."""

from typing import ClassVar

import pytest
import torch

import untrain as ut
from untrain.experiments.jobs import do
from untrain.experiments.keys import Job, MaskId
from untrain.experiments.masks import mask_of
from untrain.experiments.scenarios.withlearner import WithLearner
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.localizers.base import Localizer
from untrain.runtime.store import Store
from untrain.training.keepers.checkpoint import Checkpoint


class Moved(Localizer):
    """The weights that moved since an earlier checkpoint, which is kept in training.

    Source: made up, so that something kept is needed.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "valid", "kept:Checkpoint"})

    def localize(self, model, problem):
        """Where the weights differ."""
        assert len(problem.valid) > 0
        before = problem.kept["Checkpoint"]
        return {name: p.detach() != before[name] for name, p in model.named_parameters()}


@pytest.fixture
def scene():
    plain = ut.parse("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=2))")
    learner = ut.Train(model=ut.parse("ConvNet(width=4)"), steps=plain.steps, keepers=(Checkpoint(at=1),))
    return open_scene(WithLearner(scenario=plain, by=learner), Setting())


def test_a_localizer_that_needs_what_a_keeper_saved_finds_its_mask_alone_as_in_a_run(scene, tmp_path):
    store, draw = Store(tmp_path), torch.random.get_rng_state()
    do(scene, Job("original", 0), 0, Setting(), store)
    alone = mask_of(scene, Moved(), MaskId(0), 0, Setting(), store)
    assert "error" not in alone.record
    method = ut.parse("Finetune(steps=Steps(epochs=1))") @ Moved()
    run = do(scene, Job("unlearned", 0, method), 0, Setting(), store)
    assert "error" not in run.record
    assert alone.record["layers"] == run.record["layers"]
    assert (alone.array("bits") == run.array("bits")).all()
    assert torch.equal(torch.random.get_rng_state(), draw)
