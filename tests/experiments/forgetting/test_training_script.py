"""A user's training script: run without a shell, kept as soon as it is done, never twice, and stopped with the command."""

import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from untrain.core.errors import BadInput, DataError, RunFailed
from untrain.experiments.forgetting.training_command import script_of
from untrain.experiments.forgetting.training_script import ScriptJob, ScriptOptions, past_seconds, train_by_script
from untrain.models.checkpoint_files import read_content
from untrain.runtime.store import Store, key_of

SCRIPT = """
import sys, os, time, pathlib
import numpy as np
from safetensors.numpy import save_file
ids, seed, out = sys.argv[1:4]
gone = open(ids, encoding="utf-8").read().splitlines()
here = pathlib.Path("here"); here.mkdir(exist_ok=True)
mine = here / str(os.getpid()); mine.touch()
with open("ran.txt", "a") as text: text.write(f"{seed} {len(list(here.iterdir()))} {gone}\\n")
print("learning without", len(gone), "rows", flush=True)
if seed == "13": sys.exit("no luck with 13")
if seed == "60": time.sleep(60)
time.sleep(0.1)
if seed != "99": save_file({"w": np.full(2, int(seed) + len(gone), dtype=np.float32)}, out)
mine.unlink()
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working folder with a script in a place whose name a shell would split."""
    monkeypatch.chdir(tmp_path)
    Path("my code; $HOME").mkdir()
    Path("my code; $HOME/train.py").write_text(SCRIPT)
    return tmp_path


def script():
    return script_of(f"'{sys.executable}' 'my code; $HOME/train.py' {{ids}} {{seed}} {{checkpoint}}")


def options(home, workers=1, on_progress=None):
    def read(path, who):
        return read_content(str(path), who)[0]

    return ScriptOptions(Store(home / "store"), workers, home / "logs", ".safetensors", read, on_progress)


def jobs(*seeds, ids=("p3", "ü 7")):
    return [ScriptJob(f"oracle {at}", ids, "data", seed) for at, seed in enumerate(seeds)]


def ran(home):
    return (home / "ran.txt").read_text().splitlines()


def test_each_model_is_trained_once_and_never_again(home):
    states = train_by_script(script(), jobs(1, 2, 3), options(home, workers=2))
    assert [state["w"].tolist() for state in states] == [[3, 3], [4, 4], [5, 5]]  # its seed, and the number of ids it left out
    assert [line.split(" ", 2)[2] for line in ran(home)] == ["['p3', 'ü 7']"] * 3
    assert max(int(line.split()[1]) for line in ran(home)) <= 2
    assert (home / "logs" / "oracle-0.log").read_text() == "learning without 2 rows\n"
    assert train_by_script(script(), jobs(1, 2, 3), options(home))[2]["w"].tolist() == [5, 5]
    assert len(ran(home)) == 3
    assert past_seconds(script(), Store(home / "store")) > 0.1


def test_a_model_is_another_once_a_module_beside_its_script_is(home):
    folder = home / "my code; $HOME"
    (folder / "nets").mkdir()
    for name in ("nets/__init__.py", "nets/wide.py", "helpers.py"):
        (folder / name).write_text("")
    (folder / "notes.txt").write_text("")
    (folder / "data").mkdir()  # not a package
    keys = [key_of(jobs(1)[0].ingredients(script()))]
    for name in ("nets/wide.py", "helpers.py", "notes.txt", "data/x.py"):
        (folder / name).write_text("x = 1")
        keys.append(key_of(jobs(1)[0].ingredients(script())))
    assert [a == b for a, b in pairwise(keys)] == [False, False, True, True]


def test_a_checkpoint_that_is_stored_does_not_lie_about_until_all_are(home):
    seen = []

    def look(at):
        seen.append(len(list((home / "store").rglob("checkpoint.safetensors"))))

    train_by_script(script(), jobs(1, 2, 3), options(home, on_progress=look))
    assert max(seen) <= 1
    assert not list((home / "store" / "tmp").iterdir())


def test_a_failure_shows_the_last_lines_and_what_is_done_stays(home):
    with pytest.raises(RunFailed, match=r"ended with exit code 1 on oracle 1: learning without 2 rows \| no luck with 13 \(all of"):
        train_by_script(script(), jobs(1, 13, 3), options(home))
    with pytest.raises(RunFailed, match="exit code 1"):
        train_by_script(script(), jobs(1, 13, 3), options(home))
    assert [line.split()[0] for line in ran(home)] == ["1", "13", "13"]


def test_a_script_that_writes_no_checkpoint_or_something_else_is_one_line(home):
    with pytest.raises(RunFailed, match=r"wrote no checkpoint to \{checkpoint\} on oracle 0: learning"):
        train_by_script(script(), jobs(99), options(home))
    text = Path("my code; $HOME/train.py")
    text.write_text("import sys; open(sys.argv[3], 'w').write('hello')")
    with pytest.raises(DataError, match="oracle 0 of the training script") as error:
        train_by_script(script(), jobs(1), options(home))
    assert "\n" not in str(error.value)


def test_another_script_seed_or_list_is_another_model(home):
    (job,) = jobs(1)
    key = key_of(job.ingredients(script()))
    assert key == key_of(jobs(1)[0].ingredients(script()))
    assert len({key, *(key_of(each.ingredients(script())) for each in (*jobs(2), *jobs(1, ids=("p3",))))}) == 3
    Path("my code; $HOME/train.py").write_text(SCRIPT + "\n# better\n")
    assert key_of(job.ingredients(script())) != key
    assert "p3" not in str(job.ingredients(script()))
    keys = set()
    for text in ("lr: 1", "lr: 2"):
        Path("net.yaml").write_text(text)
        keys.add(key_of(job.ingredients(script_of(f"{sys.executable} --config=net.yaml {{ids}} {{seed}} {{checkpoint}}"))))
    assert len(keys) == 2


def test_no_process_stays_behind_when_the_command_is_stopped(home):
    class Stop(Exception):
        pass

    def stop(at):
        raise Stop

    with pytest.raises(Stop):
        train_by_script(script(), jobs(1, 60), options(home, workers=2, on_progress=stop))
    (left,) = list((home / "here").iterdir())
    end = time.monotonic() + 5
    while time.monotonic() < end and Path(f"/proc/{left.name}").exists():
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(int(left.name), 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python train.py {ids} {seed}", r"lacks \{checkpoint\}: write it such as"),
        ("python train.py", r"lacks \{ids\}, \{seed\}, \{checkpoint\}"),
        ("python train.py {id} {seed} {checkpoint}", r"has \{id\}; did you mean 'ids'\?"),
        ("python 'train.py {ids} {seed} {checkpoint}", "cannot be split into words"),
        ("pythonx train.py {ids} {seed} {checkpoint}", "there is no program 'pythonx'"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_is_done(text, words):
    with pytest.raises(BadInput, match=words):
        script_of(text)


def test_braces_of_others_stay_as_they_are(home):
    made = script_of("""python train.py '{"lr": 0.1}' --out={checkpoint} {ids} {seed}""")
    assert made.argv(Path("i d"), 7, Path("c d"))[2:] == ['{"lr": 0.1}', "--out=c d", "i d", "7"]
