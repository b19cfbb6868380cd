"""Checks of a certificate: its form, its signature, files that are there, the ledger, and the job done again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from untrain.core.errors import BadInput, DataError, RequestError
from untrain.core.work_files import scratch
from untrain.service import spool
from untrain.service.canonical import digest_at, parse_canonical
from untrain.service.certificate import FORMAT, KIND, list_digest
from untrain.service.folder import Service
from untrain.service.ledger import document_of
from untrain.service.signing import fingerprint, load_public, public_file, signer_of
from untrain.service.worker import RequestJob

Outcome = Literal["right", "wrong", "not checked"]
NAMED = ("model_before", "model_after", "data", "ids")
MOST = 50_000_000  # bytes of a certificate
LONGEST = 255  # bytes of a name of a file


@dataclass(frozen=True)
class Finding:
    """One check: what was checked, how it came out, and why."""

    what: str
    outcome: Outcome
    detail: str


def read_certificate(file: Path) -> dict[str, Any]:
    """A certificate with its signature.

    Raises:
        DataError: it cannot be read, or is not a certificate, to the last byte.
    """
    try:
        if file.stat().st_size > MOST:
            raise DataError(f"{file} is too large for a certificate")
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from None
    if b'"what": "untrain forget"' in raw[:100]:
        raise DataError(f"{file} is the document of untrain forget, which is not signed: untrain request makes signed certificates")
    signed = parse_canonical(raw, str(file))
    body = signed.get("certificate") if isinstance(signed, dict) else None
    whole = isinstance(signed, dict) and set(signed) == {"certificate", "signature"} and isinstance(body, dict)
    if not whole or body is None or body.get("kind") != KIND or body.get("format") != FORMAT or not raw.endswith(b"}\n"):
        raise DataError(f"{file} is not a certificate of untrain (format {FORMAT})")
    return dict(signed)


def verify_certificate(file: Path, public: Path | None, folders: Sequence[Path], service: Service | None) -> list[dict[str, Any]]:
    """Check a certificate; one finding per check.

    Args:
        file: the certificate.
        public: the public key of who should have signed it; None where nobody gave one.
        folders: where the files may lie that it names.
        service: the service that made it, for checkpoints, data and ledger; None where it is not at hand.
    """
    signed = read_certificate(file)
    body = signed["certificate"]
    found = [*_signature(signed, public, service)]
    found += _files(body, [file.parent, *folders], service)
    if service is None:
        found.append(Finding("ledger", "not checked", "name the service with --service"))
    else:
        found += _ledger(body, service)
    return [asdict(each) for each in found]


def _signature(signed: dict[str, Any], public: Path | None, service: Service | None) -> list[Finding]:
    wanted = None if public is None else load_public(public)
    if signed["signature"] is None:
        return [Finding("signature", "wrong", "it is not signed: anybody can have written it")]
    signer = signer_of(signed["certificate"], signed["signature"])
    if signer is None:
        return [Finding("signature", "wrong", "it is not one of this document: a field was changed since it was signed")]
    found = [Finding("signature", "right", "nothing was changed since it was signed")]
    own = None if service is None or not service.settings.key else public_file(Path(service.settings.key))
    if wanted is None and own is not None and own.exists() and load_public(own) == signer:
        return [*found, Finding("signer", "right", f"the key of the service, {own}")]
    if wanted is None:
        other = "" if own is None or not own.exists() else "it is not the key of the service, and "
        note = f"anyone can make a key: compare {fingerprint(signer)} with the fingerprint that you know, or give --public-key"
        return [*found, Finding("signer", "not checked", other + note)]
    same = wanted == signer
    return [*found, Finding("signer", "right" if same else "wrong", "your key" if same else f"another key: {fingerprint(signer)}")]


def _files(body: dict[str, Any], folders: Sequence[Path], service: Service | None) -> list[Finding]:
    files = body.get("files")
    found = []
    for what, about in files.items() if isinstance(files, dict) else ():
        if what not in NAMED:  # whoever signs could otherwise make up findings, such as a right signer
            found.append(Finding("files", "wrong", f"it names {what[:40]!r}, which no certificate of untrain does"))
            continue
        name, digest = (about.get("name"), about.get("sha256")) if isinstance(about, dict) else (None, None)
        places = _places(what, name, folders, service) if isinstance(name, str) else []
        file = next((each for each in places if each.exists()), None)
        if not isinstance(digest, str):
            found.append(Finding(what, "not checked", "the certificate has no digest of it"))
        elif file is None:
            found.append(Finding(what, "not checked", f"{name!r} is not here: name its folder with --file"))
        elif what == "ids":
            found.append(_compared(what, file, list_digest(_ids(file)), digest))
        elif what == "data" and service is not None and file == Path(service.settings.data) and digest_at(file) != digest:
            # Rows must leave the data too: later ones are others, and that is no reason to doubt the certificate.
            found.append(Finding(what, "not checked", f"{file} was changed since the run, as it must when its rows are deleted"))
        else:
            found.append(_compared(what, file, digest_at(file), digest))
    return found


def _places(what: str, name: str, folders: Sequence[Path], service: Service | None) -> list[Path]:
    # A name with a folder in it would lead out of the folders that the user named.
    plain = Path(name).name == name and name not in ("", "..") and len(name.encode("utf-8", "surrogatepass")) <= LONGEST
    places = [folder / name for folder in folders] if plain else []
    if service is not None:
        known = {"model_before": service.settings.model, "data": service.settings.data}.get(what)
        places += [service.checkpoints / name] if what.startswith("model") and places else []
        places += [Path(known)] if known and Path(known).name == name else []
    return places


def _compared(what: str, file: Path, there: str, wanted: str) -> Finding:
    if there == wanted:
        return Finding(what, "right", f"{file} is the one")
    return Finding(what, "wrong", f"{file} is another: its SHA-256 is {there}")


def _ids(file: Path) -> list[str]:
    try:
        return spool.read_list(file.read_bytes())
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(f"cannot read {file} as a list of ids: {error}") from None


def _ledger(body: dict[str, Any], service: Service) -> list[Finding]:
    wrong = service.ledger.check()
    if wrong:
        return [Finding("ledger", "wrong", each) for each in wrong]
    found = [Finding("ledger", "right", "every entry follows the one before, and every row is as the log says")]
    chain, run, files, request = (body.get(key) for key in ("chain", "run", "files", "request"))
    try:
        with service.ledger.database.reading() as tables:
            entries = tables.rows("log", {"seq": int(chain["entry"])})  # type: ignore[index]
        [made] = [row for row in service.ledger.runs() if row["number"] == run["number"]]  # type: ignore[index]
        row = service.ledger.request(request["id"])  # type: ignore[index]
        same = [
            bool(entries) and entries[0]["digest"] == chain["digest"],  # type: ignore[index]
            made["before"] == files["model_before"]["sha256"] and made["after"] == files["model_after"]["sha256"],  # type: ignore[index]
            row["batch"] == made["id"] and row["subjects"] == request["salted_ids"],  # type: ignore[index]
        ]
    except (KeyError, TypeError, ValueError, RequestError, OverflowError):
        same = [False]
    if all(same):
        return [*found, Finding("chain", "right", f"run {made['number']} of the ledger made this checkpoint of that one")]
    return [*found, Finding("chain", "wrong", "the ledger knows no such run of this request")]


def run_again(file: Path, service: Service, ids: Sequence[str], job: Callable[[RequestJob], Any]) -> dict[str, Any]:
    """Do the job of a certificate again, and compare the checkpoint that comes out.

    Args:
        file: the certificate.
        service: that made it.
        ids: of all requests that the run served; the ledger knows them by their hashes alone.
        job: forgets.

    Raises:
        RequestError: these are other ids.
    """
    about = read_certificate(file)["certificate"].get("run")
    number = about.get("number") if isinstance(about, dict) else None
    runs = [row for row in service.ledger.runs() if row["number"] == number]
    if not runs or not isinstance(number, int):
        raise RequestError(f"the ledger of {service.folder} knows no run {number}")
    run, ledger = runs[0], service.ledger
    document = document_of(run)
    with ledger.database.reading() as tables:
        names = [row["id"] for row in tables.rows("requests", {"batch": run["id"]}, ("id",))]
        known = {row["hash"] for row in tables.rows("subjects", {"request": names})}
    if set(ledger.salt.all_hashed(ids)) != known:
        raise RequestError(f"run {number} served {', '.join(names)}, with {len(known)} other ids than the {len(set(ids))} given")
    earlier = [row["checkpoint"] for row in ledger.runs() if row["number"] == number - 1]
    model = service.checkpoint(earlier[0] if earlier else service.settings.model)
    if digest_at(model) != run["before"]:
        raise RequestError(f"{model} is not the checkpoint that run {number} began from")
    gone, hashed = ledger.gone(before=number), ledger.salt.hashed
    with scratch("rerun", near=service.spool) as folder:
        listed, out = folder / "ids.csv", folder / run["checkpoint"]
        listed.write_bytes(spool.as_list(ids))
        job(RequestJob(model, service.settings.data, listed, out, document["options"], lambda each: hashed(each) in gone))
        digest = digest_at(out)
    if digest == run["after"]:
        return asdict(Finding("rerun", "right", "the job, done again, makes the same checkpoint to the last bit"))
    note = f"the job, done again, makes another checkpoint: {digest}; other hardware or libraries differ in last bits"
    return asdict(Finding("rerun", "wrong", note))
