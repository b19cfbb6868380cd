"""Which values of a module foreign code may leave changed, and which no key covers."""

import sys
import types

import pytest

from untrain.core import seeds
from untrain.core.code_reach import reach
from untrain.core.errors import BrokenPromise
from untrain.core.foreign import foreign, was_spoiled
from untrain.core.module_state import computed, states
from untrain.core.patches import Bindings
from untrain.unlearners.finetune import Finetune

CODE = """
import functools
WEIGHT, SHAPE, MODE = 1.0, (1, "a"), None
CALLS, CACHE, WARNED, LAST, LEVEL, SWAPPED = 0, None, False, 0.0, 1.0, 1.0

def count():
    global CALLS
    CALLS += 1

def cached():
    global CACHE
    if CACHE is None:
        CACHE = str(WEIGHT)
    return CACHE

class Warns:
    @staticmethod
    @functools.lru_cache
    def once():
        global WARNED
        if not WARNED:
            WARNED = True

def fit(x):
    def inner():
        global LAST
        LAST = x * 2
    inner()

def set_level(level):
    global LEVEL
    LEVEL = level

def swap(to):
    global SWAPPED
    old = SWAPPED
    SWAPPED = to
    return old

def set_mode():
    global MODE
    MODE = "fast"

def weigh(x): return x * WEIGHT * LEVEL * SWAPPED * len(str(MODE)) + len(SHAPE)
def read(): return CALLS, CACHE, WARNED
def helper(): return 1

class Net:
    rate, made, kinds, many = 0.5, 0, 0, 1.0
    def __init__(self):
        Net.made += 1
        type(self).kinds += 1
        self.many *= 2
"""


@pytest.fixture
def module(monkeypatch, tmp_path):
    made = types.ModuleType("somebodys")
    made.__file__ = str(tmp_path / "somebodys.py")
    (tmp_path / "somebodys.py").write_text(CODE)
    exec(compile(CODE, made.__file__, "exec"), vars(made))
    monkeypatch.setitem(sys.modules, "somebodys", made)
    yield made
    was_spoiled()


def test_what_a_function_reads_and_sets_is_state(module):
    assert states(vars(module)) == {"CALLS", "CACHE", "WARNED"}
    assert computed(vars(module)) == {"CALLS", "CACHE", "WARNED", "LAST"}


MOVES = {
    "a counter": lambda m: m.count(),
    "a cache": lambda m: m.cached(),
    "a flag": lambda m: m.Warns.once(),
}
CONSTANTS = {
    "a constant": ("WEIGHT", lambda m: setattr(m, "WEIGHT", 2.0)),
    "a constant of another type": ("WEIGHT", lambda m: setattr(m, "WEIGHT", 1)),
    "a tuple": ("SHAPE", lambda m: setattr(m, "SHAPE", (2, "a"))),
    "one that is removed": ("WEIGHT", lambda m: delattr(m, "WEIGHT")),
    "by a setter": ("LEVEL", lambda m: m.set_level(2.0)),
    "by a setter that gives the old one": ("SWAPPED", lambda m: m.swap(2.0)),
    "by a switch": ("MODE", lambda m: m.set_mode()),
    "a function": ("helper", lambda m: setattr(m, "helper", len)),
}


@pytest.mark.parametrize("move", MOVES)
def test_state_may_move_and_is_in_no_key(module, move):
    before = reach(module.weigh), reach(module.read)
    values = module.read()
    with foreign("Own()"):
        MOVES[move](module)
    assert module.read() != values
    assert (reach(module.weigh), reach(module.read)) == before


@pytest.mark.parametrize("change", CONSTANTS)
def test_a_constant_of_somebodys_module_is_put_back_and_named(module, change):
    name, act = CONSTANTS[change]
    was = getattr(module, name)
    with (
        pytest.raises(BrokenPromise, match=rf"Careless\(\) left the \w+ somebodys\.{name} changed, which was put back"),
        foreign("Careless()"),
    ):
        act(module)
    assert getattr(module, name) is was


@pytest.mark.parametrize("change", [name for name in CONSTANTS if "function" not in name and "removed" not in name])
def test_a_constant_is_in_the_key(module, change):
    before = reach(module.weigh)
    CONSTANTS[change][1](module)
    assert reach(module.weigh) != before


def test_what_a_module_computes_is_put_back_without_a_word(module):
    with foreign("Own()"):
        module.fit(3.0)
    assert module.LAST == 0.0


@pytest.mark.parametrize(("owner", "name", "value"), [(seeds, "MADE_UP", 7), (Finetune, "version", 99)])
def test_constants_of_this_package_are_put_back_and_named(monkeypatch, owner, name, value):
    monkeypatch.setattr(owner, name, 1, raising=False)
    with pytest.raises(BrokenPromise, match=f"the constant .*{name} changed"), foreign("Careless()"):
        setattr(owner, name, value)
    assert getattr(owner, name) == 1
    was_spoiled()


def test_constants_of_classes_are_put_back(module):
    with pytest.raises(BrokenPromise, match=r"the constant somebodys\.Net\.rate"), foreign("Careless()"):
        module.Net.rate = 0.9
    assert module.Net.rate == 0.5


def test_counters_of_classes_are_state_and_what_objects_count_is_not(module):
    before = reach(module.Net)
    with foreign("Own()"):
        assert module.Net().many == 2.0
    assert (module.Net.made, module.Net.kinds) == (1, 1)
    assert reach(module.Net) == before
    module.Net.many = 2.0
    assert reach(module.Net) != before


def test_a_counter_that_is_read_through_its_module_is_in_no_key(module):
    space = {"__name__": "other", "somebodys": module}
    exec("def read(): return somebodys.CALLS, somebodys.WEIGHT", space)
    before = reach(space["read"])
    module.count()
    assert reach(space["read"]) == before
    module.WEIGHT = 3.0
    assert reach(space["read"]) != before


def test_equal_values_of_other_objects_are_no_change(module):
    module.SHAPE = (1, "a")
    names = Bindings()
    module.SHAPE = (int("1"), "".join(["a"]))
    module.WEIGHT = float("1.0")
    assert names.patches() == []
