"""What is derived from a leaderboard's file, on a board whose order is planted."""

import importlib
from pathlib import Path

import numpy as np

from untrain.experiments.leaderboard.board_file import read_board

SCRIPT = "papers.leaderboard.surprises"


def row(name, away, worth=None, control=False):
    """Models that are so many margins from retrained ones, and what their settings were worth in tuning."""
    values = [[1.0 + 0.1 * (away + 0.01 * at)] for at in range(5)]
    return {
        "name": name, "method": name, "control": control, "sees": "retain set", "values": values, "cost": {}, "moved": 1.0,
        "yardstick": 0, "trials": [] if worth is None else [{"value": worth}], "notes": [], "beforehand": 0, "error": None,
    }  # fmt: skip


def board(**away):
    """Requests with methods A to C in such places."""
    stick = {"endpoints": ["forget"], "margins": ["forget"], "values": (1.0 + 0.001 * np.linspace(-1, 1, 12)[:, None]).tolist()}
    controls = [row("Nothing()", 8.0, control=True), row("Retrain()", 1.0, control=True)]
    requests = []
    for name, places in away.items():
        rows = [row(one, place, worth) for one, place, worth in zip(("A()", "B()", "C()"), places, (0.9, 0.8, 0.7), strict=True)]
        rows[1]["method"] = "B(lr=0.1)"
        requests.append({"name": name, "yardsticks": [stick], "rows": [*controls, *rows]})
    return {"requests": requests}


def test_planted_surprises_are_said(script):
    lines = script.surprises(
        script.ranked(board(random=(9.0, 3.0, 0.2), other=(0.5, 3.0, 9.0))), script.ranked(board(random=(8.0, 4.0, 0.3)))
    )
    head = "- random, methods that see the retain set:"
    for line in (
        f"{head} 1 of 3 are no nearer than Nothing (A).", f"{head} 2 of 3 are nearer, and told apart from it (C, B).",
        f"{head} 1 are nearer than Retrain (C), 1 of them told apart from it.",
        f"{head} A falls farthest, from place 1 by what tuning saw to 3, of 3 tuned methods.",
        "- random: tuning kept the defaults of 2 of 3 methods.",
        "- random: of 3 methods 2 are nearer with tuned settings than with defaults.",
    ):  # fmt: skip
        assert line in lines
    assert [line for line in lines if "falls" in line and "other" in line] == []
    assert any("Kendall's tau of the orders of 3 methods is -1.00" in line for line in lines)


def test_the_page_of_the_stored_board_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.leaderboard.page")
    folder = Path(page.__file__).parent / "fashion"
    assert (folder / "README.md").read_text() == page.page(read_board(str(folder)))


def test_the_numbers_of_notes_in_every_table_are_those_of_the_list(script):
    page = importlib.import_module("papers.leaderboard.page")
    lines = (Path(page.__file__).parent / "fashion" / "README.md").read_text().splitlines()
    listed = {note: number for number, _, note in (line.rstrip().partition(" ") for line in lines[lines.index("## Notes") :])}
    covariance = listed["its cost leaves out what InputCovariance did when the models were trained"]
    rows = [line.split("|")[1].split() for line in lines if line.startswith("| ProjectedGradient")]
    assert len(rows) == 3
    assert all(covariance in words for words in rows)
