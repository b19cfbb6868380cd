"""What the digest of a live object covers, and what it does not."""

import copy
import functools
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from untrain.core import libraries
from untrain.core.code_reach import reach

CODE = """
import functools, math
from types import SimpleNamespace
import torch
from torch import nn

LEVEL, TABLE, NAMES, CONFIG = 1.0, {"a": [1, 2]}, {"x", "y", "z"}, SimpleNamespace(scale=1.0)
WEIGHT = torch.ones(3)

def helper(x, by=2.0):
    '''Help.'''
    return x * by * LEVEL

def unused(): return 7

class Base(nn.Module):
    rate = 0.5

class Net(Base):
    '''A net.'''
    def __init__(self, width=3):
        super().__init__()
        self.linear, self.gain, self.act = nn.Linear(2, width, bias=False), 1.0, functools.partial(helper, by=3.0)
    def forward(self, x):
        if "x" in {"x", "y", "w"}: return self.act(self.linear(x)) * TABLE["a"][0] * self.rate * CONFIG.scale * len(NAMES) * WEIGHT
        return math.inf

def outer(factor):
    return lambda: Net(width=factor)

make = outer(3)
"""


def digest(code=CODE, values=True):
    names = {"__name__": "somewhere_of_mine"}
    exec(code, names)
    torch.manual_seed(0)
    return reach(names["make"], names["make"](), values=values)


EDITS = {
    "a constant": ("LEVEL, TABLE, NAMES, CONFIG = 1.0", "LEVEL, TABLE, NAMES, CONFIG = 1.5"),
    "an item of a table": ('"a": [1, 2]', '"a": [2, 2]'),
    "a member of a set": ('"z"}', '"v"}'),
    "an attribute of an object": ("scale=1.0", "scale=2.0"),
    "a tensor": ("torch.ones(3)", "torch.zeros(3)"),
    "a helper": ("x * by * LEVEL", "x * by / LEVEL"),
    "the kind of a default": ("by=2.0", "by=2"),
    "a partial": ("by=3.0", "by=4.0"),
    "a base class": ("rate = 0.5", "rate = 0.6"),
    "a closure": ("make = outer(3)", "make = outer(4)"),
    "an attribute of a layer": (
        "self.act = nn.Linear(2, width, bias=False), 1.0",
        "self.act = nn.Linear(2, width, bias=False), 2.0",
    ),
    "a constant of the code": ('"y", "w"}', '"y", "q"}'),
    "what is read of a library": ("math.inf", "math.pi"),
}
SAME = {
    "a comment": ("def helper", "# helps\ndef helper"),
    "a docstring": ("'''Help.'''", "'''Help more.'''"),
    "no docstring": ("    '''Help.'''\n", ""),
    "a docstring of a class": ("'''A net.'''", "'''The net.'''"),
    "what is not called": ("return 7", "return 8"),
    "a type hint": ("x, by=2.0):", "x: float, by: float = 2.0) -> float:"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_code_reads_counts(edit):
    assert EDITS[edit][0] in CODE
    assert digest(CODE.replace(*EDITS[edit])) != digest()


@pytest.mark.parametrize("edit", SAME)
def test_what_it_does_not_read_does_not(edit):
    assert SAME[edit][0] in CODE
    assert digest(CODE.replace(*SAME[edit])) == digest()


def test_the_digest_is_the_same_in_every_process_and_for_every_hash_seed():
    ask = "import sys, torch; sys.path.insert(0, '.'); from tests.core.test_code_reach import digest; print(digest())"
    found = {
        subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{digest()}\n"}


def test_circles_and_depth_end():
    circle = []
    circle.append(circle)
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert reach(circle) != reach(deep)


def test_counters_are_no_constants():
    calls = 0

    def make():
        nonlocal calls
        calls += 1
        return nn.Linear(2, 2)

    first = reach(make)
    make()
    assert reach(make) == first


def test_without_values_tables_do_not_count_and_code_does():
    table, other = [1], [2]
    one, two = functools.partial(lambda x: x, table), functools.partial(lambda x: x, other)
    assert reach(one) != reach(two)
    assert reach(one, values=False) == reach(two, values=False)
    assert reach(lambda x: x + 1, values=False) != reach(lambda x: x - 1, values=False)
    one, same, two = (functools.partial(sorted, reverse=each) for each in (True, True, False))
    assert reach(one, values=False) == reach(same, values=False) != reach(two, values=False)


@pytest.mark.parametrize("code", ["from scipy.special import expit\ndef act(x): return expit(x)",
                                  "from scipy import special\ndef act(x): return special.expit(x)",
                                  "import scipy.special as s\ndef act(x): return s.expit(x)",
                                  "def act(x):\n    from scipy.special import expit\n    return expit(x)"])  # fmt: skip
def test_the_version_of_a_library_counts_for_what_does_not_say_whose_it_is(code, tmp_path, monkeypatch):
    file = tmp_path / "own.py"
    file.write_text(code)
    names = {"__name__": "somewhere_of_mine", "__file__": str(file)}
    exec(code, names)
    before, told = reach(names["act"]), libraries.version
    for name, counts in (("scipy", True), ("torch", False)):
        monkeypatch.setattr(libraries, "version", lambda asked, name=name: "0.0" if asked == name else told(asked))
        libraries.library_version.cache_clear()
        assert (reach(names["act"]) != before) == counts
    libraries.library_version.cache_clear()


class Pickled:
    """Is pickled."""

    size = 1


def test_what_pickling_leaves_on_a_class_does_not_count():
    before = reach(Pickled)
    copy.copy(Pickled())
    pickle.dumps(Pickled())
    assert "__slotnames__" in vars(Pickled)
    assert reach(Pickled) == before


def test_the_state_of_a_librarys_module_does_not_count(monkeypatch):
    def loud():
        return sys.stdout, sys.maxsize

    before = reach(loud)
    monkeypatch.setattr(sys, "stdout", object())
    assert reach(loud) == before
