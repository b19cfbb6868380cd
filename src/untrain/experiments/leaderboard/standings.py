"""From rows to standings: arithmetic on stored values, so that rows of any age are ranked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from untrain.evaluation.protocols.ranking import DRAWS, LEVEL, Entrant, RankedEntrants, rank
from untrain.experiments.leaderboard.measure import yardstick_of

Document = dict[str, Any]
Row = Mapping[str, Any]

# Heading of each table -> what its methods see beside the model.
WITHOUT = "Methods that do without the retain set"
TABLES = {"Methods that see the retain set": ("retain set",), WITHOUT: ("retain-free", "zero-shot")}
TUNED = "their settings were chosen by labelled validation data, which they themselves do not see"
BOUND = "it sees retrained models: an upper bound"
DIAGNOSTIC = "it moves no weight: a diagnostic"


def standings(request: Row, draws: int = DRAWS) -> Document:
    """The tables of one request.

    Controls stand in each table, as that which methods have to be better than. Who sees retrained models, and who moves no weight,
    is measured and not ranked.

    Args:
        request: with 'rows' and 'yardsticks'.
        draws: resamples behind intervals.

    Returns:
        'tables', each with 'title', 'note' (how its methods were tuned, where that is more than they see), 'standings' and 'apart'
        (pairs that the tests separate, and p), 'unranked' and 'failed'.
    """
    sticks = [yardstick_of(one) for one in request["yardsticks"]]
    measured = [row for row in request["rows"] if row["error"] is None]
    beside = {row["name"]: reason for row in measured if (reason := unranked(row))}

    def ranked(rows: Sequence[Row]) -> RankedEntrants:
        costs = [row["cost"].get("share_of_retraining") for row in rows]
        values = [np.asarray(row["values"], dtype=np.float64) for row in rows]
        parts = zip(rows, values, costs, strict=True)
        entrants = [Entrant(row["name"], value, row["yardstick"], cost, row["beforehand"]) for row, value, cost in parts]
        return rank(entrants, sticks, draws)

    tables = []
    for title, sees in TABLES.items():
        rows = [r for r in measured if r["control"] or (r["sees"] in sees and r["name"] not in beside)]
        if any(not r["control"] for r in rows):
            ranking = ranked(rows)
            apart = [asdict(pair) for pair in ranking.pairs if pair.p < LEVEL]
            note = TUNED if title == WITHOUT and any(r["trials"] for r in rows if not r["control"]) else ""
            tables.append({"title": title, "note": note, "standings": [asdict(s) for s in ranking.standings], "apart": apart})
    alone = [asdict(ranked([row]).standings[0]) | {"reason": beside[row["name"]]} for row in measured if row["name"] in beside]
    failed = [{"name": row["name"], "error": row["error"]} for row in request["rows"] if row["error"] is not None]
    return {"tables": tables, "unranked": alone, "failed": failed}


def unranked(row: Row) -> str:
    """Return why a row is not ranked; empty where it is."""
    if row["control"]:
        return ""
    if row["sees"] == "retrained models":
        return BOUND
    return DIAGNOSTIC if row["moved"] == 0 else ""
