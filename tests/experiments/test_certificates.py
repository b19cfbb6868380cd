"""Certificates reach the records and the results of a run."""

import json

import pytest

import untrain as ut
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job
from untrain.experiments.model_facts import certificates, notes
from untrain.experiments.scenarios.withlearner import WithLearner
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store


@pytest.mark.parametrize("tuned", [False, True])
def test_a_run_has_the_certificate_of_each_model_and_says_it_in_a_note(tmp_path, tuned):
    by = ut.Convex(l2=1.0, bias="penalised", tuned=tuned, keepers=(ut.HessianFactor(),))
    scene = open_scene(WithLearner(scenario=ut.Digits(), by=by), Setting())
    method = ut.CertifiedNewton(radius=9.0)
    entry = run_job(scene, Job("unlearned", 0, method), 0, Setting(), Store(tmp_path))
    assert entry.record.get("error") is None
    (found,) = certificates([entry])
    assert (found["guarantee"] is None) == tuned
    known = "certified only for who cannot read the seed of its noise, which is on record beside these results: within"
    assert any(note.startswith("not certified: the learner's fields" if tuned else known) for note in notes([entry]))
    assert found["recorded"]
    assert "measured" not in found  # by it who reads the results has the step without its noise
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    plain = run_job(scene, Job("unlearned", 0, ut.Newton()), 0, Setting(), Store(tmp_path))
    assert certificates([plain]) == []
