"""Events reach functions, files and trackers; a tracker that fails ends nothing, and no log changes a model or what it cost."""

import json
import random
import sys
from contextvars import ContextVar
from types import SimpleNamespace

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter  # noqa: F401 - imported here, or the first test would see it as a change

import untrain as ut
from untrain.core.errors import BadInput, MissingExtra, SpecError
from untrain.core.events import Event
from untrain.experiments.events import without_ids
from untrain.models.state import same, state
from untrain.runtime.loggers.base import LoggedProgress, Logger, OpenLog, loggers_of, logging_to
from untrain.runtime.progress import emit, logger_of
from untrain.training.step_watchers import StepLog, watching_steps
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune

METHOD = Finetune(steps=Steps(lr=0.05, epochs=5, batch=16, schedule=Constant()))  # 15 steps
EVENTS = (
    Event("begun", "Digits()", None, {"seeds": 2}, {"scenario": "Digits()", "methods": "A|B"}),
    Event("step", "Finetune() 0", 10, {"loss": 0.5, "forget": 1.0}),
    Event("score", "Finetune()/forget_gap", None, {"value": 0.1}),
    Event("ended", "Digits()", None, {"failed": 0}),
)


def through(log):
    with logging_to(log) as watched:
        for event in EVENTS:
            emit(watched, event)


def test_steps_are_logged_with_the_mean_loss_between_them():
    losses, events, made = [], [], small()

    class Each:
        def after_step(self, model, loss):
            losses.append(float(loss))

    with watching_steps(Each()), ut.log_steps(events.append, "work", every=4):
        METHOD(*made)
    assert [(e.kind, e.step) for e in events] == [
        ("begun", None),
        ("step", 4),
        ("step", 8),
        ("step", 12),
        ("step", 15),
        ("ended", None),
    ]
    means = [sum(losses[at : at + 4]) / len(losses[at : at + 4]) for at in (0, 4, 8, 12)]
    assert [e.numbers["loss"] for e in events[1:-1]] == pytest.approx(means, rel=1e-5)
    assert len(losses) == 15


def test_a_log_changes_neither_the_model_nor_its_counts_nor_its_random_draws(tmp_path):
    variable = ContextVar("tracker", default=0)

    def careless(name):
        class Log:
            def write(self, event):
                random.random()
                variable.set(variable.get() + 1)

            def close(self, failed):
                pass

        return Log()

    class Careless(Logger):
        """A log whose library draws and sets context variables.

        Source: none.
        """

        def open(self, name):
            return careless(name)

    plain = METHOD.run(*small())
    with ut.log_steps([Careless(), ut.JSONLines(path=str(tmp_path / "log.jsonl"))], every=2):
        logged = METHOD.run(*small())
    assert all(same(a, b) for a, b in zip(state(logged.model).values(), state(plain.model).values(), strict=True))
    for name in ("forward", "backward", "flops"):
        assert getattr(logged.cost, name) == getattr(plain.cost, name)
    assert variable.get() == 0


