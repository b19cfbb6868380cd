"""Facts that the queue needs of the document of a run, whoever wrote it: what is missing counts as not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """Method of a run, and how the model did on validation data before and after.

    Args:
        method: its spelling.
        retrained: whether the new checkpoint was trained anew, without what was forgotten.
        rows: that were forgotten for the first time.
        of: training rows before; 0 where it is not known.
        before: validation accuracy before; None where it is not known.
        after: validation accuracy after; None where it is not known.
        examples: validation examples that no model was trained on; 0 where there are none, or nobody knows.
        again: rows that were forgotten before and were still in the data, so that they went again.
    """

    method: str
    retrained: bool
    rows: int
    of: int
    before: float | None
    after: float | None
    examples: int
    again: int = 0


def facts_of(document: Any) -> RunFacts:
    """The facts of a document of ``untrain.forget``.

    Validation counts where it is on data that the model never saw: rows that it was trained on show memory too.

    >>> facts = facts_of({"method": "Retrain()", "plan": {"rows": 3, "of": 60}})
    >>> facts.retrained, facts.rows, facts.examples
    (True, 3, 0)
    """
    method = str(_at(document, "method") or "")
    unseen = _at(document, "valid") is not None
    rows, again = _count(document, "plan", "rows"), _count(document, "again", "rows")
    return RunFacts(
        method, method.partition("(")[0] == "Retrain", max(rows - again, 0), _count(document, "plan", "of"),
        _share(document, "before", "validation", "accuracy"), _share(document, "after", "validation", "accuracy"),
        _count(document, "before", "validation", "rows") if unseen else 0, again,
    )  # fmt: skip


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _count(document: Any, *keys: str) -> int:
    value = _at(document, *keys)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _share(document: Any, *keys: str) -> float | None:
    value = _at(document, *keys)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 else None
