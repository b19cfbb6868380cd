"""From the signature and the ``Args:`` of a command to its options in the terminal.

What an argument is called, what it defaults to, which values it may have and what it means stands once, in the command, and so do
the ``Examples:`` that ``--help`` shows. An argument that a command does not describe means what it means in ``run``. This file
adds what the terminal alone knows: ``--json``, ``--price``, ``--verbose``, ``$UNTRAIN_HOME``, and how an annotation is spelled.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from untrain.commands.arguments import AtLeast, Document
from untrain.commands.cli.output import Tracker, priced, spoken
from untrain.commands.run import run
from untrain.core.describe import documented
from untrain.core.paths import user_path

Arguments = dict[str, Any]
Show = Callable[[Any, Arguments], None]

SUPPLIED = ("command", "on_progress", "price")  # the terminal passes these by itself
DEFAULTS = {"workers": None}  # a process that a terminal starts may always start others
ALSO = {"images": ("--texts/--no-texts",)}  # what else a parameter is called: of a language model it is texts that are left out
SPELLED = {"compiled": "--compile", "forget_classes": "--forget-class", "class_names": "--class-name"}
HOME = "UNTRAIN_HOME"
JSON = inspect.Parameter(
    "as_json", inspect.Parameter.KEYWORD_ONLY, default=False,
    annotation=Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; progress stays on stderr.")],
)  # fmt: skip
PRICE = inspect.Parameter(
    "price", inspect.Parameter.KEYWORD_ONLY, default=False,
    annotation=Annotated[bool, typer.Option("--price", help="Print how many models would be trained and how long; train nothing.")],
)  # fmt: skip

VERBOSE = inspect.Parameter(
    "verbose", inspect.Parameter.KEYWORD_ONLY, default=False,
    annotation=Annotated[bool, typer.Option("--verbose", help="Print intervals, and notes on how the work was done, too.")],
)  # fmt: skip


def command(
    function: Callable[..., Any], show: Show, *, sources: Sequence[Any] = (), positional: Sequence[str] = (),
    price: Callable[..., Document] | None = None, what: str = "models", verbose: bool = False, **defaults: Any,
) -> Callable[..., None]:  # fmt: skip
    """Make a command of the terminal of a function.

    Args:
        function: what the command calls.
        show: prints what the function returns; gets the arguments too, and under 'as_json' and 'verbose' whether to print JSON
            or more.
        sources: functions and records whose parameters are the options, the command last; empty for those of the function.
        positional: arguments that are written without their name although they may be left out.
        price: function that returns the price of the same arguments; adds ``--price``.
        what: what progress counts.
        verbose: whether there is more to print, with ``--verbose``.
        defaults: values that differ in the terminal.
    """
    sources = sources or (function,)
    parameters = options_of(sources, positional, defaults)
    repeated = {p.name for p in parameters if _kind(get_args(p.annotation)[0]) == list[str]}

    def invoke(**values: Any) -> None:
        as_json, price_only, more = values.pop("as_json"), values.pop("price", False), values.pop("verbose", False)
        # A repeated option that is left out means the default of the function.
        arguments = {name: _place(value) for name, value in values.items() if not (name in repeated and not value)}
        estimate = price if price_only else None
        with Tracker(what, function.__name__.strip("_")) as tracker:
            arguments |= {"command": spoken(), "on_progress": tracker}
            outcome = (estimate or function)(**_accepted(estimate or function, arguments))
        if estimate:
            priced(outcome, as_json)
        else:
            show(outcome, arguments | {"as_json": as_json, "verbose": more})

    added = [*([PRICE] if price else []), *([VERBOSE] if verbose else []), JSON]
    return signed(invoke, sources[-1], [*parameters, *added])


def _place(value: Any) -> Any:
    """Read a path as every other place reads it; a shell does not see the tilde of a quoted one."""
    return user_path(value) if isinstance(value, Path) else value


def signed(
    invoke: Callable[..., None], function: Callable[..., Any], parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """Give a callback the name and the help of a function, and parameters that Typer reads."""
    invoke.__name__ = function.__name__
    invoke.__doc__ = _help_text(inspect.getdoc(function) or "")
    required = [p for p in parameters if p.default is p.empty]
    ordered = [*required, *(p for p in parameters if p.default is not p.empty)]
    invoke.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    invoke.__annotations__ = {p.name: p.annotation for p in ordered}
    return invoke


def _help_text(docstring: str) -> str:
    """The first paragraph of a docstring and its ``Examples:``, whose lines stay as they are (``\\b``, for Typer)."""
    first, *others = docstring.split("\n\n")
    examples = [part for part in others if part.startswith("Examples:\n")]
    return "\n\n".join([plain(first), *(f"\b\n{part}" for part in examples)])


def options_of(sources: Sequence[Any], positional: Sequence[str], defaults: Mapping[str, Any]) -> list[inspect.Parameter]:
    """Parameters of some functions and records, as Typer reads them; of one name the first counts."""
    options: dict[str, inspect.Parameter] = {}
    for source in sources:
        words, names = documented(run) | documented(source), _Names(vars(sys.modules[source.__module__]))
        for parameter in inspect.signature(source).parameters.values():
            if parameter.name in SUPPLIED or parameter.kind is parameter.VAR_KEYWORD:
                continue
            hint = eval(parameter.annotation, {}, names)
            if set(_parts(hint)) & set(sources):
                continue  # a record among the sources is written by its fields
            known = (DEFAULTS if type(None) in get_args(hint) else {}) | dict(defaults)
            default = known.get(parameter.name, parameter.default)
            text = words.get(parameter.name, "")
            options.setdefault(parameter.name, _option(parameter, hint, text, default, parameter.name in positional))
    return list(options.values())


class _Names(dict[str, Any]):
    """Names of a module; one that only type checkers import stands for anything, so that no annotation imports torch."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return Any


