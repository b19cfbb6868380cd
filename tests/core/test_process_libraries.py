"""What libraries do for themselves is nobody's fault, and what cannot be put back stops nothing else."""

import contextvars
import os
import random
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from untrain.core.errors import BrokenPromise
from untrain.core.foreign import foreign

HELD = contextvars.ContextVar("held", default=None)

COMPILES = """
import numpy as np, torch
from torch import nn
from untrain.core.foreign import foreign
for _ in range(2):
    with foreign("Compiles()"):
        model = torch.compile(nn.Linear(2, 2), backend="eager")
        model(torch.ones(1, 2)).sum().backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
"""
FITS = """
import numpy as np
from untrain.core.foreign import foreign
for _ in range(2):
    with foreign("Fits()"):
        from sklearn.linear_model import LogisticRegression
        LogisticRegression().fit(np.eye(6), np.arange(6) % 2)
"""


@pytest.mark.parametrize("script", [COMPILES, FITS], ids=["compiles", "fits"])
def test_what_libraries_do_at_first_is_not_blamed(script):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]


def test_how_numpy_prints_is_put_back_without_a_word():
    before = np.get_printoptions()
    with foreign("Prints()"):
        np.set_printoptions(precision=2)
    assert np.get_printoptions() == before


def test_variables_of_the_compiler_are_put_back_without_a_word_and_others_are_named():
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    with foreign("Compiles()"):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = "/nowhere"
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == before
    with pytest.raises(BrokenPromise, match="the environment"), foreign("Both()"):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.environ["LEFT"] = "/nowhere"


def test_a_context_variable_that_holds_an_array_is_put_back_and_named():
    HELD.set(was := np.zeros(2))
    with pytest.raises(BrokenPromise, match="left the context variable held and the global random state"), foreign("Sets()"):  # noqa: PT012
        HELD.set(np.ones(2))
        random.random()
    assert HELD.get() is was


class Lazy(types.ModuleType):
    """A module that loads another when it is asked for anything."""

    def __getattr__(self, name):
        sys.modules[f"lazy_{len(sys.modules)}"] = types.ModuleType("lazy")
        raise ImportError(name)


def test_modules_that_load_others_when_asked_stop_nothing():
    before = set(sys.modules)
    try:
        with pytest.raises(BrokenPromise, match=r"^Loads\(\) left torch's default dtype"), foreign("Loads()"):  # noqa: PT012
            sys.modules["lazy_module"] = Lazy("lazy_module")
            sys.modules["lazy_nothing"] = 3
            torch.set_default_dtype(torch.float64)
        assert torch.get_default_dtype() == torch.float32
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def test_what_cannot_be_put_back_is_named_and_all_else_is_put_back(monkeypatch):
    from untrain.core import process_settings, process_state

    def refuse(value):
        raise OSError("no way")

    state = {"value": 0}
    stubborn = process_settings.ProcessSetting("the stubborn", lambda: state["value"], refuse)
    monkeypatch.setattr(process_state, "settings", lambda: iter((stubborn, *process_settings.settings())))
    said = r"left torch's default dtype .* which was put back; it left the stubborn \(OSError: no way\) changed, which could not be"
    with pytest.raises(BrokenPromise, match=said), foreign("Stuck()"):  # noqa: PT012
        state["value"] = 1
        torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_real_compiler_is_not_blamed():
    script = COMPILES.replace(', backend="eager"', "")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
