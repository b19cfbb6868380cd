"""A table of attributions, and what is known of how far to trust it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from untrain.attribution.calibration import Multipliers
from untrain.attribution.lds import LinearDatamodelingScore
from untrain.core.atomic_write import atomic_write
from untrain.core.discovery import find
from untrain.core.discovery import load as load_class
from untrain.core.errors import DataError
from untrain.data.examples import Examples
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import Archive
from untrain.training.effects import Effects

Array = np.ndarray[Any, Any]
FORMAT = 2  # 1 had one multiplier


@dataclass(frozen=True, eq=False)
class Attribution:
    """Values of some training examples for outputs on queried examples.

    Args:
        values: float32 (r, t, c), positive where training on the example raises the output; without the multipliers.
        ids: of the r training examples, each once.
        asked_ids: of the t examples whose outputs are attributed.
        method: spelling of the attributor.
        multipliers: what values are multiplied by before they correct outputs; None where they were not fitted.
        lds: linear datamodeling scores by the examples that they are of, such as 'train' and 'test'; empty where not measured.
        facts: anything else about where the values come from, as JSON has it.
        trained: whether a queried example is a training example, bool (t,); None where its id says so.
    """

    values: Array
    ids: Array
    asked_ids: Array
    method: str
    multipliers: Multipliers | None = None
    lds: Mapping[str, LinearDatamodelingScore] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    trained: Array | None = None

    def __post_init__(self) -> None:
        shape = (len(self.ids), len(self.asked_ids))
        if self.values.ndim != 3 or self.values.shape[:2] != shape:
            raise DataError(f"values have shape {self.values.shape}: {(*shape, 'classes')} is needed for these ids")
        if len(np.unique(self.ids)) < len(self.ids):
            raise DataError("an id of a training example is there twice: each row needs one of its own")
        if self.trained is not None and (self.trained.shape != shape[1:] or self.trained.dtype != bool):
            raise DataError(f"trained has shape {self.trained.shape} of {self.trained.dtype}: bool {shape[1:]} is needed")

    @property
    def scaled(self) -> bool:
        """Return whether values are in units of the outputs, apart from multipliers: TRAK's, for one, are not."""
        place = find(self.method.partition("(")[0])
        return place is None or place.role != "attributor" or bool(getattr(load_class(place.name), "scaled", True))


def correction(attribution: Attribution, ids: Sequence[Any] | Array, scale: float | None = None) -> Array:
    """Contribution of training on some examples to the outputs, float32 (t, c): their values' sum, multiplied.

    A model's outputs less this are what the table expects of models without these examples. Their own outputs have one multiplier,
    those of others have another; one that may be 0 counts as 0.

    >>> table = Attribution(np.ones((2, 1, 3), np.float32), np.array([7, 9]), np.array([0]), "MeanDifference()")
    >>> correction(table, [7, 9]).tolist()
    [[2.0, 2.0, 2.0]]
    >>> correction(table, [7, 8])
    Traceback (most recent call last):
    ...
    untrain.core.errors.DataError: the table does not cover 1 of 2 examples (ids 8): attribute them too

    Args:
        attribution: the table.
        ids: of the examples.
        scale: factor instead of the multipliers, such as one of your own; None takes these, or 1 where they were not fitted.

    Raises:
        DataError: the table does not cover an example, one is named twice, or values that are not in units of the outputs have no
            multipliers.
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
    total = attribution.values[rows].sum(0, dtype=np.float64)
    if scale is None and attribution.multipliers is not None:
        factors = attribution.multipliers.factors(_own(attribution, wanted))
        return np.asarray(factors[:, None] * total, dtype=np.float32)
    if scale is None and not attribution.scaled:
        raise DataError(
            f"values of {attribution.method} are not in units of the outputs, and the table has no multipliers: fit them "
            "(untrain.attribution.calibration.fit_multipliers), or give a scale"
        )
    return np.asarray((1.0 if scale is None else scale) * total, dtype=np.float32)


def _own(attribution: Attribution, ids: Sequence[Any]) -> Array:
    """Return whether a queried example is one of some training examples, bool (t,)."""
    own = np.isin(attribution.asked_ids, np.asarray(ids, dtype=attribution.asked_ids.dtype))
    return own if attribution.trained is None else own & attribution.trained


def _first(ids: Array) -> dict[Any, int]:
    """The first place of each id."""
    return {identity: at for at, identity in reversed(list(enumerate(ids.tolist())))}


def effects_on(attribution: Attribution, forget: Examples, retain: Examples, scale: float | None = None) -> Effects:
    """Contribution of training on a forget set to the outputs on itself and on the retain set, as a ``Problem`` takes it.

    Where several queried examples have one id, the first counts: training examples come first.

    Args:
        attribution: the table.
        forget: the examples to forget.
        retain: the examples that stay.
        scale: factor instead of the multipliers, as ``correction`` takes it.

    Raises:
        DataError: the table does not cover an example, or values that are not in units of the outputs have no multipliers.
    """
    total = torch.from_numpy(correction(attribution, forget.ids, scale))
    places = _first(attribution.asked_ids)
    parts = []
    for examples in (forget, retain):
        missing = [identity for identity in examples.ids.tolist() if identity not in places]
        if missing:
            raise DataError(
                f"the table has no outputs of {len(missing)} of {len(examples)} examples (ids {_named(missing)}): ask about them"
            )
        parts.append(total[[places[identity] for identity in examples.ids.tolist()]])
    about = f"effects by {attribution.method}, of a table that was given, {_scaling(attribution, scale)}"
    return Effects(parts[0], parts[1], about)


def _scaling(attribution: Attribution, scale: float | None) -> str:
    """The multipliers of a table's values, in words."""
    if scale is not None:
        return f"multiplied by {scale:g}, which was given"
    if attribution.multipliers is None:
        return "not scaled"
    own, others, doubt = attribution.multipliers.own, attribution.multipliers.others, attribution.multipliers.doubt
    return (
        f"multiplied by {own.value:.2f} on their own outputs and by {others.value:.2f} on those of others{doubt and f'; {doubt}'}"
    )


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
        "multipliers": None if attribution.multipliers is None else asdict(attribution.multipliers),
        "lds": {name: asdict(score) for name, score in attribution.lds.items()},
    }  # fmt: skip
    arrays = {"values": attribution.values, "ids": _plain(attribution.ids), "asked_ids": _plain(attribution.asked_ids)}
    if attribution.trained is not None:
        arrays["trained"] = attribution.trained
    with reading(f"{path} cannot be written"):
        arrays["about"] = np.array(json.dumps(about, allow_nan=False))
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as fresh:
            np.savez(fresh, allow_pickle=False, **arrays)
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
        multipliers = None if about["multipliers"] is None else Multipliers.of(about["multipliers"])
        lds = {name: LinearDatamodelingScore(**score) for name, score in about["lds"].items()}
        parts = (arrays["values"], arrays["ids"], arrays["asked_ids"])
        return Attribution(*parts, about["method"], multipliers, lds, about["facts"], arrays.get("trained"))


def _plain(ids: Array) -> Array:
    """Ids as numbers or text, which a file can hold without pickling."""
    return ids.astype(str) if ids.dtype == object else ids
