"""Checks of certificates and of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from untrain.commands.arguments import Document, several
from untrain.commands.service_place import Place, file_of, folder_of, forget_job, ids_of, need_service, open_at


def verify(
    certificate: str | Path, public_key: Place = None, files: Sequence[str] = (), service: Place = None, rerun: bool = False,
    forget: Sequence[str] = (),
) -> Document:  # fmt: skip
    """Check a certificate: signature, files, ledger.

    It ends with 0 where nothing is wrong and the signer is known, with 1 where something is wrong, and with 4 where nobody said
    whose key should have signed it: then give --public-key, or --service where the service is yours.

    Examples:
        untrain verify R00001.json --public-key key.public.pem
        untrain verify R00001.json --service requests --rerun --forget ids.csv

    Args:
        certificate: the signed file.
        public_key: of who should have signed it; without it the signer is not checked, unless it is the key of the service.
        files: a folder with files that the certificate names; that of the certificate is searched anyway.
        service: folder of the service that made it, for its checkpoints and its ledger; None for none.
        rerun: do the job again, and compare the checkpoint that comes out.
        forget: with ``--rerun``, a list of ids; those of all requests that the run served are needed.

    Returns:
        Findings, each right, wrong or not checked; 'right' says whether nothing is wrong, and 'signer' how it came out whose key
        signed it: 'not checked' where nobody said whose it should be, and then anybody may have.
    """
    need_service()
    from untrain.core.errors import BadInput
    from untrain.service.verification import run_again, verify_certificate

    file, key = file_of(certificate), None if public_key is None else file_of(public_key)
    place = None if service is None else open_at(service)
    if rerun and (place is None or not forget):
        raise BadInput("--rerun needs --service, and --forget with the list of ids")
    found = verify_certificate(file, key, [file_of(each) for each in several(files)], place)
    if rerun and place is not None:
        ids = [str(one) for each in several(forget) for one in ids_of({"forget": each}, place.settings)[0]]
        found.append(run_again(file, place, list(dict.fromkeys(ids)), forget_job))
    signer = next((each["outcome"] for each in found if each["what"] == "signer"), "wrong")
    right = not any(each["outcome"] == "wrong" for each in found)
    return {"certificate": str(file), "findings": found, "right": right, "signer": signer}


def ledger(service: Place = None) -> Document:
    """Check the ledger: its log, and every row by it.

    Examples:
        untrain request verify

    Args:
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.

    Returns:
        What is wrong, if anything, and the last entry of the log with its digest.
    """
    place = open_at(service)
    wrong = place.ledger.check()
    with place.ledger.database.reading() as tables:
        [head] = tables.rows("head") or [{"seq": 0, "digest": ""}]
    return {
        "service": str(folder_of(service)),
        "wrong": wrong,
        "right": not wrong,
        "entries": head["seq"],
        "digest": head["digest"],
    }
