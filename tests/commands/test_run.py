import subprocess
import sys
from collections import Counter

import pytest
import torch
from torch import nn

import untrain as ut
from untrain.commands import report
from untrain.commands.arguments import comparison_of
from untrain.core.errors import BadInput, DataError, SpecError
from untrain.reports import csv_files


class Net(nn.Sequential):
    def __init__(self, width=3):
        super().__init__(nn.Flatten(), nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def own(model=Net):
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 4, generator=draw), torch.arange(60) % 2
    return ut.Custom(train=(x, y), test=(x[:20] + 0.1, y[:20]), model=model, steps=ut.Steps(lr=0.1, epochs=1))


def test_objects_and_spellings_run_alike_on_a_model_of_ones_own(tmp_path):
    scenario = own()
    mixed = ["Nothing", ut.Finetune(steps=ut.Steps(epochs=1))]
    document = ut.run(scenario, mixed, store=tmp_path, seeds=1, oracles=2)
    assert [row["method"] for row in document["results"]] == ["Nothing()", "Finetune(steps=Steps(epochs=1))"]
    assert all(row["error"] is None for row in document["results"])


def test_networks_of_one_name_are_not_taken_for_each_other(tmp_path):
    how = {"store": tmp_path, "seeds": 1, "oracles": 2, "evaluators": "Accuracy"}
    runs = [ut.run(own(lambda w=w: Net(w)), ["Nothing"], **how)["run"] for w in (3, 4)]
    assert runs[0] != runs[1]


def test_work_that_no_other_process_can_be_sent_is_done_here_whatever_workers_says(tmp_path):
    document = ut.run(own(lambda: Net(3)), ["Nothing"], store=tmp_path, seeds=1, oracles=2, workers=4, evaluators="Accuracy")
    assert document["results"][0]["error"] is None


