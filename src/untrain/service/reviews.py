"""Reviews that wait in a service: rows with a doubtful label, in private files, until they are ticked or their rows are gone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from untrain.core.errors import DataError, RequestError
from untrain.service.canonical import canonical, parse_canonical
from untrain.service.folder import Service
from untrain.service.subjects import make_private, replace_private

NAME = re.compile(r"[0-9a-f]{12}")
KIND = "untrain review"
FACTS = {"made", "source", "found", "rows"}  # that the list of reviews shows


def save_review(service: Service, review: Mapping[str, Any], tiles: Sequence[Mapping[str, Any]]) -> str:
    """Keep a review in a service, in a file that its owner alone can read; its name."""
    service.reviews.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(6)
    listed = list(review["listed"])[: len(tiles)]
    text = canonical({**review, "listed": listed, "more": len(review["listed"]) - len(listed), "tiles": list(tiles)})
    make_private(service.reviews / f"{name}.json", text.encode("ascii") + b"\n")
    return name


def reviews(service: Service) -> list[dict[str, Any]]:
    """Facts on all reviews, newest first; files that are none are left out."""
    names = sorted(each.stem for each in service.reviews.glob("*.json")) if service.reviews.is_dir() else []
    found = []
    for name in names:
        with suppress(DataError, RequestError):
            review = load_review(service, name)
            found.append({"name": name, **{key: review[key] for key in sorted(FACTS)},
                          "left": len(review["listed"])})  # fmt: skip
    return sorted(found, key=lambda each: str(each["made"]), reverse=True)


def load_review(service: Service, name: str) -> dict[str, Any]:
    """A review, without rows that were forgotten since.

    Raises:
        RequestError: there is none of this name.
        DataError: it was changed.
    """
    file = service.reviews / f"{name}.json"
    if not NAME.fullmatch(name) or not file.is_file():
        raise RequestError("there is no request to review of this name; `untrain find-mislabelled --service` makes one")
    try:
        review = parse_canonical(file.read_bytes(), file.name)
    except OSError as error:  # removed in another window meanwhile
        raise RequestError(f"cannot read the review {name}: {error.strerror}") from None
    listed: Any = review.get("listed") if isinstance(review, dict) else None
    tiles: Any = review.get("tiles") if isinstance(review, dict) else None
    whole = isinstance(listed, list) and isinstance(tiles, list) and len(listed) == len(tiles)
    if not whole or review.get("kind") != KIND or not review.keys() >= FACTS or not all(map(_is_row, listed)):
        raise DataError(f"{file} is not a review of untrain")
    gone, hashed = service.ledger.gone(), service.ledger.salt.hashed
    left = [at for at, row in enumerate(listed) if hashed(row["id"]) not in gone]
    return {**review, "listed": [listed[at] for at in left], "tiles": [tiles[at] for at in left]}


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and {"id", "row"} <= row.keys()


def ticked_ids(review: Mapping[str, Any], ticked: Sequence[str]) -> list[object]:
    """Ids of the rows of a review that were ticked, by the numbers of these rows in the data.

    >>> ticked_ids({"listed": [{"id": "a", "row": 3}, {"id": "b", "row": 17}]}, ["17"])
    ['b']

    Raises:
        RequestError: none is, or one is not there.
    """
    known = {str(row["row"]): row["id"] for row in review["listed"]}
    if not ticked or not known.keys() >= set(ticked):
        raise RequestError("tick at least one row" if not ticked else "the review was changed meanwhile: tick again")
    return list(dict.fromkeys(known[each] for each in ticked))


def remove_review(service: Service, name: str) -> None:
    """Remove a review."""
    load_review(service, name)
    with suppress(FileNotFoundError):
        (service.reviews / f"{name}.json").unlink()


def drop_gone(service: Service) -> None:
    """Rewrite reviews without rows that were forgotten, since a picture or a text of one is what should be gone; empty ones go."""
    for each in reviews(service):
        name = each["name"]
        file = service.reviews / f"{name}.json"
        with suppress(DataError, RequestError, FileNotFoundError):
            whole, left = parse_canonical(file.read_bytes(), file.name), load_review(service, name)
            if len(left["listed"]) == len(whole["listed"]):
                continue
            if left["listed"]:
                replace_private(file, canonical(left).encode("ascii") + b"\n")
            else:
                file.unlink()
