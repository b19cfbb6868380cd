"""The file of a leaderboard: its rows, which later ones join without being run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, DataError, SpecError
from untrain.core.paths import user_path
from untrain.evaluation.protocols.same_law import same_law
from untrain.experiments.leaderboard.board import PRESETS, Board, board_of
from untrain.experiments.leaderboard.board_schema import checked
from untrain.experiments.leaderboard.measure import yardstick_of
from untrain.reports.write import LEADERBOARD

Document = dict[str, Any]
FORMAT = 2


def is_stored(board: str) -> bool:
    """Return whether a text is the place of a stored leaderboard, and not the name of one that comes with untrain."""
    return board not in PRESETS and (board.endswith(".json") or user_path(board).is_dir())


def read_board(path: str | Path) -> Document:
    """A stored leaderboard.

    Args:
        path: its file, or the folder that has it as board.json.

    Raises:
        BadInput: the file cannot be read, or is none of ours.
    """
    place = user_path(path)
    place = place / LEADERBOARD[0] if place.is_dir() else place
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read the board {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path} is not a leaderboard's file: it holds no JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise BadInput(f"{path} is not a leaderboard's file: write one with `untrain leaderboard`")
    if document["format"] != FORMAT:
        raise BadInput(f"{path} has format {document['format']!r}, and this untrain reads {FORMAT}: make the board again")
    try:
        whole = checked(document)
        _check_sizes(whole, board_in(whole))
    except (ValueError, BadInput, SpecError) as error:
        raise BadInput(f"{path} is not what `untrain leaderboard` writes: {error}") from None
    return whole


def _check_sizes(document: Mapping[str, Any], board: Board) -> None:
    """Refuse other requests than those of the board, and other numbers of models."""
    if sorted(one["name"] for one in document["requests"]) != sorted(board.requests):
        raise ValueError(f"its requests are not those of its board, {list(board.requests)}")
    for request in document["requests"]:
        for row in request["rows"]:
            if row["values"] is not None and len(row["values"]) != board.seeds:
                raise ValueError(f"{row['name']} has {len(row['values'])} models, and the board {board.seeds} seeds")


def stored_request(document: Mapping[str, Any], name: str) -> Document:
    """The part of a board about one request."""
    return next(one for one in document["requests"] if one["name"] == name)


def check_data(name: str, stored: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse to rank models of other data beside stored rows.

    Raises:
        DataError: a digest differs.
    """
    other = [part for part, digest in stored.items() if found.get(part) != digest]
    if other:
        raise DataError(
            f"request {name!r}: the data are not those of the board ({', '.join(other)} differ): give the folder that it was made "
            "from with --data, or make a board of your own"
        )


def joined(stored: Mapping[str, Any], yardstick: Document, rows: Sequence[Document]) -> tuple[Document, str]:
    """A board's request with new rows, and what the retrained models say.

    A row takes the place of one of the same name, and is a control where that one was.

    Args:
        stored: of the board.
        yardstick: of the retrained models that the new rows are compared with.
        rows: the new ones.

    Raises:
        DataError: the endpoints are not those of the board.
    """
    sticks = list(stored["yardsticks"])
    first, new = yardstick_of(sticks[0]), yardstick_of(yardstick)
    if first.names != new.names or first.margins != new.margins:
        raise DataError(
            f"the board has the endpoints {list(first.names)} and these models {list(new.names)}: no rank compares them"
        )
    found = same_law(new, first)
    at = next((i for i, one in enumerate(sticks) if one["values"] == yardstick["values"]), len(sticks))
    sticks += [yardstick] if at == len(sticks) else []
    names, controls = {row["name"] for row in rows}, {row["name"] for row in stored["rows"] if row["control"]}
    kept = [row for row in stored["rows"] if row["name"] not in names]
    added = [{**row, "yardstick": at, "control": row["name"] in controls} for row in rows]
    whole = {**stored, "yardsticks": sticks, "rows": [*kept, *added]}
    return whole, f"request {stored['name']!r}: {found.to_text()}"


def board_in(document: Mapping[str, Any]) -> Board:
    """The board that a document is of."""
    return board_of(document["board"])
