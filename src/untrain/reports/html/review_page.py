"""The page of a review: rows whose label is doubtful, each with a box to tick; what is ticked is saved as a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.core.escapes import FORMULA, NUMBER, printable
from untrain.reports.html.certificate_page import visible
from untrain.reports.html.example_tiles import Tile, drawings
from untrain.reports.html.page import embedded, environment, shipped
from untrain.reports.shown import Shown

MOST = 1_000  # rows of a page
SIDE = 96  # pixels of a picture at most


def review_tiles(shown: Sequence[Shown]) -> list[dict[str, Any]]:
    """Fields that a page shows of each row: a picture, the beginning of a text, or cells, as plain values.

    >>> review_tiles([Shown("text", text="a  long text")])
    [{'picture': '', 'quote': 'a long text', 'cells': []}]
    """
    fields = drawings(shown, SIDE)
    made = [{"picture": "", "quote": "", "cells": [], **fields(at)} for at in range(len(shown))]
    return [{**each, "cells": [list(pair) for pair in each["cells"]]} for each in made]


def review_page(review: Mapping[str, Any], tiles: Sequence[Mapping[str, Any]], command: str) -> str:
    """One HTML text that needs no network, and saves what is ticked as a file.

    Args:
        review: its document.
        tiles: what is shown of each of its first rows.
        command: that made it, shown as it is.
    """
    return environment().get_template("review.html").render(
        review=visible({**review, "listed": []}), cards=cards(review, tiles), more=len(review["listed"]) - len(tiles),
        command=printable(command), lead=lead(review), style=shipped("colours.css") + shipped("style.css") + shipped("review.css"),
        script=shipped("review.js"), rules=embedded({"formula": FORMULA.pattern, "number": _plain(NUMBER.pattern)}),
        ids=embedded([[str(each["id"]), str(each["likely"])] for each in review["listed"][: len(tiles)]]),
    )  # fmt: skip


def _plain(pattern: str) -> str:
    """A pattern that must match the whole text, for scripts."""
    return f"^(?:{pattern})$"


def cards(review: Mapping[str, Any], tiles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of a review with what is shown of them."""
    found = []
    for at, (row, tile) in enumerate(zip(review["listed"], tiles, strict=False)):
        drawn = Tile(printable(str(row["id"])), printable(str(row["given"])), "", "", "", tile["picture"], tile["quote"],
                     tuple((name, value) for name, value in visible(tile["cells"])))  # fmt: skip
        found.append({
            "at": at, "value": str(row["id"]), "tile": drawn, "likely": printable(str(row["likely"])),
            "score": f"{row['score']:.3f}", "sure": f"{row['sure']:.0%}",
        })  # fmt: skip
    return found


def lead(review: Mapping[str, Any]) -> list[str]:
    """Sentences at the top: how many labels are doubtful, how that was found, and how far to trust it."""
    count, rows = review["found"], review["rows"]
    first = f"{count:,} of {rows:,} labels {'is' if count == 1 else 'are'} probably wrong ({count / rows:.1%})."
    how = (
        f"{review['folds']} models ({review['network']}) predicted the rows of one fold each, after training on all others; "
        f"{review['accuracy']:.1%} of predictions are the given label, and {review['guess']:.1%} of rows have the commonest one."
    )
    trust = "They err, too: a rare or difficult row looks like a wrong label. Tick what you know to be wrong."
    return [first, how, trust]
