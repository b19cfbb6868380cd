"""Spellings as text: reading one without making anything, and saying what an unfinished one lacks."""

from __future__ import annotations

import ast
import keyword
import re

from untrain.core import discovery
from untrain.core.errors import SpecError, suggest

SHOWN = 200
TYPED = 1000  # characters; the search takes time that grows with their square
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_PARTS = re.compile(r"(?P<text>'[^']*'|\"[^\"]*\")|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<quote>['\"])|(?P<other>[^\s'\"()\[\]{}])")


def tree_of(text: str) -> ast.expr:
    """The syntax tree of a spelling.

    Raises:
        SpecError: it cannot be read; the line says what is missing.
    """
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        offset = f"see column {error.offset}" if isinstance(error, SyntaxError) and error.offset else "it is not a spelling"
        first = re.match(r"\w*", text.strip())
        word = "" if first is None else first[0]
        near = suggest(word, discovery.index()) if keyword.iskeyword(word) else ""  # as of del
        reason = what_is_missing(text.strip()) or near.removeprefix("; ") or offset
        raise SpecError(f"cannot read {shown(text)}: {reason}; write Name(field=value, ...), parts joined by '@'") from None


def named_in(text: str) -> str:
    """The name in a spelling with fields, such as DEL in 'DEL(keep=0.3)', which is not made; a bare name is itself.

    >>> named_in("DEL(keep=0.3)"), named_in("my_package.Fade")
    ('DEL', 'my_package.Fade')

    Raises:
        SpecError: it is unfinished, or several are joined.
    """
    if text.isidentifier():
        return text
    tree = tree_of(text)
    tree = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(tree, ast.Name | ast.Attribute):
        raise SpecError(f"{shown(text)} is not one name: write Name, or module.Name for a class of your own")
    return ast.unparse(tree)


def shown(value: object) -> str:
    """Return a value as it is written, in a hundred characters or so.

    >>> shown("x" * 500)[-4:]
    "...'"
    """
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number of too many digits"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]}...{text[-1]}"


def what_is_missing(text: str) -> str:
    """Say what a spelling lacks, or has too much of; empty where that is not known.

    >>> what_is_missing("DEL(keep=.2")
    "a bracket is missing: '(' in column 4 is not closed"
    >>> what_is_missing("DEL(keep=.2))"), what_is_missing("DEL(keep=)")
    ("a bracket is missing: ')' in column 13 closes none", "a value is missing after 'keep='")
    """
    opened: list[tuple[str, int]] = []
    for part in _PARTS.finditer(text):
        column = part.start() + 1
        if part["quote"]:
            return f"a quote is missing: the one in column {column} is not closed"
        if part["open"]:
            opened.append((part["open"], column))
        elif part["close"] and not opened:
            return f"a bracket is missing: {part['close']!r} in column {column} closes none"
        elif part["close"] and _PAIRS[opened[-1][0]] != part["close"]:
            bracket, at = opened[-1]
            return f"brackets differ: {part['close']!r} in column {column} closes {bracket!r} in column {at}"
        elif part["close"]:
            opened.pop()
    if opened:
        bracket, at = opened[-1]
        return f"a bracket is missing: {bracket!r} in column {at} is not closed"
    return _value_missing(re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "x" * len(quoted[0]), text))


def _value_missing(text: str) -> str:
    """Say what is missing where all brackets and quotes are there; skip text that nobody typed."""
    if len(text) > TYPED:
        return ""
    if found := re.search(r"(\w+)\s*=\s*(?=[,)\]}]|$)", text):
        return f"a value is missing after '{found[1]}='"
    if found := re.search(r"=\s*(\d+),(\d+)\s*(?:[,)]|$)", text):
        return f"{found[1]},{found[2]} is two values; a fraction has a point, {found[1]}.{found[2]}"
    if found := re.search(r"[(,\[]\s*,", text):
        return f"a value is missing before ',' in column {found.end()}"
    if re.search(r"^\s*@|@\s*(?:$|[@,)])|[(,]\s*@", text):
        return "'@' joins two parts, and one is missing"
    if found := re.search(r"[\w)\]]\s+(?=[\w.(])", text):
        return f"a '=', ',' or '@' is missing before column {found.end() + 1}"
    return ""
