"""Requests to forget in a queue: ``untrain request init | key | add | list | approve | show | withdraw``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from untrain.commands.arguments import AtLeast, Document, several
from untrain.commands.service_place import (
    DATABASE,
    PLACE,
    Place,
    file_of,
    folder_of,
    ids_of,
    key_at,
    need_service,
    open_at,
    options_of,
    passphrase_set,
    source_of,
    user,
)  # fmt: skip
from untrain.core.environment import variables
from untrain.core.errors import BadInput, RequestError


def init(
    model: str, data: str, service: Place = None, method: str = "", budget: str = "", network: str = "", valid: str = "",
    option: Sequence[str] = (), database: str = "", key: str = "", name: str = "", days: Annotated[int, AtLeast(1)] = 30,
) -> Document:  # fmt: skip
    """Make a service of a checkpoint and its data.

    Examples:
        untrain request init model.safetensors train.csv
        untrain request init model.pt train.csv --method auto --budget 10%

    Args:
        model: the checkpoint to begin from, a file or a folder.
        data: the training data, as ``untrain forget`` reads them.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        method: as in ``untrain forget``; empty for its default.
        budget: as in ``untrain forget``; empty for its default.
        network: as in ``untrain forget``.
        valid: validation data, as in ``untrain forget``.
        option: a further argument of ``untrain forget``, as NAME=VALUE.
        database: URL of a PostgreSQL database, without its password, which $UNTRAIN_DATABASE can hold; empty for a file.
        key: private key that signs certificates; empty to make one in the folder of the service.
        name: who runs the service, as certificates name them; empty for the name of the user.
        days: from a request to its deadline.

    Returns:
        The folder, its settings, and the fingerprint of the key.
    """
    need_service()
    from untrain.service.folder import make_service
    from untrain.service.settings import FILE, Settings
    from untrain.service.signing import fingerprint, load_public, public_file

    place = folder_of(service)
    file, _, state = model.partition("#")
    own = {"method": method, "budget": budget, "network": network, "valid": valid and source_of(valid), PLACE: state}
    options = options_of(option, own)
    private = file_of(key) if key else place / "key.pem"
    settings = Settings(
        str(file_of(file)), source_of(data), options, database, str(private), name or user(), days
    )  # fmt: skip
    if key and not private.exists():
        raise BadInput(f"there is no key at {private}: `untrain request key {key}` makes one")
    made = make_service(place, settings, variables().get(DATABASE, ""))
    public = public_file(private)
    if not private.exists():
        key_at(private)
    known = fingerprint(load_public(public)) if public.exists() else None
    return {"service": str(place), "settings": str(made.folder / FILE), "public_key": str(public), "fingerprint": known}


def key(file: str | Path) -> Document:
    """Make a key that signs certificates.

    Examples:
        untrain request key signing.pem

    Args:
        file: where the private key goes; the public one goes beside it. $UNTRAIN_KEY_PASSPHRASE encrypts it where it is set.

    Returns:
        Both places, the fingerprint of the public key, and whether the private one is encrypted.
    """
    need_service()
    from untrain.service.signing import public_file

    place = file_of(file)
    mark = key_at(place)
    return {"key": str(place), "public_key": str(public_file(place)), "fingerprint": mark, "encrypted": bool(passphrase_set())}


def add(
    file: str = "", where: str = "", forget_classes: Sequence[str] = (), forget_owners: Sequence[str] = (), service: Place = None,
    column: str = "", missing: str = "refuse", deadline: str = "", by: str = "", reference: str = "", approve: bool = False,
) -> Document:  # fmt: skip
    """Add a request: ids, a rule, classes or owners.

    Examples:
        untrain request add ids.csv
        untrain request add - --deadline 2026-12-24 --reference T-17
        untrain request add --where "user == 'u17'"

    Args:
        file: a list of ids as people export them, ids with commas between, or - for standard input.
        where: rule on columns of the data, such as "label == 3".
        forget_classes: class of which all rows go, by its name.
        forget_owners: owner of whom all rows go.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        column: name or number of the column of ids in the file.
        missing: whether to 'refuse' ids that are not in the data, or to 'skip' them.
        deadline: a date such as 2026-12-24; empty for as many days from now as the settings say.
        by: who asks for it: a role, since it stays in the ledger; empty for the name of the user.
        reference: of a ticket elsewhere; it stays in the ledger.
        approve: let it run without further ado.

    Returns:
        The request, how many of its ids other requests name too, and notes on how the list was read.
    """
    if missing not in ("refuse", "skip"):
        raise BadInput(f"missing={missing[:40]!r}: 'refuse' or 'skip' is needed")
    place = open_at(service)
    from untrain.service.folder import refuse_named

    asked = {"forget": file, "where": where, "classes": tuple(forget_classes), "owners": tuple(forget_owners)}
    ids, notes = ids_of({**asked, "column": column, "skip_missing": missing == "skip"}, place.settings)
    refuse_named({"by": by}, list(map(str, ids)))
    row = place.add(ids, deadline, by or user(), reference)
    if approve:
        row |= place.approve(row["id"], by or user())
    return {**row, "notes": notes}


def listing(service: Place = None, state: Sequence[str] = (), csv: str | Path | None = None) -> Document:
    """List requests by deadline, with alarms.

    Examples:
        untrain request list
        untrain request list --state approved --state failed

    Args:
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        state: only requests in this state.
        csv: a file to write the list to.

    Returns:
        Requests, the current checkpoint, drift from retraining, and those whose deadline is over.
    """
    from untrain.service.overview import overview, write_csv

    place = open_at(service)
    document = overview(place, several(state))
    if csv is not None:
        write_csv(file_of(csv), document["requests"])
    return document


def approve(requests: Sequence[str], service: Place = None) -> Document:
    """Let requests run.

    Examples:
        untrain request approve R00001 R00002
        untrain request approve all

    Args:
        requests: their names, or all that were received or planned.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.

    Returns:
        The names of those approved.
    """
    place, names = open_at(service), several(requests)
    if names == ["all"]:
        names = [row["id"] for row in place.ledger.requests("received", "planned")]
        if not names:
            raise RequestError("no request waits to be approved: `untrain request list` shows all")
    return {"approved": [place.approve(name, user())["id"] for name in names]}


def show(request: str, service: Place = None) -> Document:
    """Print a request and its history.

    Examples:
        untrain request show R00001

    Args:
        request: its name.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.

    Returns:
        The request, its history, and its certificate where there is one.
    """
    from untrain.service.overview import one

    return one(open_at(service), request)


def withdraw(request: str, service: Place = None, why: str = "") -> Document:
    """Take a request back before it runs.

    Examples:
        untrain request withdraw R00001 --why "asked twice"

    Args:
        request: its name.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        why: a reason, which stays in the ledger.

    Returns:
        The request.
    """
    return dict(open_at(service).withdraw(request, user(), why))
