"""A service as commands find it: its folder, its secrets, its lists of ids, and the job that it runs."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Document
from untrain.core.environment import absolute, variables
from untrain.core.errors import BadInput, MissingExtra, SpecError, suggest
from untrain.core.paths import user_path

if TYPE_CHECKING:
    from untrain.runtime.progress import OnProgress
    from untrain.service.folder import Service
    from untrain.service.settings import Settings
    from untrain.service.worker import RequestJob

PASSPHRASE = "UNTRAIN_KEY_PASSPHRASE"
DATABASE = "UNTRAIN_DATABASE"
PLACE = "place"  # of one state dict in a file of several
OURS = ("model", "data", "forget", "where", "forget_classes", "forget_owners", "column", "out", "dry_run", "on_progress")
Place = str | Path | None


def file_of(path: str | Path) -> Path:
    """The absolute path that a user spelled."""
    return absolute(user_path(path))


def source_of(data: str) -> str:
    """The absolute path of data, so that later runs may begin in other folders; a ``package.module:function`` as it is.

    Raises:
        BadInput: there is no such file or folder.
    """
    file = file_of(data)
    if not file.exists():
        if ":" in data:
            return data
        raise BadInput(f"there are no data at {file}: name a file or a folder, or package.module:function")
    return str(file)


def folder_of(service: Place) -> Path:
    """The folder of a service; by default ``service`` beside the store."""
    if service is not None:
        return file_of(service)
    return file_of(variables().get("UNTRAIN_HOME") or "~/.untrain") / "service"


def need_service() -> None:
    """Refuse to begin without the libraries of the service.

    Raises:
        MissingExtra: one is not installed.
    """
    for library in ("sqlalchemy", "cryptography"):
        if importlib.util.find_spec(library) is None:
            raise MissingExtra(f"requests and certificates need {library}: pip install 'untrain[service]'")


def open_at(service: Place) -> Service:
    """The service in a folder; $UNTRAIN_DATABASE goes before the URL in its settings."""
    need_service()
    from untrain.service.folder import open_service

    return open_service(folder_of(service), variables().get(DATABASE, ""))


def user() -> str:
    """The name of the user, for the ledger."""
    import getpass  # here, so that a ``--help`` does without

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
    import getpass

    from untrain.runtime.progress import asking

    with asking():
        return getpass.getpass("Passphrase of the key: ").encode()


def key_at(file: Path) -> str:
    """Make a key; its fingerprint."""
    need_service()
    from untrain.service.signing import make_key

    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the key")
    return make_key(file, passphrase_set())


def options_of(given: Sequence[str], more: Document) -> Document:
    """Further arguments of ``untrain.forget``: those as NAME=VALUE, and those that have an option of their own.

    >>> options_of(["seed=3", "class_names=cat,dog"], {"method": "", "budget": "5%"})
    {'budget': '5%', 'seed': 3, 'class_names': ['cat', 'dog']}

    Raises:
        SpecError: one has no name, or ``untrain.forget`` does not take it.
    """
    from untrain.commands.forget import forget

    known = [name for name in inspect.signature(forget).parameters if name not in OURS]
    found: Document = {name: value for name, value in more.items() if value}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or name not in known:
            why = "write NAME=VALUE, such as seed=3" if not equals else f"`untrain forget` takes {', '.join(known)}"
            raise SpecError(f"{each[:40]!r} is not an argument{suggest(name, known)}: {why}")
        plain = {"true": True, "false": False}.get(value.lower(), int(value) if value.isascii() and value.isdigit() else value)
        found[name] = value.split(",") if name in ("x", "class_names") else plain
    return found


def ids_of(asked: Document, settings: Settings) -> tuple[list[object], list[str]]:
    """The ids of the rows that a request names, and notes on how it was read.

    Raises:
        BadInput: the request cannot be read, or names nothing in the data.
    """
    from untrain.service import given_ids

    return given_ids.ids_of(asked, settings)


def forget_job(job: RequestJob, dry_run: bool = False, on_progress: OnProgress | None = None) -> Document:
    """Forget by ``untrain.forget``; its document.

    Rows that were forgotten before and are still in the data are named again: otherwise the new checkpoint would be trained on
    them.
    """
    from untrain.commands.forget import forget
    from untrain.runtime.progress import say
    from untrain.service.given_ids import ids_there
    from untrain.service.spool import read_list

    options = dict(job.options)
    place = options.pop(PLACE, "")
    ids = read_list(job.ids.read_bytes())
    rows = Counter(ids_there(job.data, options))
    again = [each for each in rows if job.gone(each)]
    named = set(ids)
    again_rows = sum(rows[each] for each in again)
    if again:
        are = "id forgotten before is" if len(again) == 1 else "ids forgotten before are"
        say(on_progress, f"{len(again)} {are} still in the data, and go again: delete their rows")
    model = f"{job.model}#{place}" if place else str(job.model)
    listed = [*ids, *(each for each in again if each not in named)]
    document = forget(model, job.data, listed, out=str(job.out), dry_run=dry_run, on_progress=on_progress, **options)
    return {**document, "again": {"ids": len(again), "rows": again_rows}}
