"""A store never gives the models of another network: whatever a network reads is edited, and the models are made anew."""

import importlib
import sys
import textwrap

import numpy as np
import pytest

import untrain as ut
from untrain.core import code_digest

NETWORK = """
    from torch import nn
    from {helpers} import factor

    SHIFT, TABLE = 1.0, {{"scale": [1.0, 2.0]}}

    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.gain = nn.Linear(5, 8), nn.Linear(8, 3), 1.0

        def forward(self, x):
            return self.b(self.a(x).relu() * self.gain + SHIFT) * TABLE["scale"][0] * factor()
"""
HELPERS = "LEVEL = 1.0\n\n\ndef factor():\n    return LEVEL\n"


def data(n, seed):
    draw = np.random.default_rng(seed)
    y = draw.integers(3, size=n)
    return draw.normal(size=(n, 5)).astype("float32") + 1.2 * np.eye(3, 5)[y].astype("float32"), y


def trained(model, store):
    """Number of models that a run had to train."""
    own = ut.Custom(train=data(60, 0), test=data(30, 1), model=model, steps=ut.Steps(lr=0.1, epochs=1, batch=32))
    return ut.run(own, ["Nothing"], seeds=1, oracles=2, store=store)["price"]["train"]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes both files and imports them, as the next start of the script would."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name, helpers = f"net_{tmp_path.name}", f"helpers_{tmp_path.name}"

    def write(network=NETWORK, helper=HELPERS):
        (tmp_path / f"{helpers}.py").write_text(helper)
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(network.format(helpers=helpers)))
        for module in (name, helpers):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        for part in vars(code_digest).values():
            getattr(part, "cache_clear", lambda: None)()
        return importlib.import_module(name)

    yield write
    for module in (name, helpers):
        sys.modules.pop(module, None)


EDITS = {
    "forward": (NETWORK.replace("relu()", "tanh()"), HELPERS),
    "a constant": (NETWORK.replace("SHIFT, TABLE = 1.0", "SHIFT, TABLE = 1.5"), HELPERS),
    "what lies in a table": (NETWORK.replace("[1.0, 2.0]", "[1.5, 2.0]"), HELPERS),
    "an attribute that is no weight": (NETWORK.replace("8, 3), 1.0", "8, 3), 1.1"), HELPERS),
    "a helper of another file": (NETWORK, HELPERS.replace("return LEVEL", "return LEVEL + 1")),
    "a constant that a helper reads": (NETWORK, HELPERS.replace("1.0", "3.0")),
}
NOTHING = {
    "a comment": (NETWORK.replace("def forward", "# said\n        def forward"), f"# said\n{HELPERS}"),
    "a docstring": (NETWORK.replace("x):\n", 'x):\n            """Said."""\n'), HELPERS),
    "another function": (NETWORK + "\n    def unused():\n        return 5\n", HELPERS),
}


# One of each with every run; that the others move keys is also tested without models, in tests/core/test_code_reach.py.
QUICK = ("a constant that a helper reads", "a comment")


@pytest.mark.parametrize("edit", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in (*EDITS, *NOTHING)])
def test_models_are_made_anew_if_and_only_if_what_the_network_reads_was_edited(edit, written, tmp_path):
    first = written()
    assert trained(lambda: first.Mine(), tmp_path / "store") == 4
    second = written(*{**EDITS, **NOTHING}[edit])
    assert trained(lambda: second.Mine(), tmp_path / "store") == (4 if edit in EDITS else 0)
