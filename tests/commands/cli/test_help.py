"""Every ``--help`` shows examples, which are understood and fit a terminal of 80 columns."""

import re
import shlex

import pytest
import typer

from untrain.commands.cli import app
from untrain.core.spec import parse

GROUP = typer.main.get_command(app.app)
COMMANDS = {"untrain": GROUP} | GROUP.commands  # type: ignore[attr-defined]


def examples(command):
    return re.findall(r"^    (untrain .*)$", (command.help or "").partition("Examples:\n")[2], flags=re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_examples_that_are_understood(name):
    lines = examples(COMMANDS[name])
    assert lines
    for line in lines:
        words = shlex.split(line)[1:]
        with GROUP.make_context("untrain", list(words)) as context:
            called, command, rest = GROUP.resolve_command(context, list(words))
            assert name in ("untrain", called) or called == "run" or called == "show"
            with command.make_context(called, rest, parent=context) as inner:
                scenario = inner.params.get("scenario")
        if scenario:
            parse(scenario)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "untrain"])
def test_what_a_command_does_stands_whole_in_the_list_of_commands(name):
    """Typer cuts it at 61 characters of 80 columns; an example is indented by six."""
    assert len(COMMANDS[name].help.split("\n\n")[0]) <= 61
    assert max(len(line) for line in examples(COMMANDS[name])) <= 74
