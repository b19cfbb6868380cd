"""The file of a leaderboard: its rows, which later ones join without being run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, DataError
from untrain.core.paths import user_path
from untrain.evaluation.protocols.same_law import same_law
from untrain.experiments.leaderboard.board import Board, board_of
from untrain.experiments.leaderboard.measure import yardstick_of

Document = dict[str, Any]
FORMAT = 1
NEEDED = {"format", "board", "keepers", "requests", "left_out"}
OF_REQUEST = {"name", "request", "digests", "forget", "sizes", "yardsticks", "rows", "chosen", "notes"}


def read_board(path: str | Path) -> Document:
    """A stored leaderboard.

    Raises:
        BadInput: the file cannot be read, or is none of ours.
    """
    place = user_path(path)
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read the board {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path} is not a leaderboard's file: it holds no JSON") from None
    whole = _has(document, NEEDED) and isinstance(document["requests"], list)
    if not whole or not all(_has(one, OF_REQUEST) for one in document["requests"]):
        raise BadInput(f"{path} is not a leaderboard's file: write one with `untrain leaderboard`")
    if document["format"] != FORMAT:
        raise BadInput(f"{path} has format {document['format']}, and this untrain reads {FORMAT}: make the board again")
    if {one["name"] for one in document["requests"]} != set(board_of(document["board"]).requests):
        raise BadInput(f"{path} lacks requests of its board: make the board again")
    return dict(document)


def _has(part: Any, names: set[str]) -> bool:
    return isinstance(part, dict) and names.issubset(part)


def stored_request(document: Mapping[str, Any], name: str) -> Document:
    """What a board has of one request."""
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
    """A board's request with new rows, which take the place of rows of the same name; and what the retrained models say.

    Args:
        stored: of the board.
        yardstick: of the retrained models that the new rows are held against.
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
    names = {row["name"] for row in rows}
    kept = [row for row in stored["rows"] if row["name"] not in names]
    whole = {**stored, "yardsticks": sticks, "rows": [*kept, *({**row, "yardstick": at} for row in rows)]}
    return whole, f"request {stored['name']!r}: {found.to_text()}"


def board_in(document: Mapping[str, Any]) -> Board:
    """The board that a document is of."""
    return board_of(document["board"])
