"""The document beside a new checkpoint: what went in, what was done, what came out, and what all this does not cover."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from untrain.core.file_digests import file_digest
from untrain.core.paths import user_path
from untrain.data.fingerprint import print_of
from untrain.data.readers.table_files import is_path
from untrain.experiments.forgetting.attempt import Try
from untrain.experiments.forgetting.measurements import Judgement, Sides, alike_document
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.requests import DrawnRequest
from untrain.experiments.forgetting.tries import ChosenTry

Document = dict[str, Any]
WITHOUT_AUDIT = "what an attacker could find who has retrained models or the old checkpoint: that takes an audit (--audit)"
WITH_AUDIT = "what stronger attacks than those of the audit could find"
COVERS_NOT = (
    "copies and backups of the old checkpoint, and models made from it",
    "other data sets, logs and caches that hold the forgotten rows",
    WITHOUT_AUDIT,
)


def begun(
    given: Mapping[str, Any], opened: OpenedModel, drawn: DrawnRequest, plan: Document, sides: Sides, before: Judgement,
    notes: list[str],
) -> Document:  # fmt: skip
    """All that is known before anything is changed.

    Args:
        given: 'data', 'valid', 'seed', 'budget' and 'gap' as the user gave them.
        opened: the checkpoint.
        drawn: the request.
        plan: of what is to be done.
        sides: examples by which models are judged.
        before: the original on them.
        notes: on how all this was read.
    """
    data = {"rows": len(opened.train), "digest": print_of(opened.train)}
    return {
        "what": "untrain forget", "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": _versions(),
        "model": {"path": str(opened.path), "sha256": file_digest(opened.path), "kind": opened.kind},
        "data": data | _source(given["data"]), "valid": None if given["valid"] is None else _source(given["valid"]),
        "request": {
            "spelled": drawn.spelled, "digest": drawn.forget_set.digest, "rows": plan["rows"], "ids": plan["ids"],
            "listed": drawn.listed, "missing": [*drawn.missing], "file_sha256": drawn.file_sha256,
        },
        "plan": plan, "seed": given["seed"], "budget": given["budget"],
        "before": {
            "validation": before.held_out.document(), "retain": before.retain.document(), "forget": before.forget.document(),
            "alike": alike_document(before.alike, given["gap"]),
        },
        "measured_on": "data that the model has not seen" if sides.unseen is not None else
        "a tenth of its training data that the method does not see: a fall there is partly memory, not damage alone",
        "notes": notes, "does_not_cover": [*COVERS_NOT, *_twins_stay(plan)],
    }  # fmt: skip


def _twins_stay(plan: Document) -> list[str]:
    count = 0 if plan["twins"]["included"] else plan["twins"]["exact"] + plan["twins"]["near"]
    return [f"{count} rows that stay and are like a forgotten one"] if count else []


def tried(choice: ChosenTry, before: Document) -> Document:
    """All that is known once methods were tried: what they did, the aim, and the original's figures beside it.

    Args:
        choice: among the tries.
        before: figures of the original.
    """
    setting = choice.setting
    alike = alike_document(setting.before.alike, setting.choices.gap, setting.aim)
    tries = [each.document for each in choice.tries]
    return {"tries": tries, "why": choice.why, "aim": setting.aiming or None, "before": {**before, "alike": alike}}


def ended(chosen: Try, accept_damage: bool) -> Document:
    """All that is known once a model was chosen."""
    outcome = chosen.outcome
    certificate = None if outcome is None or outcome.certificate is None else outcome.certificate.published()
    document = chosen.document
    return {
        "method": chosen.method, "cost": document["cost"], "share": document["share"], "guard": document["guard"],
        "after": {name: document[name] for name in ("validation", "retain", "forget", "alike")},
        "alarms": document["alarms"], "accepted_damage": bool(chosen.alarms and accept_damage), "certificate": certificate,
        "method_notes": document["notes"],
    }  # fmt: skip


def with_audit(document: Document, found: Document) -> Document:
    """The document of a checkpoint with its audit."""
    left = [WITH_AUDIT if each == WITHOUT_AUDIT else each for each in document["does_not_cover"]]
    return {**document, "audit": found, "does_not_cover": left}


def _source(source: Any) -> Document:
    """The origin of data, with the digest of their bytes where they are files."""
    if is_path(source):
        return {"path": str(source), "sha256": file_digest(user_path(source))}
    return {"path": str(source) if isinstance(source, str) else type(source).__name__, "sha256": None}


def _versions() -> dict[str, str]:
    return {"untrain": version("untrain"), "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
