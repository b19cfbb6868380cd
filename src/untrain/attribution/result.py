"""A table of attributions, and what is known of how far to trust it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from untrain.attribution.calibration import Multiplier
from untrain.attribution.lds import LinearDatamodelingScore
from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError
from untrain.data.examples import Examples
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import Archive
from untrain.training.effects import Effects

Array = np.ndarray[Any, Any]
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Attribution:
    """Values of some training examples for outputs on examples that were asked about.

    Args:
        values: float32 (r, t, c), positive where training on the example raises the output; without the multiplier.
        ids: of the r training examples, each once.
        asked_ids: of the t examples whose outputs are attributed.
        method: spelling of the attributor.
        multiplier: what values are multiplied by before they correct outputs; None where it was not fitted.
        lds: linear datamodeling scores by the examples that they are of, such as 'train' and 'test'; empty where not measured.
        facts: anything else about where the values come from, as JSON has it.
    """

    values: Array
    ids: Array
    asked_ids: Array
    method: str
    multiplier: Multiplier | None = None
    lds: Mapping[str, LinearDatamodelingScore] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.ids), len(self.asked_ids))
        if self.values.ndim != 3 or self.values.shape[:2] != shape:
            raise DataError(f"values have shape {self.values.shape}: {(*shape, 'classes')} is needed for these ids")
        if len(np.unique(self.ids)) < len(self.ids):
            raise DataError("an id of a training example is there twice: each row needs one of its own")


def correction(attribution: Attribution, ids: Sequence[Any] | Array) -> Array:
    """What training on some examples added to the outputs, float32 (t, c): their values' sum, multiplied.

    A model's outputs less this are what the table expects of models without these examples.

    >>> table = Attribution(np.ones((2, 1, 3), np.float32), np.array([7, 9]), np.array([0]), "MeanDifference()")
    >>> correction(table, [7, 9]).tolist()
    [[2.0, 2.0, 2.0]]
    >>> correction(table, [7, 8])
    Traceback (most recent call last):
    ...
    untrain.core.errors.DataError: the table does not cover 1 of 2 examples (ids 8): attribute them too

    Raises:
        DataError: the table does not cover an example, or one is named twice.
    """
    places = {identity: at for at, identity in enumerate(attribution.ids.tolist())}
    wanted = np.asarray(ids).tolist()
    missing = [identity for identity in wanted if identity not in places]
    if missing:
        raise DataError(
            f"the table does not cover {len(missing)} of {len(wanted)} examples (ids {_named(missing)}): attribute them too"
        )
    if len(set(wanted)) < len(wanted):
        raise DataError("an example is named twice: its part would be taken away twice")
    rows = [places[identity] for identity in wanted]
    factor = 1.0 if attribution.multiplier is None else attribution.multiplier.value
    return np.asarray(factor * attribution.values[rows].sum(0, dtype=np.float64), dtype=np.float32)


def effects_on(attribution: Attribution, forget: Examples, retain: Examples) -> Effects:
    """What training on a forget set added to the outputs on itself and on the retain set, as a ``Problem`` takes it.

    Where several of the examples that were asked about have one id, the first counts: training examples come first.

    Raises:
        DataError: the table does not cover an example.
    """
    total = torch.from_numpy(correction(attribution, forget.ids))
    places = {identity: at for at, identity in reversed(list(enumerate(attribution.asked_ids.tolist())))}
    parts = []
    for examples in (forget, retain):
        missing = [identity for identity in examples.ids.tolist() if identity not in places]
        if missing:
            raise DataError(
                f"the table has no outputs of {len(missing)} of {len(examples)} examples (ids {_named(missing)}): ask about them"
            )
        parts.append(total[[places[identity] for identity in examples.ids.tolist()]])
    return Effects(parts[0], parts[1], f"effects by {attribution.method}, of a table that was given")


def _named(ids: Sequence[Any]) -> str:
    """A few ids for a message."""
    return ", ".join(map(str, ids[:3])) + (", ..." if len(ids) > 3 else "")


def save(attribution: Attribution, file: str | Path) -> Path:
    """Write a table to a .npz file, whole or not at all.

    Raises:
        DataError: the name has another ending, or the file cannot be written.
    """
    path = Path(file)
    if path.suffix != ".npz":
        raise DataError(f"{path} is to hold arrays: give it a name that ends in .npz")
    about = {
        "format": FORMAT, "method": attribution.method, "facts": dict(attribution.facts),
        "multiplier": None if attribution.multiplier is None else asdict(attribution.multiplier),
        "lds": {name: asdict(score) for name, score in attribution.lds.items()},
    }  # fmt: skip
    ids, asked_ids = _plain(attribution.ids), _plain(attribution.asked_ids)
    with reading(f"{path} cannot be written"):
        text = json.dumps(about, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as fresh:
            np.savez(fresh, about=np.array(text), values=attribution.values, ids=ids, asked_ids=asked_ids)
    return path


def load(file: str | Path) -> Attribution:
    """Read a table that ``save`` wrote.

    Raises:
        DataError: the file is not one, is damaged, or is of a later format.
    """
    path = Path(file)
    with reading(f"{path} cannot be read as a table of attributions"):
        arrays = Archive(path)
        about = json.loads(str(arrays["about"]))
        if about["format"] != FORMAT:
            raise DataError(
                f"{path} has format {about['format']}, and {FORMAT} is known: take the version of untrain that wrote it"
            )
        multiplier = None if about["multiplier"] is None else Multiplier(**about["multiplier"])
        lds = {name: LinearDatamodelingScore(**score) for name, score in about["lds"].items()}
        parts = (arrays["values"], arrays["ids"], arrays["asked_ids"])
        return Attribution(*parts, about["method"], multiplier, lds, about["facts"])


def _plain(ids: Array) -> Array:
    """Ids as numbers or text, which a file can hold without pickling."""
    return ids.astype(str) if ids.dtype == object else ids
