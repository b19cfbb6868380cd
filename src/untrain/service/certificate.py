"""The certificate of a request: a signed document on what went in, what was done, what came out, and what that does not cover."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from untrain.core.errors import DataError, RequestError
from untrain.reports.formatting import counted
from untrain.runtime.database import Row
from untrain.service import spool
from untrain.service.audits import audit_of
from untrain.service.canonical import parse_canonical
from untrain.service.facts import facts_of
from untrain.service.folder import Service
from untrain.service.ledger import document_of
from untrain.service.log import body_of, moment
from untrain.service.states import DONE

FORMAT = 1
KIND = "untrain certificate of a request to forget"
NOT_COVERED = (
    "copies and backups of earlier checkpoints, and of the data",
    "models that were made from earlier checkpoints: fine-tuned, distilled, merged or quantized",
    "outputs, caches, embeddings and logs that earlier checkpoints left",
    "other data sets that hold the same rows, and rows that resemble them",
    "whether the list of ids names all rows of the person who asked",
)
_OF_RUN = (
    *("method", "why", "seed", "budget", "versions", "cost", "share", "guard", "before", "after", "aim", "measured_on", "alarms"),
    *("accepted_damage", "plan", "model", "valid", "tries", "notes", "method_notes"),
)
_PROVEN = ("guarantee", "provided", "removed", "examples", "capacity", "releases", "noisy", "recorded", "corrected")


def certificate(service: Service, request: str) -> dict[str, Any]:
    """The document to sign about a request that is forgotten.

    Raises:
        RequestError: it is not forgotten yet.
        StoreError: somebody changed the ledger.
    """
    service.ledger.refuse_changed_since(request)
    row = service.ledger.request(request)
    if row["state"] not in DONE:
        raise RequestError(f"{request} is {row['state']}: a certificate exists once it is forgotten")
    run = next(each for each in service.ledger.runs() if each["id"] == row["batch"])
    document = document_of(run)
    forget = document.get("forget") or {}
    audit, theorem = audit_of(service, request), theorem_of(forget)
    day = run["finished"][:10]
    return {
        "kind": KIND, "format": FORMAT, "made": moment(), "by": document.get("by") or "",
        "conclusion": conclusion(row, run, forget, audit, theorem),
        "request": {
            "id": request, "received": row["received"], "deadline": row["deadline"], "done": run["finished"],
            "in_time": day <= row["deadline"], "ids": row["ids"], "reference": row["reference"],
            "salted_ids": row["subjects"],
        },
        "files": {
            "model_before": {"name": _name(_before(service, run)), "sha256": run["before"]},
            "model_after": {"name": _name(run["checkpoint"]), "sha256": run["after"]},
            "data": {"name": _name(service.settings.data), "sha256": document.get("data")},
            "ids": {"name": f"{request}.csv", "sha256": ids_digest(service, row)},
        },
        "run": {"number": run["number"], "requests": len(document.get("requests") or ()), "ids": document.get("ids"),
                **{key: forget[key] for key in _OF_RUN if key in forget}},
        "theorem": theorem,
        "audit": audit,
        "chain": entry_of(service, run),
        "not_covered": not_covered(forget),
    }  # fmt: skip


def not_covered(forget: Mapping[str, Any]) -> list[str]:
    """Everything that a certificate does not cover: of all requests, and of this one."""
    own = [str(each) for each in forget.get("does_not_cover") or () if not str(each).startswith(("copies and", "other data sets"))]
    return list(dict.fromkeys([*NOT_COVERED, *own]))


def _name(place: str) -> str:
    """The name of a file without its folder, which is nobody else's business."""
    return place.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def _before(service: Service, run: Row) -> str:
    earlier = [each["checkpoint"] for each in service.ledger.runs() if each["number"] == run["number"] - 1]
    return str(earlier[0]) if earlier else service.settings.model


