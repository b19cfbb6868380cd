"""A service: a folder with settings, ledger, salt, waiting lists, checkpoints and certificates."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, RequestError
from untrain.core.paths import user_path
from untrain.runtime.database import Database, sqlite_url
from untrain.service import spool
from untrain.service.canonical import digest_at
from untrain.service.ledger import TABLES, Ledger, step
from untrain.service.private import names_an_id, plain_number
from untrain.service.settings import FILE, Settings, load, save
from untrain.service.states import OPEN
from untrain.service.subjects import salt_in


@dataclass(frozen=True)
class Service:
    """Requests to forget, one model, and the chain of its checkpoints.

    Args:
        folder: where it is.
        settings: what every run shares.
        ledger: its requests and runs.
    """

    folder: Path
    settings: Settings
    ledger: Ledger

    @property
    def spool(self) -> Path:
        """Folder of the lists of ids that wait."""
        return self.folder / "spool"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints that runs made."""
        return self.folder / "checkpoints"

    @property
    def certificates(self) -> Path:
        """Folder of certificates and their pages."""
        return self.folder / "certificates"

    @property
    def reviews(self) -> Path:
        """Folder of the reviews that wait."""
        return self.folder / "reviews"

    def checkpoint(self, name: str) -> Path:
        """The place of a checkpoint by its name in the ledger; the first one lies where its owner keeps it."""
        return Path(name) if Path(name).is_absolute() else self.checkpoints / name

    def add(self, ids: Sequence[object], deadline: str = "", by: str = "", reference: str = "") -> dict[str, Any]:
        """Add a request.

        Args:
            ids: of the rows to forget.
            deadline: a date; empty for as many days from now as the settings say.
            by: who asks for it; a role or a ticket, since it stays in the ledger.
            reference: of a ticket elsewhere; it stays in the ledger too.

        Raises:
            RequestError: there is no id, or the date is none.
        """
        named = list(dict.fromkeys(map(str, ids)))
        if not named or any(not each.strip() for each in named):
            raise RequestError("a request needs at least one id, and no empty ones")
        refuse_named({"reference": reference}, named)
        due, shared = deadline_of(deadline, self.settings.days), self.ledger.shared(named)
        spool.put(self.spool, named, self.ledger.salt)  # first: a request without its ids would be worth nothing
        name = self.ledger.add(named, due, by, reference)
        return {**self.ledger.request(name), "shared": shared}

    def ids(self, request: str) -> list[str]:
        """The ids of a request that has not run yet.

        Raises:
            RequestError: there is no such request, or its ids are gone.
        """
        row = self.ledger.request(request)
        return spool.take(self.spool, row["subjects"], self.ledger.salt, request)

    def approve(self, request: str, by: str) -> dict[str, Any]:
        """Let a request run; its ids must still be there."""
        self.ids(request)
        return self.ledger.move(request, "approved", by=by, error="")

    def withdraw(self, request: str, by: str, why: str = "") -> dict[str, Any]:
        """Take a request back before it runs; its list of ids is removed."""
        if why:
            refuse_named({"why": why}, self.ids(request))
        with self.ledger.database.writing() as tables:
            row = step(tables, request, "withdrawn", by=by, why=why)
        spool.drop(self.spool, [row["subjects"]], self.needed())
        return row

    def needed(self) -> set[str]:
        """Digests of the lists that open requests need."""
        return {row["subjects"] for row in self.ledger.requests(*OPEN)}


def make_service(folder: str | Path, settings: Settings, database: str = "") -> Service:
    """Make a service of a checkpoint and its data.

    Args:
        folder: where it is made.
        settings: to save there.
        database: URL that goes before the one in the settings, and is not saved; empty for none.

    Raises:
        BadInput: there is one already, or the checkpoint is missing.
    """
    place, model = user_path(folder).absolute(), Path(settings.model)
    if (place / FILE).exists():
        raise BadInput(f"there is a service at {place} already: its settings are in {place / FILE}")
    if not model.exists():
        raise BadInput(f"there is no checkpoint at {model}")
    digest = digest_at(model)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("spool", "checkpoints", "certificates"):
            (place / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make a service at {place}: {error.strerror}") from None
    service = Service(place, settings, _ledger(place, replace(settings, database=database or settings.database)))
    try:
        service.ledger.start(str(model), digest)
    except RequestError:  # a process was killed before it wrote the settings
        if service.ledger.current()["sha256"] != digest:
            raise
    save(settings, place)
    return service


def open_service(folder: str | Path, database: str = "") -> Service:
    """Open a service.

    Args:
        folder: where it is.
        database: URL that goes before the one in its settings, for a password that is not to be on disk; empty for none.

    Raises:
        BadInput: there is none, or its settings are wrong.
    """
    place = user_path(folder).absolute()
    settings = load(place)
    settings = replace(settings, database=database) if database else settings
    return Service(place, settings, _ledger(place, settings))


def refuse_named(texts: Mapping[str, str], ids: Sequence[str]) -> None:
    """Refuse texts for the ledger that are an id of the request, or name one that is not a number.

    Raises:
        RequestError: one does.
    """
    worded = {each for each in ids if not plain_number(each)}
    for name, text in texts.items():
        if text and (text.strip() in ids or names_an_id(text, worded)):
            raise RequestError(
                f"{name}={text[:40]!r} names an id of the request, and it would stay in the ledger: write a ticket or role"
            )


def _ledger(place: Path, settings: Settings) -> Ledger:
    url = settings.database or sqlite_url(place / "ledger.sqlite")
    return Ledger(Database(url, TABLES), salt_in(place / "salt")).open()


def deadline_of(text: str, days: int) -> str:
    """A date as the ledger keeps it.

    >>> deadline_of("2026-12-24", 30)
    '2026-12-24'

    Raises:
        RequestError: it is not a date.
    """
    if not text:
        return (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)).isoformat()
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise RequestError(f"deadline={text[:40]!r} is not a date: write it as 2026-12-24") from None
