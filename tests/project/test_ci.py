import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "complete.py"
SPEC = importlib.util.spec_from_file_location("complete", FILE)
COMPLETE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(COMPLETE)
METHODS = [
    "Retrain()", "Finetune()", "NegGrad()", "RandomLabel()", "SalUn()", "DEL(keep=0.3)",
    "ResetFinetune() @ RandomMask()", "Nothing()",
]  # fmt: skip


def row(method):
    scores = {n: {"value": 0.1} for n in ("forget_gap", "test_gap", "mia_loss_auc")}
    guard = {"outside_mask_max": 0.0, "moved_share": 0.0 if method == "Nothing()" else 0.5}
    return {"method": method, "scores": scores, "guard": guard, "error": None}


@pytest.fixture
def folder(tmp_path):
    runs = [{"scenario": f"Digits({at})", "results": [row(m) for m in METHODS]} for at in range(2)]
    write(tmp_path, {"runs": runs})
    (tmp_path / "report.html").write_text('<html><script type="application/json">{}</script></html>')
    (tmp_path / "scores.csv").write_text("x" * 2000)
    return tmp_path


def write(folder, whole):
    (folder / "results.json").write_text(json.dumps(whole))


def change(folder, edit):
    whole = json.loads((folder / "results.json").read_text())
    edit(whole["runs"])
    write(folder, whole)
    return COMPLETE.complaints(folder)


def test_a_good_folder_passes(folder):
    assert COMPLETE.complaints(folder) == []
    done = subprocess.run([sys.executable, FILE, folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the report is there and complete\n")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda runs: runs.pop(), "1 runs instead of 2"),
        (lambda runs: runs[0]["results"].pop(0), "no Retrain( in Digits(0)"),
        (lambda runs: runs[1]["results"][0].update(error="NaN", scores={}, guard={}), "Retrain() failed: NaN"),
        (lambda runs: runs[1]["results"][1]["scores"]["test_gap"].update(value=None), "Finetune(): no test_gap"),
        (lambda runs: runs[1]["results"][5]["guard"].update(outside_mask_max=1e-9), "DEL(keep=0.3) leaked outside its mask"),
        (lambda runs: runs[1]["results"][2]["guard"].update(moved_share=0), "NegGrad() moved nothing"),
    ],
)
def test_broken_results_are_caught(folder, edit, told):
    assert told in change(folder, edit)


@pytest.mark.parametrize("name", ["results.json", "report.html", "scores.csv"])
def test_a_missing_file_is_caught(folder, name):
    (folder / name).unlink()
    assert COMPLETE.complaints(folder) == [f"there is no {name}"]
    assert subprocess.run([sys.executable, FILE, folder], capture_output=True, check=False).returncode == 1


def test_a_page_that_loads_from_elsewhere_or_ends_early_is_caught(folder):
    page = folder / "report.html"
    page.write_text(page.read_text().replace("<html>", '<html><img src="https://x.y/z.png">'))
    assert any("loads" in c for c in COMPLETE.complaints(folder))
    page.write_text("<html>")
    assert any("lacks its data or its end" in c for c in COMPLETE.complaints(folder))


def test_a_short_csv_is_caught(folder):
    (folder / "scores.csv").write_text("x")
    assert COMPLETE.complaints(folder) == ["scores.csv is short"]
    shutil.rmtree(folder)


def test_jobs_side_by_side_are_all_shown_and_one_that_fails_is_not_hidden():
    script = FILE.parent / "side_by_side"

    def ran(*commands):
        done = subprocess.run([script, *commands], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert ran("echo one", "echo two") == (0, "== echo one (exit 0)\none\n== echo two (exit 0)\ntwo\n")
    code, said = ran("sleep 0.1; echo late", "echo early; false; echo never", "echo three")
    assert code == 1
    assert said.count("exit 1") == 1
    assert [line for line in said.splitlines() if not line.startswith("==")] == ["late", "early", "three"]
