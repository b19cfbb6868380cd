"""Whatever a request, a scenario or a data set does in any of its verbs is named, put back, and spoils nothing."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from torch.nn import functional as F

from covering import quick, thin
from untrain.commands import memorize, run
from untrain.commands.arguments import oracles_alone
from untrain.core import foreign, process_settings
from untrain.core.errors import BrokenPromise, RunFailed
from untrain.data.readers.convert import examples
from untrain.experiments.draw_request import chooser
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.mlp import MLP
from untrain.runtime.store import Store
from untrain.training.learners.train import Train
from untrain.training.problem import problem

ACTS = ("grad mode", "default dtype", "threads", "environment", "function of torch", "optimizer", "folder", "output replaced")
OF_REQUESTS = ("draw", "replacement", "everywhere", "ensemble")
OF_SCENARIOS = ("load", "learner")


@pytest.fixture
def bad():
    """The module of bad requests, as workers import it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import bad_requests

        bad_requests.BLOCKS.clear()
        yield bad_requests
        sys.modules.pop("bad_requests", None)
        sys.modules.pop("bad_methods", None)


def settings():
    return {each.what: each.read() for each in process_settings.settings() if each.blamed}


def opened(scenario, home):
    return open_scene(scenario, Setting(), chooser(Store(home), Setting()))


def makers(bad, act):
    """Of each kind, what does the act in a verb, by the verb."""
    made = {verb: bad.BadScenario(request=bad.BadRequest(verb=verb, act=act)) for verb in OF_REQUESTS}
    return made | {verb: bad.BadScenario(verb=verb, act=act) for verb in OF_SCENARIOS}


@pytest.mark.parametrize("act", thin(ACTS, 3))
def test_each_verb_is_named_and_what_it_changed_is_put_back(bad, act, tmp_path, capsys):
    for verb, scenario in makers(bad, act).items():
        before, relu = settings(), F.relu
        kind = "BadRequest" if verb in OF_REQUESTS else "BadScenario"
        with pytest.raises(BrokenPromise, match=rf"{kind}\(.*act='{act}'.*{bad.bad_methods.LEFT[act][1]}"):
            opened(scenario, tmp_path)
        assert settings() == before, verb
        assert F.relu is relu, verb
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("act", quick(["exit 0", "interrupt", "generator's exit"], "interrupt"))
def test_no_verb_ends_the_process(bad, act, tmp_path):
    for verb, scenario in makers(bad, act).items():
        with pytest.raises(RunFailed, match="tried to end the process") as failed:
            opened(scenario, tmp_path)
        assert re.search(bad.bad_methods.FAILS[act][1], str(failed.value)), verb


def test_each_verb_runs_in_one_block(bad, tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "ProcessState", bad.CountedState)
    scenario = bad.BadScenario()
    run.run(scenario, "Finetune", tmp_path / "store", seeds=1, oracles=2, evaluators="Accuracy", threads=1, workers=1)
    memorize.memorize(scenario, store=tmp_path / "store", models=16, price=True)
    oracles_alone(scenario, 2, 0)
    assert {verb for verb, _ in bad.BLOCKS} == {*OF_REQUESTS, *OF_SCENARIOS, "made_elsewhere"}
    assert {verb for verb, depth in bad.BLOCKS if depth != 1} == set()


def test_a_request_in_a_problem_is_held_to_the_same(bad):
    data = examples(np.arange(200.0).reshape(100, 2), np.arange(100) % 2)
    for verb in ("draw", "replacement", "everywhere"):
        before = settings()
        with pytest.raises(BrokenPromise, match=rf"BadRequest\(verb='{verb}'.*default dtype"):
            problem(data, bad.BadRequest(verb=verb, act="default dtype"), Train(model=MLP()), valid=data)
        assert settings() == before


def test_what_a_request_of_own_data_names_before_they_are_split_is_held_to_the_same(bad, tmp_path):
    from untrain.experiments.scenarios.custom import Custom

    x, y = np.arange(200.0).reshape(100, 2), np.arange(100) % 2
    by = bad.BadRequest(verb="named", act="default dtype")
    with pytest.raises(BrokenPromise, match=r"BadRequest\(verb='named'.*default dtype"):
        opened(Custom(train=(x, y), test=(x, y), model=MLP(), request=by), tmp_path)


@pytest.mark.parametrize("act", ["default dtype", "function of torch"])
def test_data_sets_are_held_to_the_same(bad, act, tmp_path, capsys):
    before, relu = settings(), F.relu
    said = rf"BadRows left .*{bad.bad_methods.LEFT[act][1]}"
    for options in ({}, {"on_disk": tmp_path / "rows"}):
        with pytest.raises(BrokenPromise, match=said):
            examples(bad.BadRows(act), **options)
        assert settings() == before
        assert F.relu is relu
    assert capsys.readouterr().out == ""


def test_no_model_is_made_under_a_patch_of_the_request(bad, tmp_path):
    scenario = bad.BadScenario(request=bad.BadRequest(verb="replacement", act="optimizer"))
    with pytest.raises(BrokenPromise, match=r"SGD\.step"):
        run.run(scenario, "Finetune", tmp_path, seeds=1, oracles=2, evaluators="Accuracy", threads=1, workers=1)
    assert Store(tmp_path).entries() == []
