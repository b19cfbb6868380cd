"""Ids that a request names, by the data of a service."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.metering import metered
from untrain.data.column_roles import DataChoices
from untrain.data.understood import Understood, understand
from untrain.experiments.forgetting.requests import GivenRequest, draw
from untrain.service.settings import Settings

ROLES = {"id": "id", "label": "label", "owner": "owner", "x": "x", "classes": "class_names", "side": "side"}


def data_choices(options: dict[str, Any]) -> DataChoices:
    """The part of a service's options that says what the columns of its data are."""
    chosen = {field: options[name] for field, name in ROLES.items() if name in options}
    plain: dict[str, Any] = {field: tuple(value) if isinstance(value, list) else value for field, value in chosen.items()}
    return DataChoices(**plain)


def data_of(data: str, options: dict[str, Any]) -> Understood:
    """The data of a service.

    Raises:
        DataError: they cannot be read.
    """
    return understand(data, data_choices(options))


def ids_of(asked: dict[str, Any], settings: Settings) -> tuple[list[object], list[str]]:
    """The ids of the rows that a request names, and notes on how it was read.

    Args:
        asked: the fields of a request of ``untrain.forget``.
        settings: of the service, whose data say what is an id.

    Raises:
        BadInput: the request cannot be read, or names nothing in the data.
    """
    data = data_of(settings.data, settings.options)
    with metered() as meter:
        train = data.examples(x=np.zeros((len(data), 1), dtype=np.float32))  # no request looks at inputs here
        rows = draw(GivenRequest(**asked), train).forget_set.rows
    return list(dict.fromkeys(train.ids[np.asarray(rows)].tolist())), list(meter.notes)
