"""Observers in a run: what they find is kept, scored, resumed, and absent where nobody asked."""

import json
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import untrain as ut
from untrain.commands import catalog
from untrain.commands.cli import app
from untrain.core.errors import BadInput, NotFinite, SpecError
from untrain.core.spec import parse
from untrain.evaluation.base import Measure, Part, ScoreInfo
from untrain.evaluation.glossary import evaluators, scorers
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.observers.activations import Activations
from untrain.evaluation.observers.base import Observer
from untrain.evaluation.observers.relearn import Relearn
from untrain.evaluation.observers.weights import Weights
from untrain.evaluation.observers.zrf import ZRF
from untrain.experiments.comparison import Comparison
from untrain.experiments.observations import observers_of
from untrain.experiments.pipeline import run_comparisons
from untrain.experiments.results import results
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.setting import Setting
from untrain.maths.representation_distance import lengths
from untrain.runtime.store import Store

OBSERVERS = [
    "Activations", "Answers", "Continued", "FewShot", "GradientNormMIA", "JudgedAnswers", "LinearProbe", "Pruning",
    "Quantization", "Relearn",
    "Rouge", "RUS", "Steering", "VerbMem", "Weights", "ZlibMIA", "ZRF",
]  # fmt: skip

SCENARIO = ut.Digits(model=ut.MLP(width=6), steps=ut.Steps(lr=0.1, epochs=1, batch=256), request=ut.Random(fraction=0.05))
METHODS = (parse("Nothing"), parse("Finetune(steps=Steps(lr=0.05, epochs=1, batch=256))"))
QUICK = Relearn(steps=ut.Steps(lr=0.05, epochs=2, batch=32))
LOOKED: list[int] = []


class Noted(Observer):
    """The first weight, and a note of each model that was looked at; it fails at models after Finetune when asked to.

    Args:
        fails: whether it does.

    Source: made up.
    """

    fails: bool = False

    scores: ClassVar = {
        "first_weight": ScoreInfo("the first weight", "weight", "the oracles' value", "made up", low=-10.0, high=10.0)
    }

    def look(self, model, sight):
        LOOKED.append(1)
        first = next(model.parameters()).flatten()[:1].detach().numpy()
        if self.fails and len(LOOKED) % 2:
            raise NotFinite("the sky fell")
        return first

    def compare(self, trial):
        return {"first_weight": Measure((Part(1, "unlearned", "models", trial.unlearned),))}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("observing") / "store")


@pytest.fixture(autouse=True)
def forgotten():
    LOOKED.clear()


def made(store, *observers, methods=METHODS, seeds=2, oracles=4):
    comparison = Comparison(SCENARIO, methods, seeds, oracles, 0, observers)
    options = RunOptions(Setting(), evaluators=(Accuracy(),))
    (document,) = run_comparisons([comparison], store.path, options, ReportOptions())["runs"]
    return store.get(document["run"])


def test_scores_stand_beside_the_others_with_all_their_evidence(store):
    run = made(store, QUICK, Activations(), Weights(), ZRF())
    document = results(run, store, draws=50)
    told = {name for one in (QUICK, Activations(), Weights(), ZRF()) for name in one.scores}
    for row in document["results"]:
        assert told < set(row["scores"])
        far = row["scores"]["weight_distance"]
        assert far["low"] <= far["value"] <= far["high"]
        assert far["floor"] == far["ideal"] > 0
    nothing = document["results"][0]["scores"]
    assert nothing["weight_distance_original"]["value"] == 0
    assert nothing["weight_distance"]["value"] == nothing["weight_distance"]["ceiling"]
    assert nothing["relearn_gap"]["verdict"] == nothing["relearn_time"]["verdict"]


def test_what_is_compared_are_the_models_that_were_kept(store):
    run = made(store, Weights())
    keys = run.record["ingredients"]["models"]

    def flat(key):
        held = store.get(key).tensors("weights")
        model = SCENARIO.learner().init(SCENARIO.load().train, 0)
        return np.concatenate([held[name].ravel() for name, _ in model.named_parameters()])

    ours, theirs = (np.stack([flat(k) for k in group]) for group in (keys["methods"][1]["keys"], keys["oracle"]))
    found = results(run, store, draws=20)["results"][1]["scores"]["weight_distance"]["value"]
    assert found == pytest.approx(lengths(ours, theirs).mean(), rel=1e-6)


def test_every_model_is_looked_at_once_and_never_again(store):
    made(store, Noted())
    assert len(LOOKED) == 2 + 4 + 2 * 2
    again = made(store, Noted())
    assert len(LOOKED) == 10
    more = made(store, Noted(), oracles=6)
    assert len(LOOKED) == 12
    assert again.key != more.key


def test_nothing_changes_when_nobody_looks(store):
    plain = made(store)
    assert "observed" not in plain.record
    assert plain.record["ingredients"].keys() == {
        "kind", "label", "scenario", "models", "arrays", "names", "chosen", "protocol",
    }  # fmt: skip
    with_observers = made(store, Noted())
    assert plain.key != with_observers.key
    assert made(store).key == plain.key
    kept = {name for e in evaluators() for name in e.scores}
    assert all(set(row["scores"]) <= kept for row in results(plain, store, draws=20)["results"])


