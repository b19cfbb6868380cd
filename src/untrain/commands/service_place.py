"""A service as commands find it: its folder, its secrets, its lists of ids, and the job that it runs."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import Document
from untrain.core.environment import absolute, variables
from untrain.core.errors import BadInput, SpecError
from untrain.core.paths import user_path

if TYPE_CHECKING:
    from untrain.service.folder import Service
    from untrain.service.settings import Settings
    from untrain.service.worker import RequestJob

PASSPHRASE = "UNTRAIN_KEY_PASSPHRASE"
DATABASE = "UNTRAIN_DATABASE"
Place = str | Path | None


def file_of(path: str | Path) -> Path:
    """The absolute path that a user spelled."""
    return absolute(user_path(path))


def folder_of(service: Place) -> Path:
    """The folder of a service; by default ``service`` beside the store."""
    if service is not None:
        return file_of(service)
    return file_of(variables().get("UNTRAIN_HOME") or "~/.untrain") / "service"


def open_at(service: Place) -> Service:
    """The service in a folder; $UNTRAIN_DATABASE goes before the URL in its settings."""
    from untrain.service.folder import open_service

    return open_service(folder_of(service), variables().get(DATABASE, ""))


def user() -> str:
    """The name of the user, for the ledger."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without names
        return ""


def passphrase_set() -> bytes:
    """The passphrase in the environment; empty where there is none."""
    return variables().get(PASSPHRASE, "").encode("utf-8", "surrogateescape")


def passphrase() -> bytes:
    """The passphrase of a key: of the environment, or of who sits at the terminal.

    Raises:
        BadInput: there is neither.
    """
    word = passphrase_set()
    if word:
        return word
    if sys.stdin is None or not sys.stdin.isatty():
        raise BadInput(f"the key is encrypted: set {PASSPHRASE}, or run this at a terminal")
    return getpass.getpass("Passphrase of the key: ").encode()


def key_at(file: Path) -> str:
    """Make a key; its fingerprint."""
    from untrain.service.signing import make_key

    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the key")
    return make_key(file, passphrase_set())


def pairs(options: Sequence[str]) -> dict[str, Any]:
    """Arguments as NAME=VALUE.

    >>> pairs(["seed=3", "id=user"])
    {'seed': 3, 'id': 'user'}

    Raises:
        SpecError: one has no name.
    """
    found: dict[str, Any] = {}
    for each in options:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise SpecError(f"{each[:40]!r} is not an argument: write NAME=VALUE, such as seed=3")
        found[name] = int(value) if value.isascii() and value.isdigit() else value
    return found


def read_ids(file: str, column: str, settings: Settings) -> tuple[list[object], list[str]]:
    """The ids of the data that a list names, and notes on how it was read.

    Args:
        file: the list; - for standard input.
        column: name or number of its column of ids; empty to ask heading and data.
        settings: of the service, whose data say what is an id.

    Raises:
        BadInput: the list cannot be read, or names no id of the data.
    """
    from untrain.core.metering import metered
    from untrain.core.work_files import scratch
    from untrain.data.id_index import IdIndex
    from untrain.data.requests.idfile import IdFile

    index = IdIndex(_ids_of_data(settings))
    with metered() as meter, scratch("ids") as folder:
        path = file_of(file) if file != "-" else folder / "stdin.csv"
        if file == "-":
            path.write_bytes(sys.stdin.buffer.read())
        ids = IdFile(str(path), column=column).ids(index)
    # Of a list on standard input nobody knows the place.
    return list(ids), [note.replace(str(path), "standard input") if file == "-" else note for note in meter.notes]


def _ids_of_data(settings: Settings) -> Any:
    import numpy as np

    from untrain.data.readers.text_tables import content, table

    rows = table(Path(settings.data), content(Path(settings.data), (".csv", ".tsv"), "data"), "rows")
    at = rows[0].index(str(settings.options.get("id", "id")))
    return np.array([row[at] for row in rows[1:]])


def forget_job(job: RequestJob, dry_run: bool = False) -> Document:
    """Forget by ``untrain.forget``; its document."""
    from untrain.commands.forget import forget

    return dict(forget(job.model, job.data, job.ids, out=job.out, dry_run=dry_run, **job.options))
