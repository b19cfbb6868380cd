"""Exact unlearning of a deterministic learner is audited from whatever is given: outputs, checkpoints, one oracle or several."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import BadInput, DataError

CONVEX = "WithLearner(scenario=Digits, by=ScikitLearn(tolerance=1e-6))"
STEPPED = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=1, batch=64))"


def outputs(unlearned, oracles, shift=0.0, **more):
    """One model's outputs, so many times as unlearned ones, shifted on the forget set, and as oracles."""
    draw, labels, sides = np.random.default_rng(0), np.arange(90) % 3, np.repeat(["forget", "retain", "test"], 30)
    model = draw.normal(size=(90, 3)) + 2 * np.eye(3)[labels]
    ours = model + shift * np.eye(3)[labels] * (sides == "forget")[:, None]
    return ut.Outputs(np.stack([ours] * unlearned), np.stack([model] * oracles), labels=labels, sides=sides, **more)


@pytest.mark.parametrize(("unlearned", "oracles"), [(1, 1), (1, 6), (3, 1), (3, 6), (8, 2)])
def test_one_retrained_model_stands_for_as_many_as_a_test_needs(unlearned, oracles, tmp_path):
    exact, off = (
        ut.audit(outputs(unlearned, oracles, shift, deterministic=True), store=tmp_path / "s", out=tmp_path / "o", replace=True)
        for shift in (0.0, 4.0)
    )
    assert exact["results"][0]["verdict"]["says"] == "indistinguishable"
    assert off["results"][0]["verdict"]["says"] == "distinguishable"
    (line,) = [line for line in exact["warnings"] if "spread over seeds is zero" in line]
    assert f"the {exact['oracles']} retrained models are the same one, which stands for all" in line
    assert not any("standard deviations between models" in line or "one seed" in line for line in exact["warnings"])
    scores = exact["results"][0]["scores"]
    assert scores["klom_forget"]["value"] is None
    assert "differ from seed to seed" in scores["klom_forget"]["reason"]
    assert scores["forget_gap"]["value"] == 0
    page = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "spread over seeds is zero" in page


@pytest.mark.parametrize(("unlearned", "oracles"), [(1, 1), (1, 6), (3, 6)])
def test_unless_it_is_said_the_refusal_names_the_option(unlearned, oracles, tmp_path):
    with pytest.raises(DataError, match=r"--deterministic"):
        ut.audit(outputs(unlearned, oracles), store=tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Checkpoints of what retraining gives: by a convex learner, and by one that the scenario takes for a stepped one."""
    folder = tmp_path_factory.mktemp("files")
    for name, scenario in (("convex", CONVEX), ("stepped", STEPPED)):
        parsed = ut.parse(scenario)
        train = parsed.load().train
        torch.save(parsed.learner()(train, seed=0).state_dict(), folder / f"{name}.pt")
    return folder


@pytest.mark.parametrize(("name", "scenario", "said"), [("convex", CONVEX, False), ("stepped", STEPPED, True)])
def test_checkpoints_are_audited_by_one_retrained_model(files, tmp_path, name, scenario, said):
    given = str(files / f"{name}.pt")
    found = ut.audit(ut.Checkpoints(given, given, deterministic=said), scenario=scenario, store=tmp_path / "s", out=tmp_path / "o")
    assert found["results"][0]["verdict"]["says"] == "indistinguishable"
    assert any("spread over seeds is zero" in line for line in found["warnings"])
    assert (tmp_path / "o" / "report.html").exists()


def test_of_a_stepped_learner_equal_checkpoints_are_refused_and_the_option_is_named(files, tmp_path):
    given = str(files / "stepped.pt")
    for oracles in ([given], [given, given]):
        with pytest.raises(DataError, match=r"--deterministic"):
            ut.audit(ut.Checkpoints(given, oracles), scenario=STEPPED, store=tmp_path)


def test_oracles_trained_here_by_steps_are_not_said_to_be_of_a_deterministic_learner(files, tmp_path):
    models = ut.Checkpoints(str(files / "stepped.pt"), oracles=19, deterministic=True)
    with pytest.raises(BadInput, match="follow their seed"):
        ut.audit(models, scenario=STEPPED, store=tmp_path)
