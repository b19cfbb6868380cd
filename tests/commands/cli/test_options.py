"""Options of the terminal come from the signature and the docstring of a command, and from nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
import typer
from typer.testing import CliRunner

from untrain.commands import attribute, audit, demo, localize, memorize, report, run, search, store
from untrain.commands.arguments import AtLeast
from untrain.commands.cli import app
from untrain.commands.cli.options import SUPPLIED, command
from untrain.core.describe import documented
from untrain.experiments.audits.foreign_models import Checkpoints, Outputs

if TYPE_CHECKING:
    from nowhere import Heavy


def planted(
    name: str | Heavy, parts: str | Heavy | Iterable[str | Heavy], count: Annotated[int, AtLeast(2)] = 3,
    share: str | float | None = None, days: float | None = None, out: str | Path | None = None,
    tags: Sequence[str] = ("usual",), fast: bool = False,
    images: bool = True, workers: int | None = 1, processes: int = 1, command: str = "", on_progress: Heavy = None,
):  # fmt: skip
    """Do a thing.

    Args:
        name: name of the ``thing``.
        parts: what it is made of.
        count: number of copies.
        share: part of it; None takes all.
        out: folder of the copies; None writes none.
        tags: word to add.
        fast: do it at once.
        workers: number of processes; None is as many as fit.
    """
    return {n: v for n, v in locals().items() if n != "on_progress"}


@pytest.fixture
def called():
    """Calls the planted command: its exit code, and what its function got."""
    documents = []
    single = typer.Typer(rich_markup_mode=None)
    single.command()(command(planted, lambda document, arguments: documents.append((document, arguments)), out=Path("here")))

    def call(*argv):
        result = CliRunner().invoke(single, [*map(str, argv)])
        return result, documents[-1] if documents else None

    return call


def test_an_option_that_is_left_out_is_the_default_of_the_function(called):
    result, (document, arguments) = called("a", "b", "c")
    assert result.exit_code == 0
    assert document["parts"] == ["b", "c"]
    assert (document["count"], document["share"], document["fast"], document["images"]) == (3, None, False, True)
    assert document["tags"] == ("usual",)
    assert document["command"].startswith("untrain")
    assert arguments["as_json"] is False


def test_the_terminal_has_defaults_of_its_own_where_it_says_so(called):
    _, (document, _) = called("a", "b")
    assert document["out"] == Path("here")
    assert (document["workers"], document["processes"]) == (None, 1)


def test_each_annotation_is_read_as_its_kind(called):
    words = (
        "a",
        "b",
        "--count",
        5,
        "--share",
        "10%",
        "--days",
        0.5,
        "--out",
        "o",
        "--tag",
        "x",
        "--tag",
        "y",
        "--fast",
        "--no-images",
    )
    _, (document, arguments) = called(*words, "--json")
    assert (document["count"], document["share"], document["days"], document["out"]) == (5, "10%", 0.5, Path("o"))
    assert (document["tags"], document["fast"], document["images"]) == (["x", "y"], True, False)
    assert arguments["as_json"] is True


@pytest.mark.parametrize("argv", [("--count", "1"), ("--count", "x"), ("--days", "soon"), ("--no-fast",), ("--command", "x")])
def test_what_an_annotation_forbids_is_refused(called, argv):
    assert called("a", "b", *argv)[0].exit_code == 2


def test_the_docstring_is_the_help(called):
    text = " ".join(called("--help")[0].output.split())
    for words in ("Do a thing.", "Name of the thing.", "Number of copies. [default: 3; x>=2]", "Word to add; may be repeated."):
        assert words in text
    assert "Part of it; the default takes all." in text
    assert "Folder of the copies. [default: here]" in text
    assert "None" not in text


@dataclass(frozen=True)
class Thing:
    """A record.

    Args:
        weight: how heavy it is.
    """

    weight: int = 2


def weigh(thing: Thing, times: int = 1):
    """Weigh a thing.

    Args:
        thing: the thing.
        times: how often.
    """


def test_a_record_is_written_by_its_fields():
    single = typer.Typer()
    single.command()(command(lambda **arguments: arguments, lambda document, _: typer.echo(document), sources=(Thing, weigh)))
    result = CliRunner().invoke(single, ["--weight", "5"])
    assert "'weight': 5, 'times': 1" in result.output
    assert CliRunner().invoke(single, ["--thing", "5"]).exit_code == 2


COMMANDS = {
    "run": [run.run], "demo": [demo.demo], "report": [report.report], "search": [search.search], "store": [store.store],
    "localize": [localize.localize], "memorize": [memorize.memorize], "attribute": [attribute.attribute],
    "audit": [audit.audit, Outputs, Outputs.from_easydub, Checkpoints],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_of_a_command_is_an_option_with_help_and_the_same_default(name):
    words = documented(run.run)
    parameters = {}
    for source in COMMANDS[name]:
        words |= documented(source)
        parameters |= {p.name: p for p in inspect.signature(source).parameters.values() if p.kind is not p.VAR_KEYWORD}
    options = {p.name: p for p in typer.main.get_command(app.app).commands[name].params}
    known = parameters.keys() - set(SUPPLIED) - ({"models"} if name == "audit" else set())
    assert options.keys() - {"as_json", "price", "verbose"} == known
    for each in known:
        assert words[each], each
        assert options[each].help, each
        default = parameters[each].default
        if isinstance(default, int | float | str) and each not in ("workers", "out"):
            assert options[each].default == default, each


def test_home_is_read_for_the_store_alone():
    for name, each in typer.main.get_command(app.app).commands.items():
        assert {p.name for p in each.params if p.envvar} <= {"store"}, name
