"""Escapes for text of others where it leaves, so that it neither controls a terminal nor is a formula in a spreadsheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

# Controls but new lines and tabs; marks that turn the direction of a line or are seen nowhere; other ends of lines; half pairs.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
FORMULA = re.compile(r"'*[\s]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|nan)|-", re.ASCII | re.IGNORECASE)


def printable(text: str) -> str:
    r"""The text with its control characters spelled out, new lines and tabs left.

    >>> print(printable("a\x1b[31mred\u202e\r"))
    a\x1b[31mred\u202e\r
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class PrintableStream(io.TextIOWrapper):
    """A stream of text whose control characters are spelled out, whoever writes them; ``write_raw`` is for one's own."""

    def write(self, text: str, /) -> int:
        """Write what is printable of it."""
        return super().write(printable(text))

    def write_raw(self, text: str, /) -> int:
        """Write it as it is: colours, and what renews a line."""
        return super().write(text)


def write_raw(stream: Any, text: str) -> None:
    """Write control characters of one's own to a stream."""
    getattr(stream, "write_raw", stream.write)(text)


def csv_row(cells: Iterable[Any]) -> list[Any]:
    """Cells for a CSV file: text that a spreadsheet would take for a formula gets an apostrophe, at which it shows the rest.

    >>> csv_row(["=HYPERLINK('http://a')", -1.5, "-1.5", None, "anne", "@anne"])
    ["'=HYPERLINK('http://a')", -1.5, '-1.5', None, 'anne', "'@anne"]
    """
    return [f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell for cell in cells]


def csv_cell(cell: str) -> str:
    """The text of a cell before ``csv_row`` wrote it.

    >>> [csv_cell(cell) for cell in csv_row(["=a", "'=a", "'a", "-1"])]
    ['=a', "'=a", "'a", '-1']
    """
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    return FORMULA.match(cell) is not None and NUMBER.fullmatch(cell) is None
