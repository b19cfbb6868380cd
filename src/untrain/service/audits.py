"""Audits of requests that are forgotten: the scores of ``untrain audit``, kept with the service."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError, RequestError
from untrain.service.canonical import canonical, parse_canonical, sha256
from untrain.service.folder import Service
from untrain.service.ledger import document_of
from untrain.service.log import body_of
from untrain.service.private import NamedIds, scrubbed, worded

KEPT = ("value", "low", "high", "floor", "ceiling", "ideal", "reason")


def record_audit(service: Service, request: str, document: Any, by: str) -> str:
    """Keep the scores of an audit, and take the request to the state audited; the digest of what is kept.

    Raises:
        RequestError: the request is not forgotten yet, or the document holds no scores.
    """
    kept = scrubbed(scores_of(document), worded(NamedIds(known=service.ledger.knows)))
    return _record(service, request, kept, by)


def record_own(service: Service) -> None:
    """Keep the audits that runs made themselves, and take their requests to the state audited."""
    runs = {run["id"]: run for run in service.ledger.runs()}
    for row in service.ledger.requests("forgotten"):
        kept = audit_in(document_of(runs[row["batch"]]).get("forget")) if row["batch"] in runs else None
        if kept is not None:
            _record(service, row["id"], kept, service.settings.name)


def _record(service: Service, request: str, kept: dict[str, Any], by: str) -> str:
    digest, folder = sha256(kept), service.folder / "audits"
    folder.mkdir(mode=0o700, exist_ok=True)
    with atomic_write(folder / f"{digest}.json") as file:
        file.write_text(canonical(kept) + "\n", encoding="ascii")
    service.ledger.move(request, "audited", audit=digest, by=by)
    return digest


def audit_of(service: Service, request: str) -> dict[str, Any] | None:
    """The scores of the last audit of a request; None where none was made.

    Raises:
        DataError: they were changed since.
    """
    entries = [row for row in service.ledger.history(request) if row["event"] == "audited"]
    if not entries:
        return None
    digest = str(body_of(entries[-1]).get("audit"))
    file = service.folder / "audits" / f"{digest}.json"
    try:
        kept = parse_canonical(file.read_bytes(), file.name)
    except OSError as error:
        raise DataError(f"cannot read the audit of {request}, {file}: {error.strerror}") from None
    if sha256(kept) != digest:
        raise DataError(f"{file} was changed since it was recorded")
    return dict(kept)


def scores_of(document: Any) -> dict[str, Any]:
    """The scores of the one method that a document of ``untrain audit --json`` is about, with intervals and floors.

    >>> scores_of({"results": [{"scores": {"gap": {"value": 0.1, "low": 0, "high": 0.2}}}]})["scores"]["gap"]["high"]
    0.2

    Raises:
        RequestError: it holds none, or those of several methods.
    """
    runs = document.get("runs") if isinstance(document, Mapping) else None
    source = runs[0] if isinstance(runs, list) and runs and isinstance(runs[0], Mapping) else document
    results = source.get("results") if isinstance(source, Mapping) else None
    rows = [row for row in results if isinstance(row, Mapping) and row.get("scores")] if isinstance(results, list) else []
    if len(rows) != 1 or not isinstance(rows[0]["scores"], Mapping):
        raise RequestError(
            f"an audit has the scores of one method, and this document of {len(rows)}: give what `untrain audit --json` prints"
        )
    scores = {str(name): _score(str(name), value) for name, value in rows[0]["scores"].items()}
    verdict = rows[0].get("verdict")
    text = verdict.get("sentence") if isinstance(verdict, Mapping) else ""
    oracles, run = _count(source.get("oracles")), str(source.get("run") or "")
    return {"scores": scores, "verdict": str(text or ""), "oracles": oracles, "run": run}


def audit_in(forget: Any) -> dict[str, Any] | None:
    """The audit in a document of ``untrain.forget``, as that of a request is kept; None where none was made.

    >>> audit_in({"audit": {"conclusion": "It passes.", "oracles": 19, "scores": {}}})["verdict"]
    'It passes.'
    """
    made = forget.get("audit") if isinstance(forget, Mapping) else None
    if not isinstance(made, Mapping) or not isinstance(made.get("scores"), Mapping):
        return None
    scores = {str(name): _score(str(name), value) for name, value in made["scores"].items()}
    texts = {key: str(made.get(key) or "") for key in ("tests", "trained_by", "assumed")}
    return {
        "scores": scores, "verdict": str(made.get("conclusion") or ""), "oracles": _count(made.get("oracles")),
        "run": str(made.get("run") or ""), "originals": _count(made.get("originals")), **texts,
        "warnings": [str(each) for each in made.get("warnings") or ()],
    }  # fmt: skip


def _score(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(f"the score {name} of the audit is not one: value, low, high and floor are needed")
    kept = {key: value.get(key) for key in KEPT}
    wrong = [key for key, number in kept.items() if key != "reason" and not _is_number(number)]
    if wrong:
        raise RequestError(f"the score {name} of the audit has a {wrong[0]} that is not a number: {str(kept[wrong[0]])[:30]}")
    return kept


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
