"""``untrain check`` names the one promise that is broken, with its cure, and no class hides the others of its module."""

import re
import sys
from pathlib import Path

import pytest

from untrain.commands import promises
from untrain.commands.check import check
from untrain.core.errors import SpecError

MODULE = '''
import torch
from torch import nn

from untrain.unlearners.base import Unlearner
from untrain.localizers.base import Localizer


class Leak(Unlearner):
    """Moves everything, whatever the mask. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.1)
        return model


class Begun(Unlearner):
    """Has an __init__."""

    def __init__(self, keep):
        self.keep = keep

    def unlearn(self, model, problem):
        return model


class Called(Localizer):
    """Has the verb of its role."""

    def __call__(self, model, problem):
        return {}


class Needy(Unlearner):
    """Needs a field.

    Args:
        keep: share.

    Source: planted.
    """

    keep: float

    def unlearn(self, model, problem):
        return model


class Idle(Unlearner):
    """Moves nothing. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        return model


class Crashing(Unlearner):
    """Fails. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        raise ZeroDivisionError("no good")


class Own(Unlearner):
    """Bears a short name. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.add_(0.1 * len(problem.retain) ** 0.5 * (1 if problem.trainable is None else problem.trainable.bits[name]))
        return model
'''


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """What check says of each class of the module."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "planted_methods.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        rows = check("planted_methods")
        alone = {name: check(f"planted_methods.{name}") for name in ("Begun", "Idle")}
    finally:
        sys.path.remove(str(folder))
    by_class: dict = {}
    for row in rows:
        by_class.setdefault(row["method"], []).append(row)
    return by_class, alone


def broken(rows):
    return {row["promise"]: row["error"] for row in rows if row["error"] and row["tried"]}


def test_every_class_of_the_module_is_there_in_its_order(checked):
    assert list(checked[0]) == ["Leak", "Begun", "Called", "Needy", "Idle", "Crashing", "Own"]


@pytest.mark.parametrize(
    ("method", "promise"),
    [
        ("Leak", "it leaves what is outside the mask"), ("Idle", "it moves some parameter"), ("Crashing", promises.RUNS),
        ("Begun", promises.DEFINED), ("Called", promises.DEFINED), ("Needy", promises.DEFINED),
    ],
)  # fmt: skip
def test_the_one_broken_promise_is_blamed(checked, method, promise):
    assert list(broken(checked[0][method])) == [promise]


def test_what_another_promise_stopped_is_untried_and_says_why(checked):
    untried = [row for row in checked[0]["Idle"] if not row["tried"]]
    assert untried
    assert all("'it moves some parameter'" in row["error"] for row in untried)


def test_a_short_name_breaks_nothing(checked):
    assert broken(checked[0]["Own"]) == {}


def test_messages_have_their_cure(checked):
    errors = {method: " ".join(broken(rows).values()) for method, rows in checked[0].items()}
    assert "fields in the class body" in errors["Begun"]
    assert "put the work into localize" in errors["Called"]
    assert "give each field a default" in errors["Needy"]
    assert "problem.trainable.bits" in errors["Leak"]
    assert "may_be_unchanged" in errors["Idle"]


def test_a_class_by_its_own_name_is_checked_beside_one_that_cannot_be_made(checked):
    assert list(broken(checked[1]["Begun"])) == [promises.DEFINED]
    assert list(broken(checked[1]["Idle"])) == ["it moves some parameter"]


def test_outside_of_check_a_class_that_breaks_its_role_raises_where_it_is_written():
    from untrain.unlearners.base import Unlearner

    with pytest.raises(TypeError, match="write its values as fields"):
        type("Begun", (Unlearner,), {"__init__": lambda self: None, "__module__": __name__})
    with pytest.raises(SpecError):
        check("no_such_module_at_all")


def test_every_promise_has_a_cure_and_a_line_of_the_page():
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
    for name, _, ask in promises.all_promises():
        assert re.search(r"\bCure: \w", ask.__doc__), name
        assert f"| {name} |" in page
    for name in (promises.RUNS, promises.DEFINED):
        assert f"`{name}`" in page