def test_json_lines_come_after_those_that_are_there(tmp_path):
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        through(ut.JSONLines(path=str(path)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["begun", "step", "score", "ended"] * 2
    assert lines[1]["step"] == 10
    assert lines[1]["numbers"] == {"loss": 0.5, "forget": 1.0}
    with pytest.raises(BadInput, match="cannot write"):
        through(f"JSONLines(path={str(tmp_path / 'none' / 'log.jsonl')!r})")


def test_tensorboard_gets_each_number_under_its_tag(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    for _ in range(2):
        through(ut.TensorBoard(folder=str(tmp_path)))
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 2  # two runs in one second are two
    found = reader.EventAccumulator(str(folders[0]))
    found.Reload()
    assert set(found.Tags()["scalars"]) >= {"Finetune() 0/loss", "Finetune()/forget_gap/value"}
    (point,) = found.Scalars("Finetune() 0/loss")
    assert (point.step, point.value) == (10, 0.5)


def test_no_event_of_a_run_spells_what_a_request_lists():
    owner, where = ut.Owner(owners=("ann",)), ut.Where(rule="name == 'bob'")
    relabel = ut.Relabel(ids=("ann",), labels=1)
    for request in (ut.Ids(ids=("ann", 7)), owner, where, relabel, ut.Corrections(parts=(relabel, ut.Relabel(rows=where)))):
        text = without_ids(ut.Digits(request=request))
        assert "..." in text
        assert not any(word in text for word in ("ann", "bob", "7"))
    plain = ut.Digits(request=ut.Random(fraction=0.25))
    assert without_ids(plain) == repr(plain)


class Recorder:
    """A stand-in for a tracker's run: keeps calls."""

    def __init__(self):
        self.logged, self.ended, self.config = [], [], SimpleNamespace(update=lambda facts, **_: self.logged.append(facts))

    def log(self, numbers):
        self.logged.append(numbers)

    def finish(self, **given):
        self.ended.append(given)


def test_weights_and_biases_gets_numbers_facts_and_the_end(monkeypatch):
    run, begun = Recorder(), {}
    library = SimpleNamespace(init=lambda **given: begun.update(given) or run, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", library)
    through("WandB(project='mine')")
    assert begun["project"] == "mine"
    quiet = {"console": "off", "disable_code": True, "disable_git": True, "x_disable_meta": True}  # the command may hold ids
    assert (begun["settings"], begun["reinit"]) == (quiet, "create_new")  # and the user's own run stays as it is
    assert {"Finetune() 0/loss": 0.5, "Finetune() 0/forget": 1.0, "Finetune() 0/step": 10} in run.logged
    assert {"begun scenario": "Digits()", "begun methods": "A|B"} in run.logged
    assert run.ended == [{"exit_code": 0}]


def test_trackio_gets_numbers_and_the_end(monkeypatch):
    run = Recorder()
    monkeypatch.setitem(sys.modules, "trackio", SimpleNamespace(init=lambda **given: run))
    through("Trackio")
    assert {"Finetune() 0/loss": 0.5, "Finetune() 0/forget": 1.0, "Finetune() 0/step": 10} in run.logged
    assert run.ended == [{}]


class Client:
    """A stand-in for MLflow's client."""

    calls = []  # noqa: RUF012

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return f"place of {name}"

    def create_run(self, place, run_name):
        self.calls.append((place, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_metric(self, run, tag, value, step):
        self.calls.append((run, tag, value, step))

    def set_tag(self, run, name, value):
        self.calls.append((run, name, value))

    def set_terminated(self, run, status):
        self.calls.append((run, status))


def test_mlflow_gets_tags_that_it_allows(monkeypatch):
    Client.calls.clear()
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(tracking=SimpleNamespace(MlflowClient=Client)))
    through(ut.MLflow())
    assert Client.calls[0] == ("place of untrain", "Digits()")
    assert ("r1", "Finetune__ 0/loss", 0.5, 10) in Client.calls
    assert ("r1", "untrain.methods", "A|B") in Client.calls
    assert Client.calls[-1] == ("r1", "FINISHED")


def test_a_tracker_that_fails_is_left_alone_and_that_is_said_once(monkeypatch):
    def fail(**given):
        raise ConnectionError("no route\nto the server")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Settings=dict, init=fail))
    notes, events = [], []
    with logging_to(["WandB", events.append], notes.append) as watched:
        for event in EVENTS:
            emit(watched, event)
    assert [note.note for note in notes] == ["WandB() failed and takes no more events: ConnectionError: no route to the server"]
    assert len(events) == len(EVENTS)


def test_a_logger_that_is_named_twice_writes_once(tmp_path):
    spelled = f"JSONLines(path={str(tmp_path / 'log.jsonl')!r})"
    seen = []
    with logging_to([spelled, spelled, seen.append, seen.append]) as progress:
        emit(progress, Event("begun", "it"))
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
    assert len(seen) == 2  # functions are called as often as they are given


def test_of_two_equal_loggers_only_the_one_that_fails_is_left_alone():
    written = []

    class Kept(OpenLog):
        def write(self, event):
            if self is first:
                raise ConnectionError("gone")
            written.append(event)

        def close(self, failed):
            written.append(failed)

    first, second = Kept(), Kept()
    logged = LoggedProgress(None, [])
    logged._open = [("Kept()", first), ("Kept()", second)]
    for event in EVENTS:
        logged.on_event(event)
    logged.close(failed=False)
    assert written == [*EVENTS, False]


def test_what_a_function_raises_goes_through_and_logs_end_as_failed(monkeypatch):
    run = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Settings=dict, init=lambda **given: run))

    def enough(event):
        if event.kind == "step":
            raise StopIteration("enough")

    with pytest.raises(StopIteration, match="enough"):
        through(["WandB", enough])
    assert run.ended == [{"exit_code": 1}]


def test_without_a_log_progress_stays_what_it_was():
    def progress(at):
        pass

    with logging_to((), progress) as watched:
        assert watched is progress
    assert logger_of(progress) is None


@pytest.mark.parametrize(("given", "error", "words"), [
    ("Digits", SpecError, "is not a logger"),
    (3, SpecError, "is not a logger"),
    ("Tensorbord", SpecError, "did you mean 'TensorBoard'"),
])  # fmt: skip
def test_what_is_no_logger_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        loggers_of([given])


def test_a_missing_library_is_named_before_work_begins(monkeypatch):
    monkeypatch.setattr("untrain.runtime.loggers.base.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(MissingExtra, match="pip install wandb"):
        ut.run("Digits", "Nothing", log="WandB")


def test_a_loss_that_is_not_finite_has_no_number():
    events = []
    watcher = StepLog(events.append, "work", every=1)
    watcher.after_step(torch.nn.Linear(1, 1), torch.tensor(float("nan")))
    assert dict(events[0].numbers) == {}
