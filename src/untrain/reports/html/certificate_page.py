"""The page of a certificate: conclusion first, then files and their digests, the run, scores, and what it does not cover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.core.escapes import printable
from untrain.reports.html.certificate_facts import all_facts, before_and_after, in_short, lines, shown
from untrain.reports.html.page import environment, shipped

FILES = {"model_before": "Model before", "model_after": "Model after", "data": "Data", "ids": "List of ids"}


def certificate_page(certificate: Mapping[str, Any], signer: str, file: str, text: str) -> str:
    """A page that needs no network; it repeats the signed document, and is not signed itself.

    Args:
        certificate: the document.
        signer: fingerprint of the public key that signed it; empty where it is not signed.
        file: name of the signed file.
        text: the signed file, which the page holds whole.
    """
    certificate = visible(certificate)
    run = certificate["run"]
    return environment().get_template("certificate.html").render(
        certificate=certificate, signer=signer, file=file, text=printable(text), names=FILES, short=in_short(run),
        sides=before_and_after(run), facts=all_facts(run), run=run,
        notes=[*texts(run.get("notes")), *texts(run.get("method_notes"))], theorem=lines(certificate["theorem"] or {}),
        scores=scores(certificate["audit"]), style=shipped("colours.css") + shipped("style.css"),
    )  # fmt: skip


def texts(given: Any) -> list[str]:
    """A list of texts, or one text, or nothing, as a list of texts."""
    return [shown(each) for each in given] if isinstance(given, list | tuple) else [given] if isinstance(given, str) else []


def visible(value: Any) -> Any:
    """A document whose texts hold no character that controls a terminal or is seen nowhere."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): visible(each) for key, each in value.items()}
    return [visible(each) for each in value] if isinstance(value, list | tuple) else value


def scores(audit: Mapping[str, Any] | None) -> list[tuple[str, str, str, str, str]]:
    """Rows of the table of scores: name, value, interval, floor, and why there is no value."""
    rows = (audit or {}).get("scores", {})
    return [
        (name, shown(s["value"]), f"{shown(s['low'])} to {shown(s['high'])}", shown(s["floor"]), s["reason"] or "")
        for name, s in rows.items()
    ]
