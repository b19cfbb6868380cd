"""Settings of a service: the model, its data, how to forget, and what a folder of requests needs besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import BadInput, suggest

FILE = "settings.json"
_WORDS = {str: "a text", int: "a whole number", float: "a number", dict: "an object"}


@dataclass(frozen=True)
class Settings:
    """Settings that every run of a service shares.

    Args:
        model: the checkpoint to begin from, a file or a folder.
        data: the training data.
        options: further arguments of ``untrain.forget``, such as network, method, budget, valid and seed.
        database: URL of a PostgreSQL database; empty for a file in the service's folder.
        key: file of the private key that signs certificates; empty for certificates without a signature.
        name: who runs the service, as certificates name them.
        days: from a request to its deadline.
        batch: requests per run at most; 0 for all that are approved.
        most_runs: runs since the model was last retrained after which an alarm is raised.
        most_share: share of the training rows forgotten since then after which an alarm is raised.
        level: rate of false alarms of the test on validation accuracy, over all runs together.
    """

    model: str
    data: str
    options: dict[str, Any] = field(default_factory=dict)
    database: str = field(default="", repr=False)
    key: str = ""
    name: str = ""
    days: int = 30
    batch: int = 0
    most_runs: int = 26
    most_share: float = 0.1
    level: float = 0.05


def save(settings: Settings, folder: Path) -> None:
    """Write settings where the service keeps them; the owner alone can read them, since a URL may hold a password."""
    with atomic_write(folder / FILE) as file:
        file.touch(0o600)
        file.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> Settings:
    """Read the settings of a service.

    Raises:
        BadInput: they are missing, or not settings.
    """
    file = folder / FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        if not file.exists():
            raise BadInput(f"there is no service at {folder}: `untrain request init` makes one, --service names another") from None
        raise BadInput(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file} is not JSON: {' '.join(str(error).split())[:100]}") from None
    return settings_of(document, str(file))


def settings_of(document: Any, name: str) -> Settings:
    """Settings of a JSON document.

    Raises:
        BadInput: a setting is missing, unknown, or of another type.
    """
    if not isinstance(document, Mapping):
        raise BadInput(f"{name} holds no settings: an object with model and data is needed")
    known = {each.name: each for each in fields(Settings)}
    for key, value in document.items():
        if key not in known:
            raise BadInput(f"{name}: {key!r} is not a setting{suggest(key, known)}")
        kind = _kind(str(known[key].type))
        right = isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)
        if not right:
            raise BadInput(f"{name}: {key} must be {_WORDS[kind]}, and is {str(value)[:40]!r}")
    missing = [key for key in ("model", "data") if not document.get(key)]
    if missing:
        raise BadInput(f"{name} lacks {' and '.join(missing)}")
    settings = Settings(**document)
    positive = {"days": settings.days, "most_runs": settings.most_runs}
    wrong = [key for key, value in positive.items() if value < 1] + (["batch"] if settings.batch < 0 else [])
    shares = {"most_share": settings.most_share, "level": settings.level}
    wrong += [key for key, value in shares.items() if not 0 < value < 1]
    if wrong:
        raise BadInput(f"{name}: {wrong[0]} is out of range: counts are positive, and a share or a level lies between 0 and 1")
    return settings


def _kind(annotation: str) -> type:
    return {"str": str, "int": int, "float": float}.get(annotation, dict)
