"""Promises of every role: spelling and documentation."""

from __future__ import annotations

import dataclasses
import inspect
import re

from untrain.core.spec import Spec, parse
from untrain.training.toy import hold


def its_spelling_makes_it_again(made: Spec) -> None:
    """``parse(repr(m)) == m``."""
    again = parse(repr(made))
    hold(again == made, made, f"is spelled {made!r}, which makes {again!r}")


def its_args_list_its_fields_in_order(made: Spec) -> None:
    """The docstring's ``Args:`` are the fields, each once, in the order of the fields."""
    _, _, tail = inspect.cleandoc(type(made).__doc__ or "").partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", tail)[0]
    told = re.findall(r"^ {4}(\w+):", section, flags=re.MULTILINE)
    fields = [f.name for f in dataclasses.fields(made)]  # type: ignore[arg-type]
    hold(told == fields, made, f"documents the fields {told}; it has {fields}")


def it_names_its_source(made: Spec) -> None:
    """The docstring has a ``Source:`` that says something."""
    text = inspect.cleandoc(type(made).__doc__ or "")
    hold(re.search(r"^Source: *\S", text, flags=re.MULTILINE) is not None, made, "names no 'Source:' in its docstring")
