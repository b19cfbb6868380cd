"""What a record spells is made, and nothing is imported for it."""

import sys

import pytest

from untrain.core.errors import StoreError
from untrain.evaluation.observers.base import Observer
from untrain.experiments.stored_specs import parse_stored, unknown_names
from untrain.models.tasks.base import Task

CLASS = "class Seen:\n    pass\n"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A module that could be imported, and a package with a lazy name."""
    (tmp_path / "planted_spec.py").write_text(CLASS)
    monkeypatch.syspath_prepend(tmp_path)
    yield "planted_spec"
    sys.modules.pop("planted_spec", None)


def test_what_is_installed_is_made():
    assert repr(parse_stored("Relearn()", Observer)) == "Relearn()"
    assert repr(parse_stored("Classification()", Task)) == "Classification()"


@pytest.mark.parametrize(
    "spelling",
    ["planted_spec.Seen", "planted_spec.Seen()", "Relearn(steps=planted_spec.Seen())", "Relearn() @ planted_spec.Seen",
     "os.system('true')", "planted_spec.a.b.Seen()", "untrain.DEL()", "(lambda: planted_spec.Seen)()"],
)  # fmt: skip
def test_a_dotted_name_is_refused_and_its_module_stays_unimported(planted, spelling):
    with pytest.raises(StoreError, match="nothing is imported because a store says so"):
        parse_stored(spelling, Observer)
    assert planted not in sys.modules


def test_a_class_that_was_imported_before_is_known(planted):
    assert unknown_names("planted_spec.Seen()") == ["planted_spec.Seen"]
    __import__(planted)
    assert unknown_names("planted_spec.Seen()") == []


@pytest.mark.parametrize(
    "spelling", ["", "(", "a.b" * 50_000 + "(", "[" * 10_000, "\0", "Relearn(nonsense=1)", "3", "NoSuchThing()"]
)
def test_what_spells_nothing_gives_one_line(spelling):
    with pytest.raises(StoreError) as told:
        parse_stored(spelling, Observer)
    assert "\n" not in str(told.value)


def test_a_spelling_of_another_role_is_refused():
    with pytest.raises(StoreError, match="where one makes a Task"):
        parse_stored("Relearn()", Task)


WATCH = '''
from typing import ClassVar

from untrain.evaluation.base import Measure, Part, ScoreInfo
from untrain.evaluation.observers.base import Observer


class Watch(Observer):
    """The first weight.

    Source: made up.
    """

    scores: ClassVar = {"first_weight": ScoreInfo("made up", "weight", "0", "made up", low=-10.0, high=10.0)}

    def look(self, model, sight):
        return next(model.parameters()).flatten()[:1].detach().numpy()

    def compare(self, trial):
        return {"first_weight": Measure((Part(1, "unlearned", "models", trial.unlearned),))}
'''


def test_a_run_with_an_observer_of_a_plug_in_is_scored_where_the_user_named_its_module(tmp_path, monkeypatch):
    from untrain.commands.report import report
    from untrain.commands.run import run

    (tmp_path / "planted_watch.py").write_text(WATCH)
    monkeypatch.syspath_prepend(tmp_path)
    scenario = "Digits(model=MLP(width=4), steps=Steps(lr=0.1, epochs=1, batch=256))"
    made = run(scenario, "Nothing", tmp_path / "s", seeds=1, oracles=2, observers="planted_watch.Watch")
    assert made["results"][0]["scores"]["first_weight"]["value"] is not None
    sys.modules.pop("planted_watch")
    (without,) = report([], tmp_path / "s", tmp_path / "o")["runs"]
    assert "first_weight" not in without["results"][0]["scores"]
    assert "--plugin planted_watch" in without["warnings"][-1]
    assert "planted_watch" not in sys.modules
    (named,) = report([], tmp_path / "s", tmp_path / "o", plugins=["planted_watch"])["runs"]
    assert named["results"] == made["results"]
    sys.modules.pop("planted_watch")


def test_what_a_run_spells_is_sent_to_those_who_score_it_elsewhere(tiny):
    from untrain.experiments.results import code_of
    from untrain.runtime.store import Store

    store = Store(tiny.store)
    assert [repr(each) for each in code_of(store.get(tiny.document["run"]))] == ["Classification(classes=10)"]