def test_a_look_that_fails_leaves_a_reason_and_the_other_scores(store):
    document = results(made(store, Noted(fails=True)), store, draws=20)
    for row in document["results"]:
        assert row["error"] is None
        assert "could not be observed" in row["scores"]["first_weight"]["reason"]
        assert row["scores"]["forget_accuracy"]["value"] is not None
    assert any("failed: the sky fell" in note for row in document["results"] for note in row["notes"])


def test_threads_and_random_state_are_as_before(store):
    before = torch.get_num_threads(), torch.get_rng_state()
    made(store, ZRF(base="e"))
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["Accuracy"],
            rf"Accuracy\(\) is not an observer; there is {', '.join(OBSERVERS)}",
        ),
        (["ZRF", "ZRF(base='e')"], "an observer is named twice"),
        (["Relern"], "did you mean 'Relearn'"),
        (["Relearn(within=0)"], "within=0"),
    ],
)
def test_what_is_no_observer_gets_one_line(given, told):
    with pytest.raises(SpecError, match=told):
        observers_of(given)


def test_observers_are_read_from_their_spelling():
    assert observers_of(["Relearn(within=0.5)", ZRF()]) == (Relearn(within=0.5), ZRF())


def test_a_command_observes_and_the_page_tells_of_it(tmp_path):
    words = ["run", repr(SCENARIO), "Nothing", "--seeds", "2", "--oracles", "4", "--workers", "1", "--no-images", "--json"]
    words += [
        "--observer",
        "Weights",
        "--observer",
        "ZRF(base='e')",
        "--store",
        str(tmp_path / "store"),
        "--out",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app.app, words)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["results"][0]["scores"]
    assert {"weight_distance", "zrf"} < set(scores)
    page = (tmp_path / "out" / "report.html").read_text()
    assert Weights.scores["weight_distance"].means in page.replace("&#39;", "'")
    again = ut.report(store=tmp_path / "store", out=tmp_path / "again", images=False)
    assert again["runs"][0]["results"][0]["scores"] == scores


def test_observers_are_listed_and_shown():
    assert [d["name"] for d in catalog.observers()] == OBSERVERS
    assert catalog.observers()[OBSERVERS.index("Relearn")]["fields"]["within"]["range"] == "(0, inf)"
    shown = catalog.show("relearn_time")
    assert (shown["role"], shown["unit"], shown["high"]) == ("score", "epochs", None)
    assert set(catalog.show("ZRF")["scores"]) == {"zrf", "zrf_gap"}
    assert "Relearn" in CliRunner().invoke(app.app, ["observers"]).stdout
    assert "relearn" in CliRunner().invoke(app.app, ["show", "relearn_time"]).stdout


def test_no_two_scores_have_one_name():
    names = [name for one in scorers() for name in one.scores]
    assert len(names) == len(set(names))


def saved(run, store, folder, *names):
    """Checkpoints of some models of a run."""
    keys = run.record["ingredients"]["models"]
    found = []
    for name in names:
        kind, at = name
        key = keys["methods"][1]["keys"][at] if kind == "unlearned" else keys[kind][at]
        held = {n: torch.from_numpy(a) for n, a in store.get(key).tensors("weights").items()}
        found.append(folder / f"{kind}{at}.safetensors")
        save_file(held, found[-1])
    return [str(file) for file in found]


def test_checkpoints_that_were_given_are_observed(store, tmp_path):
    run = made(store)
    ours, start = saved(run, store, tmp_path, ("unlearned", 0)), saved(run, store, tmp_path, ("original", 0), ("original", 1))
    theirs = saved(run, store, tmp_path, *(("oracle", at) for at in range(4)))

    def audit(original=None, observers=()):
        models = ut.Checkpoints(ours, theirs, original=original)
        return ut.audit(models, scenario=SCENARIO, store=tmp_path / "store", observers=observers)

    scores = audit(start, [QUICK, "Weights"])["results"][0]["scores"]
    assert scores["relearn_time"]["value"] is not None
    assert 0 < scores["weight_distance_original"]["value"] < scores["weight_distance"]["value"]
    assert "relearn_time" not in audit(start)["results"][0]["scores"]
    with pytest.raises(BadInput, match=r"Relearn\(.* holds models against the originals, and none were given"):
        audit(observers=QUICK)
    answers = store.get(run.record["ingredients"]["models"]["original"][0]).array("logits")
    with pytest.raises(BadInput, match="only answers are known, and observers look at models"):
        audit(np.stack([answers, 2 * answers]), "Weights")


def test_answers_alone_cannot_be_observed(tmp_path):
    sides = ["forget", "retain", "test", "test"]
    outputs = ut.Outputs(np.zeros((2, 4, 2)), np.ones((2, 4, 2)), labels=[0, 1, 0, 1], sides=sides)
    with pytest.raises(BadInput, match=r"ZRF\(\) looks at models, and only outputs were given"):
        ut.audit(outputs, store=tmp_path, observers="ZRF")


def test_what_does_not_depend_on_the_originals_is_found_again_among_more_of_them(tmp_path):
    held = Store(tmp_path / "store")
    made(held, Noted(), seeds=1, oracles=2)
    assert len(LOOKED) == 1 + 2 + 2
    made(held, Noted(), seeds=2, oracles=2)
    assert len(LOOKED) == 5 + 3