def _option(parameter: inspect.Parameter, hint: Any, words: str, default: Any, positional: bool) -> inspect.Parameter:
    """One parameter as Typer reads it: an argument where it has no default, else an option."""
    kind, least = _kind(hint), next((each.value for each in _metadata(hint) if isinstance(each, AtLeast)), None)
    required = default is parameter.empty
    if kind == list[str] and not required:
        default = None
    text = _help(words, default)
    if required or positional:
        info: Any = typer.Argument(help=text)
    elif kind == list[str]:
        info = typer.Option(_spelled(parameter.name, kind, default), help=text.rstrip(".") + "; may be repeated.")
    else:
        envvar = HOME if parameter.name == "store" else None
        names = (_spelled(parameter.name, kind, default), *ALSO.get(parameter.name, ()))
        info = typer.Option(*names, help=text, min=least, envvar=envvar)
    annotation = Annotated[kind | None if default is None else kind, info]  # type: ignore[valid-type]
    return parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _spelled(name: str, kind: Any, default: Any) -> str:
    """The spelling of an option: several in the plural are repeated in the singular, and what is on can be turned off."""
    if name in SPELLED:
        return SPELLED[name]
    word = "--" + (name.removesuffix("s") if kind == list[str] else name).replace("_", "-")
    return f"{word}/--no-{word[2:]}" if kind is bool and default in (True, None) else word


def _kind(hint: Any) -> Any:
    """The type that the terminal reads for an annotation: text, unless it is a number, a switch, a path or a list."""
    parts = list(_parts(hint))
    if any(get_origin(part) in (list, Sequence, Iterable) for part in parts):
        return list[str]
    return next((kind for kind in (bool, Path, str, int, float) if kind in parts), str)


def _parts(hint: Any) -> Iterator[Any]:
    """The members of a union, without what ``Annotated`` adds."""
    if hasattr(hint, "__metadata__"):
        yield from _parts(hint.__origin__)
    elif get_origin(hint) in (list, Sequence, Iterable) or not get_args(hint):
        yield hint
    else:
        for part in get_args(hint):
            yield from _parts(part)


def _metadata(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _metadata(part)


def _help(words: str, default: Any) -> str:
    """The words of a docstring as a sentence; no terminal can spell None, so its clause speaks of the default, or goes."""
    text = plain(words)
    text = re.sub(r"; None ", "; the default ", text) if default is None else re.sub(r"; None [^;]*?(?=;|\.?$)", "", text)
    return text[:1].upper() + text[1:]


def plain(text: str) -> str:
    """The words of a docstring in one line, without its marks of code."""
    return " ".join(text.replace("``", "").split())


def _accepted(function: Callable[..., Any], arguments: Arguments) -> Arguments:
    """Those of some arguments that a function takes."""
    takes = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    return {name: value for name, value in arguments.items() if takes_all or name in takes}
