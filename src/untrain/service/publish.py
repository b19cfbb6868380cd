"""Certificates as files: a signed JSON document and a page, made when a run is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import atomic_set
from untrain.reports.html.certificate_page import certificate_page
from untrain.service.canonical import canonical
from untrain.service.certificate import certificate
from untrain.service.folder import Service
from untrain.service.signing import fingerprint, load_private, sign, signer_of


def publisher(service: Service, passphrase: Callable[[], bytes]) -> Callable[[Service, str], Path]:
    """Make a function that writes the certificate of a request; the key is read once, and checked now."""
    word = cache(passphrase)
    key = load_private(Path(service.settings.key), word) if service.settings.key else None

    def publish(service: Service, request: str) -> Path:
        document = certificate(service, request)
        signature = sign(document, key) if key is not None else None
        return write(service.certificates, request, {"certificate": document, "signature": signature})

    return publish


def write(folder: Path, request: str, signed: dict[str, Any]) -> Path:
    """Write a certificate and its page, both or neither; the place of the certificate."""
    signer = signer_of(signed["certificate"], signed["signature"])
    text = canonical(signed) + "\n"
    page = certificate_page(signed["certificate"], fingerprint(signer) if signer else "", f"{request}.json", text)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_set(folder) as fresh:
        (fresh / f"{request}.json").write_text(text, encoding="ascii")
        (fresh / f"{request}.html").write_text(page, encoding="utf-8")
    return folder / f"{request}.json"
