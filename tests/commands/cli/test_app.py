import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from untrain.commands.cli import app
from untrain.runtime.store import Store

UNTRAIN = Path(sys.executable).parent / "untrain"
STILL = """
from untrain.unlearners.base import Unlearner


class Still(Unlearner):
    '''Stays.

    Source: none.
    '''

    def unlearn(self, model, problem):
        return model
"""
SCORE = {"value", "low", "high", "floor", "ceiling", "ideal", "reason", "resampled", "band", "note", "verdict"}


@pytest.fixture
def untrain(monkeypatch, capsys, tmp_path):
    """The command in this process: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["untrain", *map(str, argv)])
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as end:
            app.main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    return call


def fresh(*argv, **env):
    """The command in a process of its own."""
    return subprocess.run([UNTRAIN, *map(str, argv)], capture_output=True, text=True, env=os.environ | env, check=False)


def whole(text):
    """The one JSON document of an output, in which no NaN may be."""

    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def refused(answer, *words):
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("untrain: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    for word in words:
        assert word in err


@pytest.fixture
def copied(tiny, tmp_path):
    """A copy of the store of the small run, to add to or to break."""
    return Path(shutil.copytree(tiny.store, tmp_path / "copied"))


def rerun(untrain, tiny, *more):
    return untrain("run", tiny.scenario, *tiny.methods, "--seeds", 2, "--oracles", 4, "--workers", 1, "--store", tiny.store, *more)


def test_run_gives_designs_document_and_exit_1_when_a_method_failed(untrain, tiny, tmp_path):
    code, out, _ = rerun(untrain, tiny, "--out", tmp_path / "out", "--json")
    document = whole(out)
    assert code == 1
    assert (document["scenario"], document["seeds"]) == (tiny.scenario, 2)
    assert [row["method"] for row in document["results"]] == list(tiny.methods)
    for row in document["results"]:
        assert {"method", "scores", "cost", "guard", "error"} <= row.keys()
        assert (row["error"] is None) == (row["method"] != tiny.methods[2])
        assert row["error"] or {"seconds", "share_of_retraining"} <= row["cost"].keys()
        assert row["error"] or {"moved_share", "moved_norm", "outside_mask_max"} <= row["guard"].keys()
        for score in row["scores"].values():
            assert set(score) == SCORE
            assert (score["value"] is None) == bool(score["reason"])
            assert score["value"] is None or score["low"] <= score["value"] <= score["high"]


def test_a_run_without_failures_ends_with_0_and_a_table(untrain, tiny, copied, tmp_path):
    code, out, _ = untrain(
        "run", tiny.scenario, "Nothing", "--seeds", 2, "--oracles", 4, "--workers", 1, "--store", copied, "--out", tmp_path / "o"
    )
    assert code == 0
    assert "Nothing " in out
    assert "oracles (ideal)" in out
    assert out.splitlines()[-1] == f"report: {tmp_path / 'o' / 'report.html'}"
    assert {f.name for f in (tmp_path / "o").iterdir()} == {"report.html", "results.json", "scores.csv"}


def test_nothing_moved_is_told_for_nothing_alone(tiny):
    moved = {row["method"]: row["guard"].get("moved_share") for row in tiny.document["results"]}
    assert moved["Nothing()"] == 0
    assert all(moved[m] > 0 for m in tiny.methods[:2])


def test_scores_csv_has_a_line_for_each_method_and_score(tiny):
    with (tiny.out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "scenario", "method", "score", "value", "low", "high", "floor", "ceiling", "ideal", "reason", "resampled", "note",
        "verdict", "difference", "difference_low", "difference_high", "margin", "p", "protocol", "outcome",
        ]  # fmt: skip
    expected = {(row["method"], name): score["value"] for row in tiny.document["results"] for name, score in row["scores"].items()}
    assert {(r["method"], r["score"]): float(r["value"]) if r["value"] else None for r in rows} == expected
    says = {
        (row["method"], n): (s["verdict"] or {}).get("says", "")
        for row in tiny.document["results"]
        for n, s in row["scores"].items()
    }
    assert {(r["method"], r["score"]): r["verdict"] for r in rows} == says
    assert any(says.values())


def test_results_json_is_the_document(tiny):
    held = whole((tiny.out / "results.json").read_text())
    assert held["runs"] == [tiny.document]
    assert held["failed"] == 1


def test_in_a_process_of_its_own_stdout_is_json_and_progress_goes_to_stderr(tmp_path):
    scenario = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=0))"
    places = "--store", tmp_path / "s", "--out", tmp_path / "o"
    done = fresh("run", scenario, "Nothing", "--seeds", 1, "--oracles", 2, "--workers", 1, *places, "--json")
    assert done.returncode == 0, done.stderr
    assert whole(done.stdout)["results"][0]["method"] == "Nothing()"
    assert "4/4 models" in done.stderr


def test_the_table_shows_brackets_in_names_and_no_colour(tiny, capsys, monkeypatch):
    from untrain.reports.terminal import print_runs

    document = tiny.document | {"scenario": "Digits(request=Where('label in [a] [/b]'))", "warnings": ["[bold]so[/x]"]}
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_runs([document], colour=False)
    out = capsys.readouterr().out
    assert "[a] [/b]" in out
    assert "note: [bold]so[/x]" in out
    assert "\x1b[3" not in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("Digist", "DEL"), ("'Digist'", "did you mean 'Digits'")),
        (("Digits", "DLE"), ("'DLE'", "did you mean 'DEL'")),
        (("Digits", "Finetune(stepps=Steps())"), ("stepps", "did you mean 'steps'")),
        (("Digits(request=Random(fractoin=0.1))", "DEL"), ("fractoin", "did you mean 'fraction'")),
        (("Digits", "DEL(keep=0)"), ("keep=0",)),
        (("Digits", "DEL(keep=1.5)"), ("keep=1.5",)),
        (("Digits", "DEL(keep='0.3')"), ("keep='0.3'",)),
        (("Digits", "DEL(keep=True)"), ("keep=True",)),
        (("Digits", "Finetune(steps=Steps(lr=-1))"), ("lr=-1",)),
        (("Digits", "Finetune(steps=Steps(lr=1e999))"), ("lr=inf",)),
        (("Digits", "DEL("), ("cannot read",)),
        (("Digits", "3"), ("plain value",)),
        (("Digits", "__import__('os')"), ("there is no '__import__'",)),
        (("DEL", "Digits"), ("not a scenario",)),
        (("Digits", "KLoM"), ("not an unlearning method",)),
        (("Digits", "DEL", "DEL()"), ("twice",)),
        (("Digits(request=Random(fraction=0.0))", "DEL"), ("fraction",)),
        (("Digits(request=Random(fraction=1.0))", "DEL"), ()),
        (("Digits(request=Random(fraction=0.5, classes=(3,)))", "DEL"), ()),
        (("Digits(request=Random(fraction=0.01, classes=(11,)))", "DEL"), ("11",)),
        (("Digits(request=Where('label == 42'))", "DEL"), ()),
        (("Digits(request=Where('label ='))", "DEL"), ()),
        (("Digits(request=Mislabelled())", "DEL"), ()),
        (("Digits(request=IdFile(path='none.csv'))", "DEL"), ("none.csv",)),
        (("Digits(request=IdFile(path='empty.csv'))", "DEL"), ("empty.csv",)),
        (("Digits(request=IdFile(path='unknown.csv'))", "DEL"), ("99999",)),
        (("Digits(request=IdFile(path='negative.csv'))", "DEL"), ("-1",)),
        (("Digits(request=IdFile(path='words.csv'))", "DEL"), ()),
        (("Digits(request=IdFile(path='fake.npy'))", "DEL"), ("fake.npy",)),
        (("Digits", "DEL", "--device", "foo"), ("'foo'", "cpu")),
        (("Digits", "DEL", "--device", "cuda:77"), ("'cuda:77'", "cpu")),
        (("Digits", "DEL", "--device", "meta"), ("'meta'", "cpu")),
        (("CIFAR10(source=Parquet('nowhere'))", "DEL"), ()),
        (("Facts(people=10)", "SalUn"), ("SalUn", "needs random_targets, which CausalLM does not give")),
    ],
)
def test_bad_input_gets_one_line_exit_2_and_leaves_nothing(untrain, tmp_path, argv, words):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "unknown.csv").write_text("id\n99999\n")
    (tmp_path / "negative.csv").write_text("id\n-1\n")
    (tmp_path / "words.csv").write_text("id\nseven\n")
    (tmp_path / "fake.npy").write_text("not an array")
    refused(untrain("run", *argv, "--store", tmp_path / "s", "--out", tmp_path / "o"), *words)
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "s").exists() or Store(tmp_path / "s").entries() == []


def test_zero_epochs_are_allowed(untrain, tiny, copied, tmp_path):
    code, out, _ = untrain(
        "run", tiny.scenario, "Finetune(steps=Steps(epochs=0))", "--seeds", 2, "--oracles", 4, "--workers", 1, "--store", copied,
        "--out", tmp_path / "o", "--json",
    )  # fmt: skip
    assert code == 0
    assert whole(out)["results"][0]["guard"]["moved_share"] == 0


def test_a_place_that_cannot_be_written_is_refused_before_any_work(untrain, tiny, tmp_path):
    (tmp_path / "file").write_text("x")
    refused(rerun(untrain, tiny, "--out", tmp_path / "file" / "o"), "--out")
    refused(untrain("run", tiny.scenario, "DEL", "--store", tmp_path / "file"), "--store")
    refused(untrain("run", tiny.scenario, "DEL", "--store", tmp_path / "file" / "s"), "--store")


def test_a_store_of_another_version_is_refused(untrain, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "STORE.json").write_text('{"format": 99}')
    refused(untrain("run", "Digits", "DEL", "--store", tmp_path / "s"), "format 99")
    refused(untrain("report", "--store", tmp_path / "s"), "format 99")


@pytest.mark.parametrize(
    "argv",
    [
        ("run", "Digits", "DEL", "--seeds", "0"),
        ("run", "Digits", "DEL", "--seeds", "x"),
        ("run", "Digits", "DEL", "--oracles", "1"),
        ("run", "Digits", "DEL", "--workers", "0"),
        ("run", "Digits", "DEL", "--seed", "-1"),
        ("run", "Digits"),
        ("run", "Digits", "DEL", "--nope"),
        ("nope",),
        ("store", "--older-than", "-1"),
        ("store", "--prune"),
    ],
)
def test_usage_errors_have_one_line_and_exit_code_2(untrain, argv, tmp_path, monkeypatch):
    Store(tmp_path / "home")
    monkeypatch.setenv("UNTRAIN_HOME", str(tmp_path / "home"))
    refused(untrain(*argv))


def test_report_scores_again_without_weights_or_training(untrain, tiny, copied, tmp_path, monkeypatch):
    for weights in copied.glob("objects/*/*/weights.safetensors"):
        weights.unlink()
    for row in Store(copied).entries():
        if row["kind"] == "scores":
            shutil.rmtree(copied / "objects" / row["key"][:2] / row["key"])
    monkeypatch.setattr("untrain.training.descend.descend", lambda *_: pytest.fail("trained"))
    code, out, _ = untrain("report", "--store", copied, "--out", tmp_path / "o", "--json")
    assert code == 1  # one method failed
    assert whole(out)["runs"] == [tiny.document]
    assert (tmp_path / "o" / "report.html").stat().st_size > 10_000


def test_report_takes_keys_beginnings_and_folders(untrain, tiny, tmp_path):
    key = tiny.document["run"]
    for word in (key, key[:8], tiny.out):
        code, out, _ = untrain("report", word, "--store", tiny.store, "--out", tmp_path / "o", "--no-images", "--json")
        assert (code, whole(out)["runs"][0]["run"]) == (1, key)


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"runs": [{}]}', '{"runs": [{"run": 123456789}]}', '{"runs": [{"run": "."}]}']
)
def test_report_of_a_folder_without_results_is_refused(untrain, tiny, tmp_path, content):
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / "folder" / "results.json").write_text(content)
    refused(untrain("report", tmp_path / "folder", "--store", tiny.store, "--out", tmp_path / "o"))
    assert not (tmp_path / "o").exists()


def test_report_of_an_unknown_or_ambiguous_run_is_refused(untrain, tiny, tmp_path):
    refused(untrain("report", "zzz", "--store", tiny.store), "no run 'zzz'", tiny.document["run"][:12])
    store = Store(tmp_path / "s")
    for at in range(17):
        store.put({"kind": "run", "at": at}, {})
    first = [row["key"][0] for row in store.entries()]
    twice = next(c for c in first if first.count(c) > 1)
    refused(untrain("report", twice, "--store", tmp_path / "s"), "runs begin with")


def test_report_without_a_store_or_a_run_is_refused_and_makes_none(untrain, tmp_path):
    refused(untrain("report", "--store", tmp_path / "none"), "no store")
    refused(untrain("store", "--store", tmp_path / "none"), "no store")
    (tmp_path / "bare").mkdir()
    refused(untrain("report", "--store", tmp_path / "bare"), "no store")
    assert list((tmp_path / "bare").iterdir()) == []
    Store(tmp_path / "s")
    refused(untrain("report", "--store", tmp_path / "s"), "no run")


def test_store_tells_verifies_and_prunes(untrain, tiny, copied, tmp_path):
    code, out, _ = untrain("store", "--store", copied, "--json", "--verify")
    told = whole(out)
    assert (code, told["damaged"]) == (0, [])
    page = (Path(__file__).parents[3] / "docs" / "store.md").read_text(encoding="utf-8").partition("`--json`")[2].partition("##")[0]
    assert {name for name in (*told, *told["runs"][0]) if f"`{name}`" not in page} == set()
    assert told["kinds"]["unlearned"]["entries"] == 8
    assert told["bytes"] == sum(kind["bytes"] for kind in told["kinds"].values()) > 0
    victim = next(copied.glob("objects/*/*/logits.npy"))
    victim.write_bytes(victim.read_bytes()[:-1])
    code, out, _ = untrain("store", "--store", copied, "--verify")
    assert code == 1
    assert victim.parent.name in out
    assert untrain("store", "--store", copied, "--prune", "--older-than", 1)[1].endswith("removed 0 entries, 0 B\n")
    assert whole(untrain("store", "--store", copied, "--prune", "--older-than", 0, "--json")[1])["entries"] == 0


def test_a_pruned_model_is_told_when_its_run_is_reported(untrain, tiny, copied, tmp_path):
    store = Store(copied)
    store.prune(kinds=("unlearned", "scores"))
    refused(untrain("report", "--store", copied), "no longer", "run the same command again")


def test_untrain_home_is_the_default_store(untrain, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("UNTRAIN_HOME", str(tiny.store))
    assert whole(untrain("store", "--json")[1])["store"] == str(tiny.store)


@pytest.mark.parametrize("command", ["methods", "localizers", "evaluators", "scenarios", "executors"])
def test_lists_are_json_and_text(untrain, command):
    listed = whole(untrain(command, "--json")[1])
    assert all({"name", "fields", "source"} <= each.keys() for each in listed)
    for each in listed:
        for field in each["fields"].values():
            assert {"type", "default", "range", "doc"} <= field.keys()
    code, out, _ = untrain(command)
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()} >= {each["name"] for each in listed}


def test_methods_are_unlearners_and_recipes(untrain):
    names = {line.split()[0] for line in untrain("methods")[1].splitlines()}
    assert {"Retrain", "Finetune", "NegGrad", "RandomLabel", "ResetFinetune", "Nothing", "DEL", "SalUn"} <= names


@pytest.mark.parametrize(("name", "word"), [("DEL", "keep"), ("KLoM", "bins"), ("Digits", "request"), ("forget_gap", "oracles'")])
def test_show_explains_classes_recipes_and_scores(untrain, name, word):
    code, out, _ = untrain("show", name)
    assert code == 0
    assert word in out
    assert whole(untrain("show", name, "--json")[1])["name"] == name


@pytest.mark.parametrize("name", ["klom_forget", "mia_loss_auc"])
def test_show_of_a_score_is_json_though_its_bound_is_infinite(untrain, name):
    assert whole(untrain("show", name, "--json")[1])["role"] == "score"


def test_show_of_a_misspelt_name_is_refused(untrain):
    refused(untrain("show", "forget_gpa"), "did you mean 'forget_gap'")
    refused(untrain("show", "Del"), "did you mean 'DEL'")
    refused(untrain("show", "nosuch"), "there is no 'nosuch'; `untrain methods`, `localizers`, `evaluators`")


def test_check_ends_with_0_when_promises_are_kept(untrain):
    code, out, _ = untrain("check", "RandomMask", "--json")
    assert (code, all(each["error"] is None for each in whole(out))) == (0, True)


def test_check_tries_the_promises_alone_that_are_named(untrain):
    code, out, _ = untrain("check", "RandomMask", "--json", "--only", "it names its source", "--only", "it leaves the model alone")
    assert (code, [each["promise"] for each in whole(out)]) == (0, ["it names its source", "it leaves the model alone"])
    refused(untrain("check", "RandomMask", "--only", "it names its sauce"), "did you mean 'it names its source'")


def test_check_ends_with_1_when_one_is_broken_and_2_for_no_name(untrain, tmp_path):
    (tmp_path / "still_plugin.py").write_text(STILL)
    code, out, _ = untrain("check", "still_plugin.Still")
    assert code == 1
    assert "broken" in out
    sys.modules.pop("still_plugin", None)
    refused(untrain("check", "DELL"), "did you mean 'DEL'")


def test_the_version_and_nothing_else():
    done = fresh("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("untrain ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["methods"], ["scenarios"]])
def test_help_and_plain_lists_import_no_heavy_library(argv):
    code = (
        f"import sys; sys.argv = ['untrain', *{argv!r}]\nfrom untrain.commands.cli.app import main\n"
        "try:\n main()\nexcept SystemExit as end:\n"
        " heavy = {'torch', 'numpy', 'scipy', 'sklearn'} & set(sys.modules)\n"
        " sys.exit(f'{end.code} {sorted(heavy)}' if end.code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_takes_at_most_half_a_second_of_a_core():
    """Processor time, not time on the wall, which depends on what else runs; the better of two, since a first start compiles."""
    spent = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert fresh("run", "--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) <= 0.5


def test_an_interrupted_run_ends_with_130_and_one_line_and_goes_on_later(tmp_path):
    argv = [UNTRAIN, "run", "Digits", "Nothing", "--workers", "1", "--store", str(tmp_path / "s"), "--out", str(tmp_path / "o")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    began = time.monotonic()
    while not list((tmp_path / "s").glob("objects/*/*/record.json")) and time.monotonic() - began < 60:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("untrain: stopped")
    assert Store(tmp_path / "s").verify() == []


@pytest.mark.parametrize("argv", [("show", "."), ("show", ".x"), ("check", ".x"), ("check", "."), ("check", "a..b"), ("check", "")])
def test_a_name_that_is_none_is_told_in_one_line(untrain, argv):
    refused(untrain(*argv), "write Name" if argv[1] != "" else "")


@pytest.mark.parametrize("argv", [("show", "ill.Fade"), ("check", "ill.Fade"), ("check", "ill"), ("run", "Digits", "ill.Fade")])
def test_a_module_that_does_not_parse_is_told_in_one_line(untrain, argv, tmp_path):
    (tmp_path / "ill.py").write_text("def broken(:\n")
    refused(untrain(*argv), "ill cannot be imported: SyntaxError")


def test_json_stays_one_document_when_a_plug_in_prints(untrain, tmp_path):
    (tmp_path / "loud_still.py").write_text(f"print('hello')\n{STILL}")
    code, out, err = untrain("show", "loud_still.Still", "--json")
    assert (code, whole(out)["role"], err) == (0, "unlearner", "hello\n")


@pytest.mark.slow
def test_a_folder_whose_name_is_not_utf8_gets_all_files_and_is_shown(tiny, tmp_path):
    folder = os.fsdecode(bytes(tmp_path) + b"/o\xe9")
    done = subprocess.run(
        [UNTRAIN, "report", "--store", str(tiny.store), "--out", folder, "--no-images"], capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr  # a method of this run failed
    assert done.stdout.endswith(b"/o\\udce9/report.html\n")
    assert {f.name for f in Path(folder).iterdir()} == {"report.html", "results.json", "scores.csv"}
    assert "o\\udce9" in (Path(folder) / "report.html").read_text(encoding="utf-8")


def test_masks_are_shown_as_text_and_as_json(untrain, tiny):
    asked = ("localize", tiny.scenario, "DEL", "Deepest", "--seeds", 2, "--workers", 1, "--store", tiny.store)
    code, out, _ = untrain(*asked)
    assert code == 0
    for words in ("WeightedGrad()", "share of each layer in the mask", "overlap on the same models", "iou"):
        assert words in out
    code, out, _ = untrain(*asked, "--json")
    assert code == 0
    assert [row["localizer"] for row in whole(out)["results"]] == ["WeightedGrad()", "Deepest()"]


def test_a_localizer_that_fails_among_others_ends_with_one(untrain, tiny):
    code, out, _ = untrain("localize", tiny.scenario, "Deepest(keep=1e-09)", "--seeds", 1, "--store", tiny.store, "--json")
    assert code == 1
    assert "keep at least" in whole(out)["results"][0]["error"]


def test_what_is_no_localizer_is_refused_in_one_line(untrain, tiny):
    refused(untrain("localize", tiny.scenario, "Finetune", "--store", tiny.store), "Finetune() is not a localizer")
