"""Small tables of HTML, as notebooks show an object: escaped, without a script or a file, and legible on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from untrain.core.escapes import printable

MOST = 30  # rows
# The colour of the text is the notebook's own; half-transparent grey shows on either background.
CELL = "padding:2px 10px;text-align:left;vertical-align:top;border:0;border-bottom:1px solid rgba(128,128,128,.35)"
TABLE = "border-collapse:collapse;color:inherit;background:transparent;font-size:90%;margin:4px 0"


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """A table with a title above it and notes below.

    >>> html_table("<b>", ["name"], [["DEL & co"]]).count("&lt;b&gt;")
    1

    Args:
        title: in bold.
        columns: headings; none for a table without a head.
        rows: of cells; those after the first thirty are counted alone.
        notes: lines of text.
    """
    lines = [[_text(cell) for cell in row] for row in rows]
    head = "".join(f'<th style="{CELL};font-weight:600">{_text(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in lines[:MOST])
    more = [f"and {len(lines) - MOST} more rows"] if len(lines) > MOST else []
    below = "".join(f'<div style="font-size:90%">{_text(note)}</div>' for note in (*more, *notes))
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f'<div><strong>{_text(title)}</strong><table style="{TABLE}">{top}<tbody>{body}</tbody></table>{below}</div>'


def html_facts(title: str, facts: Mapping[str, object], notes: Iterable[str] = ()) -> str:
    """A table of names and values; a value of None is left out.

    >>> html_facts("Price", {"models": 3, "seconds": None}).count("<tr>")
    1
    """
    return html_table(title, (), [(name, str(value)) for name, value in facts.items() if value is not None], notes)


def _text(text: object) -> str:
    return escape(printable(str(text)))


def _cell(escaped: str) -> str:
    return f'<td style="{CELL}">{escaped}</td>'