@pytest.mark.slow
def test_a_script_without_a_guard_may_call_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import untrain as ut\nd = ut.run('Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=0))', ['Nothing'], "
        f"store={str(tmp_path / 's')!r}, seeds=1, oracles=2)\nprint(len(d['results']))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_nothing_is_written_beside_the_store_without_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ut.run(own(), ["Nothing"], store=tmp_path / "s", seeds=1, oracles=2, evaluators="Accuracy")
    assert [f.name for f in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("more", [{"seeds": 0}, {"oracles": 1}, {"threads": 0}, {"workers": 0}, {"device": "foo"}, {"device": ""}])
def test_numbers_and_devices_that_cannot_be_had_are_refused(tmp_path, more):
    with pytest.raises(BadInput):
        ut.run("Digits", ["Nothing"], store=tmp_path / "s", **more)
    assert not (tmp_path / "s").exists()


def test_what_is_no_scenario_or_no_method_is_refused(tmp_path):
    with pytest.raises(SpecError, match="not a scenario"):
        ut.run(3, ["Nothing"], store=tmp_path)
    with pytest.raises(SpecError, match="not an unlearning method"):
        ut.run("Digits", [nn.Linear], store=tmp_path)


@pytest.mark.parametrize("one", ["Nothing", ut.Nothing(), ["Nothing"], ("Nothing",)], ids=["name", "object", "list", "tuple"])
def test_one_method_may_be_named_without_a_list(one):
    assert comparison_of(own(), one, 1, 2, 0).methods == (ut.Nothing(),)


def test_methods_may_come_from_an_iterator(tmp_path):
    document = ut.run(own(), iter(["Nothing"]), store=tmp_path, seeds=1, oracles=2, evaluators="Accuracy")
    assert [row["method"] for row in document["results"]] == ["Nothing()"]


def test_what_is_neither_a_method_nor_several_is_refused(tmp_path):
    with pytest.raises(SpecError, match="3 is not an unlearning method"):
        ut.run("Digits", 3, store=tmp_path / "s")


@pytest.mark.parametrize("more", [{"seeds": "3"}, {"oracles": 4.0}, {"seed": None}, {"threads": "1"}, {"workers": True}], ids=repr)
def test_what_is_no_whole_number_is_refused_by_its_name(tmp_path, more):
    ((name, value),) = more.items()
    with pytest.raises(BadInput, match=f"{name}={value!r}: a whole number is needed"):
        ut.run("Digits", "Nothing", store=tmp_path / "s", **more)
    assert not (tmp_path / "s").exists()


def test_progress_is_told_for_each_model(tmp_path):
    told = []
    ut.run(own(), ["Nothing"], store=tmp_path, seeds=1, oracles=2, evaluators="Accuracy", on_progress=told.append)
    assert told.pop(0).note.startswith("protocol standard: 1 unlearned model and 2 retrained ones let a perfect method pass with")
    assert told.pop(0).note.startswith("price: 4 models to train (1 original, 2 oracle, 1 unlearned), 0 models are in the store")
    assert [(at.done, at.total) for at in told if at.note is None and at.what is None] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_report_of_several_runs_keeps_their_order(tiny, tmp_path):
    key = tiny.document["run"]
    whole = report.report([key, "latest"], store=tiny.store, out=tmp_path, images=False)
    assert [run["run"] for run in whole["runs"]] == [key, key]


def test_report_stays_a_function_when_a_page_was_written(tiny):
    assert tiny.document
    assert callable(ut.report)


def test_an_unwritable_report_is_told_and_leaves_no_crumbs(tiny, tmp_path):
    (tmp_path / "results.json").mkdir()
    with pytest.raises(BadInput, match=r"untrain did not write: results\.json; name another place with --out"):
        report.report(store=tiny.store, out=tmp_path, images=False)
    assert [f.name for f in tmp_path.iterdir()] == ["results.json"]


def test_a_name_that_is_no_run_is_refused(tiny, tmp_path):
    with pytest.raises(DataError, match="no run"):
        report.report(["nope"], store=tiny.store, out=tmp_path / "o")


def test_csv_leaves_out_methods_that_failed_and_writes_missing_values_empty():
    score = dict.fromkeys(("value", "low", "high", "floor", "ceiling", "ideal", "reason", "resampled", "note", "verdict"))
    verdict = {"protocol": "standard", "outcome": "open"}
    rows = [
        {"method": "A(x='a,b')", "scores": {"s": score | {"reason": 'too "few"'}}, "error": None, "verdict": verdict},
        {"method": "B()", "scores": {}, "error": "failed", "verdict": None},
    ]
    lines = csv_files.scores_csv([{"scenario": "D()", "results": rows}]).split("\r\n")
    assert lines[1] == 'D(),"A(x=\'a,b\')",s,,,,,,,"too ""few""",,,,,,,,,standard,open'
    assert lines[2:] == [""]


def test_curves_are_kept_and_drawn_when_asked_for_and_change_no_score(tmp_path):
    scenario, methods = own(), [ut.Finetune(steps=ut.Steps(epochs=2, batch=8)), "Nothing"]
    plain, curved = (
        ut.run(scenario, methods, store=tmp_path / "store", seeds=2, oracles=4, curves=curves, out=tmp_path / str(curves))
        for curves in (False, True)
    )
    assert curved["price"]["train"] == 4  # originals and oracles are those of before
    assert [row["scores"] for row in plain["results"]] == [row["scores"] for row in curved["results"]]
    assert [row["cost"]["flops"] for row in plain["results"]] == [row["cost"]["flops"] for row in curved["results"]]
    assert all("curves" not in row for row in plain["results"])
    one, other = curved["results"][0]["curves"]
    assert one["step"] == other["step"]
    assert one["step"][0] == 0
    assert len(one["forget"]) == len(one["retain"]) == len(one["step"]) > 5
    pages = [(tmp_path / str(curves) / "report.html").read_text(encoding="utf-8") for curves in (False, True)]
    assert ["What happened by step" in page for page in pages] == [False, True]


def test_a_run_logs_models_scores_and_the_points_of_its_curves_and_again_from_the_store(tmp_path):
    first, again = [], []
    for events in (first, again):
        ut.run(own(), "Finetune", seeds=1, oracles=2, store=tmp_path, curves=True, evaluators="Accuracy", log=events.append)
    counts = Counter(event.kind for event in first)
    assert (counts["begun"], counts["model"], counts["ended"]) == (1, 4, 1)
    assert counts["step"] >= 2
    assert counts["score"] > 2
    loss = [event.numbers["loss"] for event in first if event.kind == "step" and event.step]
    assert all(value > 0 for value in loss)
    assert sorted(map(repr, first[1:])) == sorted(map(repr, again[1:]))  # the price alone is another
