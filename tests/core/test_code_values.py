"""Every kind of value that code may read is in its digest, the same in every process; or is refused in one line."""

import os
import subprocess
import sys

import pytest

from untrain.core.code_reach import reach
from untrain.core.errors import DataError

COMMON = """
import collections, functools
import numpy as np, torch
from torch import nn

class Listed(list):
    pass

class Keyed(dict):
    pass

class Several(set):
    pass

class Tagged(torch.Tensor):
    pass

class Pair(collections.namedtuple("Pair", "a b")):
    pass

class Wraps:
    def __init__(self, function, by):
        self.function, self.by = function, by
        functools.update_wrapper(self, function)
    def __call__(self, x): return self.function(x) * self.by

def wraps_class(by):
    def wrap(cls):
        def make(*args): return cls(*args)
        functools.update_wrapper(make, cls, updated=())
        make.by = by
        return make
    return wrap

def with_(value, **attributes):
    for name, part in attributes.items(): setattr(value, name, part)
    return value

def one(): return 1
def two(): return 2

class Node:
    def __init__(self, name): self.name, self.peers = name, set()

def ring(*names):
    nodes = [Node(name) for name in names]
    for a, b in zip(nodes, nodes[1:] + nodes[:1]): a.peers.add(b)
    return {*nodes}

def within(text):
    outer = set()
    outer.add((text, with_(Node("a"), peers=outer)))
    return outer

@functools.lru_cache
def cached(x): return x
"""
# What each value is, and what it becomes.
VALUES = {
    "a decorator of functions": ("Wraps(lambda x: x, 1.0)", "Wraps(lambda x: x, 2.0)"),
    "what a decorator wraps": ("Wraps(lambda x: x, 1.0)", "Wraps(lambda x: -x, 1.0)"),
    "a decorator with a library's name": ("Wraps(torch.relu, 1.0)", "Wraps(torch.relu, 2.0)"),
    "what such a decorator wraps": ("Wraps(nn.functional.relu, 1.0)", "Wraps(nn.functional.gelu, 1.0)"),
    "a decorator of classes": ("wraps_class(1.0)(Node)", "wraps_class(2.0)(Node)"),
    "a class that is wrapped": ("Wraps(Node, 1.0)", "Wraps(Listed, 1.0)"),
    "an attribute of a cached function": ("with_(functools.cache(one), by=1)", "with_(functools.cache(one), by=2)"),
    "a cached function": ("functools.cache(one)", "functools.cache(two)"),
    "an attribute of a partial": ("with_(functools.partial(one), by=1)", "with_(functools.partial(one), by=2)"),
    "values of a sparse tensor": ("torch.eye(3).to_sparse()", "(2 * torch.eye(3)).to_sparse()"),
    "places of a sparse tensor": ("torch.eye(3).to_sparse()", "torch.eye(3).flip(0).to_sparse()"),
    "a compressed sparse tensor": ("torch.eye(3).to_sparse_csr()", "(2 * torch.eye(3)).to_sparse_csr()"),
    "columns of a sparse tensor": ("torch.eye(3).to_sparse_csc()", "torch.eye(3).flip(0).to_sparse_csc()"),
    "blocks of a sparse tensor": ("torch.eye(4).to_sparse_bsr((2, 2))", "(2 * torch.eye(4)).to_sparse_bsr((2, 2))"),
    "a conjugate": ("torch.ones(2, dtype=torch.cfloat) * 1j", "(torch.ones(2, dtype=torch.cfloat) * 1j).conj()"),
    "what a default dictionary makes": ("collections.defaultdict(one, a=1)", "collections.defaultdict(two, a=1)"),
    "items of a default dictionary": ("collections.defaultdict(one, a=1)", "collections.defaultdict(one, a=2)"),
    "counts": ("collections.Counter('aab')", "collections.Counter('abb')"),
    "chained dictionaries": ("collections.ChainMap({'a': 1}, {'a': 3})", "collections.ChainMap({'a': 1}, {'a': 4})"),
    "an attribute of a dictionary": ("with_(Keyed(a=1), by=1)", "with_(Keyed(a=1), by=2)"),
    "items of a dictionary of a class": ("Keyed(a=1)", "Keyed(a=2)"),
    "a length of a queue": ("collections.deque([1], 3)", "collections.deque([1], 4)"),
    "a mask of an array": ("np.ma.array([1, 2], mask=[0, 1])", "np.ma.array([1, 2], mask=[1, 0])"),
    "numbers of a masked array": ("np.ma.array([1, 2], mask=[0, 1])", "np.ma.array([3, 2], mask=[0, 1])"),
    "objects of an array": ("np.array([Node('a'), None])", "np.array([Node('b'), None])"),
    "an attribute of a list": ("with_(Listed([1]), by=1)", "with_(Listed([1]), by=2)"),
    "items of a list of a class": ("Listed([1])", "Listed([2])"),
    "an attribute of a tensor": ("with_(torch.ones(2), by=1)", "with_(torch.ones(2), by=2)"),
    "an attribute of a tensor of a class": (
        "with_(torch.ones(2).as_subclass(Tagged), by=1)", "with_(torch.ones(2).as_subclass(Tagged), by=2)",
    ),
    "numbers of a tensor of a class": ("torch.ones(2).as_subclass(Tagged)", "torch.zeros(2).as_subclass(Tagged)"),
    "an attribute of a set": ("with_(Several([1]), by=1)", "with_(Several([1]), by=2)"),
    "a field of a named tuple": ("Pair(1, [2])", "Pair(1, [3])"),
    "a scripted function": ("torch.jit.script(double)", "torch.jit.script(triple)"),
    "what a scripted function calls": ("torch.jit.script(calls_double)", "torch.jit.script(calls_triple)"),
    "a traced constant": (
        "torch.jit.trace(lambda x: x * torch.arange(50.0), torch.ones(50))",
        "torch.jit.trace(lambda x: x * (torch.arange(50.0) + (torch.arange(50) == 20)), torch.ones(50))",
    ),
    "an attribute of a scripted module": ("torch.jit.script(Gains(1.0))", "torch.jit.script(Gains(2.0))"),
    "a buffer of a scripted module": ("torch.jit.script(Gains(1.0, 1.0))", "torch.jit.script(Gains(1.0, 2.0))"),
    "members that lead to each other": ("ring('a', 'b', 'c')", "ring('a', 'b', 'd')"),
    "a set within itself": ("within('a')", "within('b')"),
    "sets of sets": ("{frozenset({frozenset({1}), 2}), 3}", "{frozenset({frozenset({4}), 2}), 3}"),
}  # fmt: skip
JIT = """
import torch
from torch import nn

def double(x): return x * 2
def triple(x): return x * 3
def calls_double(x): return double(x) + 1
def calls_triple(x): return triple(x) + 1

class Gains(nn.Module):
    def __init__(self, gain, shift=0.0):
        super().__init__()
        self.gain = gain
        self.register_buffer("shift", torch.full((2,), shift))
    def forward(self, x): return x * self.gain + self.shift
"""


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")
    (folder / "values_of_mine.py").write_text(COMMON + JIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import values_of_mine

        yield folder, vars(values_of_mine)
        sys.modules.pop("values_of_mine")


def digest(value, names):
    """Of a function that reads a value of a module."""
    space = {**names, "VALUE": eval(value, names), "__name__": "values_of_mine"}
    exec("def read(): return VALUE", space)
    return reach(space["read"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_of_any_kind_counts(kind, values):
    first, other = VALUES[kind]
    assert digest(first, values[1]) == digest(first, values[1])
    assert digest(first, values[1]) != digest(other, values[1])


@pytest.mark.filterwarnings("ignore")
def test_digests_of_values_are_the_same_in_every_process_and_for_every_hash_seed(values):
    folder, names = values
    ask = (
        "import sys; sys.path[:0] = ['.', sys.argv[1]]\n"
        "import values_of_mine; from tests.core.test_code_values import VALUES, digest\n"
        "for _ in range(3): values_of_mine.torch.jit.script(values_of_mine.Gains(5.0))\n"
        "for first, _ in reversed(VALUES.values()): print(digest(first, vars(values_of_mine)))"
    )
    expected = [digest(first, names) for first, _ in VALUES.values()]
    for seed in ("1",):  # this process has another
        command, env = [sys.executable, "-W", "ignore", "-c", ask, str(folder)], {**os.environ, "PYTHONHASHSEED": seed}
        printed = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()
        assert dict(zip(VALUES, printed[::-1], strict=True)) == dict(zip(VALUES, expected, strict=True))


REFUSED = {
    "a quantized tensor": "torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)",
    "a nested tensor": "torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    "sets without an end": "functools.reduce(lambda inner, _: frozenset({inner}), range(3000), frozenset())",
    "sets of all others": "[nodes := [Node(str(i)) for i in range(40)], [node.peers.update(nodes) for node in nodes]]",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_digest_is_refused_in_one_line(kind, values):
    with pytest.raises(DataError, match=r"code of yours reads .*, of which no key can be made: .*") as caught:
        digest(REFUSED[kind], values[1])
    assert "\n" not in str(caught.value)
