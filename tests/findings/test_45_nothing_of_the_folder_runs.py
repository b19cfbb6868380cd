"""What lies in the working folder is imported only while a name that the user typed is, and its prints stay off stdout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from untrain.core import discovery
from untrain.core.errors import SpecError

SCENARIO = "Digits(model=ConvNet(width=2), steps=Steps(lr=0.1, epochs=1, batch=64))"
PLUGIN = '''
"""A plug-in."""
import os
import torch
import beside
from untrain.unlearners.base import Unlearner

print("noise at import")


class Loud(Unlearner):
    """All weights become smaller; buffers stay.

    Args:
        size: by which share.

    Source: planted.
    """

    size: float = 0.1

    def unlearn(self, model, problem):
        print("noise of a method")
        os.system("echo noise of a child")
        os.write(1, b"noise past Python\\n")
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(1 - self.size)
        return model
'''
# Names of libraries that others try to import, and of modules of Python that are not loaded when it begins.
LURES = (
    "opt_einsum",
    "numexpr",
    "colorama",
    "ipywidgets",
    "sitecustomize_",
    "multiprocessing",
    "pickle",
    "random",
    "json",
    "torch",
)


@pytest.fixture
def folder(tmp_path):
    """A folder that was downloaded: modules that say that they were run."""
    for name in LURES:
        (tmp_path / f"{name}.py").write_text(f"import os\nos.write(2, b'LURED by {name}\\n')\n")
    (tmp_path / "loud.py").write_text(PLUGIN)
    (tmp_path / "beside.py").write_text("")
    return tmp_path


def untrain(folder, *argv):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-m", "untrain", *argv], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert "LURED" not in done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_run_with_a_plug_in_takes_nothing_else_from_the_folder(folder, workers):
    argv = ["run", SCENARIO, "loud.Loud", "Nothing", "--seeds", "1", "--oracles", "2", "--store", "runs", "--out", "page"]
    done = untrain(folder, *argv, "--workers", str(workers), "--json")
    assert done.returncode == 0
    assert [row["error"] for row in json.loads(done.stdout)["results"]] == [None, None]
    assert "noise of a method" in done.stderr
    if workers == 1:
        assert "noise of a child" in done.stderr


def test_reading_a_store_takes_nothing_from_the_folder(folder):
    assert untrain(folder, "methods").returncode == 0
    assert untrain(folder, "store", "--store", "runs").returncode in (0, 2)


def test_a_dotted_name_is_found_beside_the_user_and_the_path_is_as_before(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = list(sys.path)
    assert discovery.load("loud.Loud").__name__ == "Loud"
    assert sys.path == before
    assert discovery.plugins()["loud"] == str(Path.cwd())
    for name in ("loud", "beside"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import torch; torch.set_default_dtype(torch.float64)", "default dtype"),
        ("import torch.nn.functional as F; F.relu = F.gelu", "torch.nn.functional.relu"),
        ("import os; os.chdir('/')", "the working folder"),
        ("import os; os.environ['LEFT'] = 'behind'", "LEFT"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_module_that_changes_the_process_when_it_is_imported_is_refused_each_time(tmp_path, monkeypatch, line, said):
    (tmp_path / "careless.py").write_text(line)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with pytest.raises(SpecError, match=f"careless cannot be imported: .*{said}"):
            discovery.import_module("careless")
    assert "LEFT" not in os.environ


def test_a_module_may_seed_and_print_when_it_is_imported(tmp_path, monkeypatch, capsys):
    import numpy as np

    (tmp_path / "seeding.py").write_text("import numpy as np\nnp.random.seed(0)\nprint('noise')")
    monkeypatch.chdir(tmp_path)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    discovery.import_module("seeding")
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert capsys.readouterr().out == ""
    sys.modules.pop("seeding")