def entry_of(service: Service, run: Row) -> dict[str, Any]:
    """The entry of the log that recorded a run: its number and digest, to compare with the ledger."""
    with service.ledger.database.reading() as tables:
        rows = tables.rows("log", {"event": "done"}, ("seq",))
    entry = next(row for row in rows if body_of(row).get("batch") == run["id"])
    return {"entry": entry["seq"], "digest": entry["digest"], "before": entry["before"]}


def ids_digest(service: Service, row: Row) -> str | None:
    """The SHA-256 of a request's list of ids as a file; once the list is gone, that of the certificate made before."""
    file = service.spool / f"{row['subjects']}.csv"
    if file.exists():
        ids = spool.take(service.spool, row["subjects"], service.ledger.salt, row["id"])
        return list_digest(ids)
    try:
        earlier = parse_canonical((service.certificates / f"{row['id']}.json").read_bytes(), row["id"])
        digest = earlier["certificate"]["files"]["ids"]["sha256"]
    except (OSError, DataError, KeyError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


def list_digest(ids: list[str]) -> str:
    """The SHA-256 of a list of ids as ``untrain request`` writes it, sorted, below the heading ``id``.

    >>> list_digest(["b", "a"]) == list_digest(["a", "b"])
    True
    """
    return hashlib.sha256(spool.as_list(sorted(set(ids)))).hexdigest()


def theorem_of(forget: Mapping[str, Any]) -> dict[str, Any] | None:
    """The theorem of a method about its release; None where it has none."""
    proven = forget.get("certificate")
    if not isinstance(proven, Mapping) or not isinstance(proven.get("guarantee"), Mapping):
        return None
    return {key: proven[key] for key in _PROVEN if key in proven}


def audited(audit: Mapping[str, Any]) -> list[str]:
    """Sentences on an audit: what was compared, and what it found."""
    count = audit.get("oracles")
    many = "one model that was" if count == 1 else f"{count} models that were" if count else "models that were"
    by = f", by {audit['trained_by']}" if audit.get("trained_by") else ""
    found = [f"An audit compared it with {many} trained without these rows{by} ({counted(len(audit['scores']), 'score')} below)."]
    found += [f"How the first model was trained is a guess: {audit['assumed'].rstrip('.')}."] if audit.get("assumed") else []
    return found + ([audit["verdict"]] if audit["verdict"] else [])


def conclusion(
    row: Row, run: Row, forget: Mapping[str, Any], audit: Mapping[str, Any] | None, theorem: Mapping[str, Any] | None
) -> str:  # fmt: skip
    """Plain words on what happened, and on how much is known of it."""
    facts, count = facts_of(forget), row["ids"]
    ids = f"{count} id{'s'[: count != 1]}"
    late = "" if run["finished"][:10] <= row["deadline"] else f", after its deadline of {row['deadline']}"
    how = f"by {facts.method}" if facts.method else "by a method that its document does not name"
    done = "was trained anew without the rows of" if facts.retrained else "was changed so as to forget the rows of"
    parts = [f"On {run['finished'][:10]}{late}, the model {done} request {row['id']} ({ids}), {how}."]
    if facts.before is not None and facts.after is not None:
        on = "On data that it never saw" if facts.examples else "On training rows set apart for this"
        parts.append(f"{on} its accuracy was {facts.before:.3f} before and {facts.after:.3f} after.")
    if theorem is not None:
        parts.append(
            f"A theorem stands behind this method: it guarantees ({theorem['guarantee'].get('epsilon', math.inf):.3g}, "
            f"{theorem['guarantee'].get('delta', 1):.3g})-indistinguishability from retraining, under the conditions listed below."
        )
    elif not facts.retrained:
        parts.append("The method changes the model by approximation: no theorem says how close it comes to retraining.")
    if audit is not None:
        parts += audited(audit)
    elif facts.retrained:
        parts.append("No audit was made.")
    else:
        parts.append("No audit was made, so nothing here says how much of these rows the model still holds.")
    return " ".join(parts)
