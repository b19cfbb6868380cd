"""A stored board as a Markdown page: ``python -m papers.leaderboard.page BOARD``; it goes to README.md in the board's folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papers.leaderboard.surprises import ranked, surprises

from untrain.core.errors import BadInput
from untrain.experiments.leaderboard.board_file import read_board
from untrain.reports.leaderboard import WORDS, footnotes, leaderboard_tables, raised

Document = Mapping[str, Any]


def page(board: Document) -> str:
    """Tables of all requests, what stands out, and the notes, in Markdown."""
    plan, setting = board["board"], board["setting"]
    board = ranked(board)
    tables = leaderboard_tables(board)  # of all requests together, so that the numbers of notes are those of the list below
    lines = [
        f"# The board `{plan['name']}`", "",
        f"`{plan['scenario']}`, {plan['seeds']} originals, {plan['oracles']} retrained models per request, "
        f"{plan['trials']} trials per method. {setting['machine']}, untrain {setting['untrain']}, torch {setting['torch']}, "
        f"{setting['precision']}. "
        f"`{board['command']}`", "", WORDS, "", f"{board['tuning'][0].upper()}{board['tuning'][1:]}.", "", "## What stands out", "",
        *surprises(board),
    ]  # fmt: skip
    for request in board["requests"]:
        sizes = ", ".join(f"{number} {side}" for side, number in request["sizes"].items())
        lines += ["", f"## {request['name']}: `{request['request']}`", "", f"{sizes}.", *request["notes"]]
        of = f"{request['name']}: "
        for table in [table for table in tables if table.title.startswith(of)]:
            title = table.title.removeprefix(of)
            lines += ["", f"### {title[0].upper()}{title[1:]}", "", line_of(table.columns), "|---" * len(table.columns) + "|"]
            lines += [line_of(row.cells) for row in table.rows]
    lines += ["", "## Notes", "", *(f"{raised([number])} {note}  " for note, number in footnotes(board).items())]
    lines += ["", "Left out:", "", *(f"- `{one['method']}`: {one['reason']}" for one in board["left_out"])]
    return "\n".join(lines) + "\n"


def line_of(cells: Any) -> str:
    """A line of a table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("board", type=Path, help="folder with a board.json")
    folder = options.parse_args().board
    try:
        (folder / "README.md").write_text(page(read_board(str(folder))))
    except BadInput as error:
        options.error(str(error))
