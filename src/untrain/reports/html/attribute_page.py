"""The page of ``untrain attribute``: which training examples made some outputs so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from untrain.reports.attribution_wording import doubts, shown_examples, signed, trust
from untrain.reports.formatting import digits
from untrain.reports.html.example_tiles import Tile, drawings, misshapen
from untrain.reports.html.page import embedded, environment, shipped
from untrain.reports.shown import Shown

Row = Mapping[str, Any]
Examples = Mapping[str, Mapping[int, Shown]]  # by set and row
WAYS = {"raise": "Raise certainty most", "lower": "Lower it most"}
HIDDEN = "The examples themselves are not shown: they were left out on request."


@dataclass(frozen=True)
class Answer:
    """A queried example, and what made its output so.

    Args:
        tile: the example.
        title: its set and id.
        facts: what the originals put out on it.
        chance: what chance would give, as a sentence; empty where that is not known.
        ways: heading and tiles of the training examples that raise its margin, and of those that lower it.
    """

    tile: Tile
    title: str
    facts: str
    chance: str
    ways: tuple[tuple[str, tuple[Tile, ...]], ...]

    @property
    def table(self) -> bool:
        """Return whether examples are rows of a table, which stand in one."""
        return bool(self.tile.cells)


def attribution_page(document: Row, command: str, shown: Examples | None) -> str:
    """A page on an attribution, one HTML text that needs no network.

    Args:
        document: what ``untrain.attribute`` returns.
        command: the command that made it, shown as it is.
        shown: every example of the document, by set and row; None leaves them out.
    """
    listed = {} if shown is None else {(name, row): one for name, part in shown.items() for row, one in part.items()}
    places, every = {key: at for at, key in enumerate(listed)}, list(listed.values())
    draw = drawings(every)

    def tile(one: Row, number: str, *remarks: str) -> Tile:
        drawn = draw(places[one["set"], one["row"]]) if listed else {}
        remarks = ("in the forget set" if one["forget"] else "", *remarks)
        bare = Tile(str(one["id"]), one["label"], one["true"] or "", number, "", more="; ".join(filter(None, remarks)))
        return replace(bare, **drawn)

    return environment().get_template("attribute.html").render(
        document=document, command=command, version=document["setting"]["untrain"], setting=document["setting"],
        sentences=trust(document), doubts=doubts(document), rule=shown_examples(document),
        unseen=HIDDEN if shown is None else misshapen(every), answers=[answer(row, tile) for row in document["asked"]],
        style=shipped("colours.css") + shipped("style.css"), script=shipped("charts.js"), plotly="", figures=embedded({}),
        results=embedded({"command": command, **document}),
    )  # fmt: skip


def answer(row: Row, tile: Callable[..., Tile]) -> Answer:
    """The part of a page about one queried example."""
    ways = tuple((title, tuple(_one(one, row["chance"], tile) for one in row[way])) for way, title in WAYS.items())
    wrong = "" if row["predicted"] == row["label"] else ", which is not its label"
    facts = f"The originals predict {row['predicted']}{wrong}; certainty of its label is {digits(row['margin'], 2)}."
    chance = ""
    if row["chance"]:
        low, high = (signed(row["chance"][end]) for end in ("low", "high"))
        chance = f"By chance, with what each model saw shuffled among models, values of all examples reach from {low} to {high}."
    of = "Test example" if row["set"] == "test" else "Training example"
    return Answer(tile(row, ""), f"{of} {row['id']}", facts, chance, ways)


def _one(one: Row, chance: Row | None, tile: Callable[..., Tile]) -> Tile:
    usual = chance is not None and chance["low"] <= one["value"] <= chance["high"]
    return tile(one, signed(one["value"]), "itself" if one["itself"] else "", "within chance" if usual else "")
