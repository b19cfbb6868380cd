"""From outputs in files and arrays to populations of models that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from untrain.core.errors import DataError
from untrain.core.metering import metered
from untrain.data.fingerprint import array_digest
from untrain.data.id_index import IdIndex
from untrain.evaluation.observation import CORRECTED
from untrain.evaluation.probabilities import logits_of_probabilities, refuse_probabilities
from untrain.evaluation.rounding import check_rounding
from untrain.evaluation.validation import (
    check_logits,
    check_same_examples,
    ids_of,
    labels_of,
    observation,
    one_per_example,
    refuse_constant,
    refuse_one_column,
    sides_of,
)
from untrain.experiments.audits.array_files import read_outputs
from untrain.experiments.audits.column_files import read_ids, read_labels, read_listed, read_sides, sides_by_id
from untrain.experiments.audits.foreign_models import Outputs
from untrain.maths.logits import margins

Array = np.ndarray[Any, Any]
COMPARED_WITH_ITSELF = (
    "model {} of the unlearned is among the oracles: what is compared with itself is always equal, which is evidence only where "
    "the learner is deterministic (--deterministic)"
)
Kind = Literal["logits", "margins", "margins and labels"]


@dataclass(frozen=True, eq=False)
class Frame:
    """Examples that all outputs are of: labels as given and true, sides and ids, (n,) each."""

    labels: Array | None
    true: Array | None
    side: Array
    ids: Array


@dataclass(frozen=True, eq=False)
class Populations:
    """Populations that can be compared.

    Args:
        frame: the examples.
        models: 'unlearned', 'oracles' and, where there are any, 'originals': logits (m, n, c) or margins (m, n).
        kind: which of the two, and whether labels are known besides margins.
        notes: what a reader of the scores must know.
    """

    frame: Frame
    models: Mapping[str, Array]
    kind: Kind
    notes: tuple[str, ...] = ()

    def rows(self, who: str) -> Any:
        """Outputs of each model of a population, one after the other: logits (n, c) or margins (n,)."""
        return iter(self.models[who])

    @property
    def output(self) -> str:
        """Name of what the models put out."""
        return "logits" if self.kind == "logits" else "margin"


def populations_of(outputs: Outputs, known: Frame | None = None) -> Populations:
    """Read outputs of models and put their examples in one order.

    Args:
        outputs: arrays or files, and what they say of the examples.
        known: the examples, where a scenario knows them; then ``outputs`` says nothing of them.

    Raises:
        DataError: something is missing, or the arrays do not match.
    """
    by_role = {"unlearned": outputs.unlearned, "oracles": outputs.oracles, "originals": outputs.original}
    with metered() as meter:
        parts = {who: read_outputs(source, who) for who, source in by_role.items() if source is not None}
        frame, rows, notes = _frame(parts, outputs) if known is None else (known, None, ())
        models = {who: _whole(part, frame.side if rows is None else rows, who) for who, part in parts.items()}
        notes = (*notes, *check_rounding(models, bool(outputs.probabilities)))
        if outputs.probabilities:
            models = {who: _as_logits(array, who) for who, array in models.items()}
    notes = (*meter.notes, *notes)
    if rows is not None and len(keep := np.flatnonzero(rows != "")) < len(rows):
        models = {who: np.asarray(array[:, keep]) for who, array in models.items()}
    given = models
    thin = [who for who, array in models.items() if array.ndim == 2]
    if thin and len(thin) < len(models):
        if frame.labels is None:
            raise DataError(f"{thin[0]} are margins and others are logits: give labels, from which margins of logits follow")
        notes = (*notes, f"of {', '.join(thin)} only margins were given, so all are compared by margins")
        models = {who: a if a.ndim == 2 else margins(a, frame.labels) for who, a in models.items()}
    if not thin and frame.labels is None:
        raise DataError("labels are missing: logits say nothing without them; give one whole number for each example (--labels)")
    _check(models, frame)
    if outputs.probabilities is None:
        for who, array in given.items():
            refuse_probabilities(array, frame.side, who)
    (_check_one if outputs.deterministic else _check_own)(models)
    kind: Kind = "logits" if not thin else "margins" if frame.labels is None else "margins and labels"
    return Populations(frame, models, kind, notes)


def _as_logits(array: Array, who: str) -> Array:
    """Logits of probabilities, (m, n, c)."""
    if array.ndim != 3 or array.dtype.kind != "f":
        raise DataError(
            f"{who} have shape {array.shape} and were said to be probabilities: those of each class are needed, (m, n, c)"
        )
    return np.stack([logits_of_probabilities(row, f"model {at} of the {who}") for at, row in enumerate(array)])


def _check(models: Mapping[str, Array], frame: Frame) -> None:
    """Refuse populations that cannot be scored."""
    for who, array in models.items():
        if array.ndim == 2:
            refuse_constant(check_logits(array[..., None], who), frame.side, who)
        else:
            observation(array, np.asarray(frame.labels), frame.side, who=who)
    check_same_examples([(who, a.shape if a.ndim == 3 else (*a.shape, 2)) for who, a in models.items()])


def _check_own(models: Mapping[str, Array]) -> None:
    """Refuse a model that comes twice, by mistake: only a learner that is said to be deterministic makes one twice."""
    digests = {who: [array_digest(np.asarray(row)) for row in array] for who, array in models.items()}
    for who, each in digests.items():
        if len(set(each)) < len(each):
            first = next(i for i, p in enumerate(each) if p in each[:i])
            raise DataError(
                f"models {each.index(each[first])} and {first} of the {who} are the same: each has to be a model of its own, "
                "unless the learner is deterministic (--deterministic)"
            )
    shared = set(digests.get("unlearned", ())) & set(digests.get("oracles", ()))
    if shared:
        at = next(i for i, p in enumerate(digests["unlearned"]) if p in shared)
        raise DataError(COMPARED_WITH_ITSELF.format(at))


def _check_one(models: Mapping[str, Array]) -> None:
    """Refuse oracles, or originals, that differ though their learner is said to be deterministic; a method may still draw."""
    for who in ("oracles", "originals"):
        rows = models.get(who, np.empty(0))
        at = next((i for i, row in enumerate(rows) if not np.array_equal(row, rows[0])), None)
        if at is not None:
            raise DataError(
                f"models 0 and {at} of the {who} differ, and their learner was said to be deterministic: leave that out"
            )


def _frame(parts: Mapping[str, Any], outputs: Outputs) -> tuple[Frame, Array, tuple[str, ...]]:
    """The examples, the side of every row ('' for one that is left out), and notes."""
    for who, part in parts.items():
        for array in _arrays(part):
            refuse_one_column(array.shape, who)
    labels = None if outputs.labels is None else read_labels(outputs.labels)
    side, beside = (None, None) if outputs.sides is None else read_sides(outputs.sides)
    ids = beside
    if outputs.ids is not None:
        counted = {len(c) for c in (labels, side) if c is not None}
        ids = read_ids(outputs.ids, counted or {n for p in parts.values() for a in _arrays(p) for n in a.shape})
        if side is not None and beside is not None:
            side = sides_by_id(side, beside, ids_of(ids, len(side)))
    n = next((len(c) for c in (labels, side, ids) if c is not None), None)
    if side is None and outputs.forget is None:
        side = _implied(parts)
    elif side is None:
        if n is None:
            n = next((a.shape[-1] for p in parts.values() for a in _arrays(p) if not isinstance(p, dict)), 0) or len(
                _implied(parts)
            )
        side = sides_from_lists(np.arange(n) if ids is None else ids_of(ids, n), outputs)
    elif any(ids_listed is not None for ids_listed in (outputs.forget, outputs.retain, outputs.test)):
        raise DataError("sides were given twice: by --sides and by --forget, --retain or --test; give one of the two")
    n = len(side)
    if labels is not None:
        one_per_example(labels, n, "labels")
    names = np.arange(n) if ids is None else ids_of(ids, n)
    keep = np.flatnonzero(side != "")
    side_kept = sides_of(side[keep], len(keep))
    if labels is not None:
        classes = max((a.shape[-1] for p in parts.values() for a in _arrays(p) if a.ndim == 3), default=2**31)
        labels = labels_of(labels, n, classes, "labels")[keep]
    left = f"{n - len(keep)} examples that neither --forget, --retain nor --test names are left out"
    return Frame(labels, labels, side_kept, names[keep]), side, (left,) if len(keep) < n else ()


def _arrays(part: Any) -> list[Array]:
    return list(part.values()) if isinstance(part, dict) else [part]


def _implied(parts: Mapping[str, Any]) -> Array:
    """Sides of outputs that come side by side."""
    for who, part in parts.items():
        if isinstance(part, dict):
            sizes = {side: array.shape[1] for side, array in _modelled(part, who).items()}
            return np.repeat(list(sizes), list(sizes.values()))
    raise DataError("the forget set is unknown: give --sides, or --forget and --test with ids")


def sides_from_lists(ids: Array, outputs: Outputs) -> Array:
    """Make sides of lists of ids; '' where retained ids were listed and this is not among them.

    Raises:
        DataError: no id of a list is known, one stands in two lists, or the ids of test examples are missing.
    """
    if outputs.test is None:
        raise DataError("ids of test examples are missing (--test): attacks and intervals need examples that no model saw")
    side = np.full(len(ids), "" if outputs.retain is not None else "retain", dtype="<U6")
    index, row_of = IdIndex(ids), {name: at for at, name in enumerate(ids.tolist())}
    side_of: dict[Any, str] = {}
    for name in ("forget", "retain", "test"):
        source = getattr(outputs, name)
        if source is None:
            continue
        listed = read_listed(source, index, f"{name} ids")
        both = [i for i in listed if i in side_of]
        if both:
            raise DataError(
                f"{len(both)} ids are both in {side_of[both[0]]} and in {name}, such as {both[0]!r}: an example has one side"
            )
        side_of |= dict.fromkeys(listed, name)
        side[[row_of[i] for i in listed]] = name
    return side


def _whole(part: Any, side: Array, who: str) -> Array:
    """Outputs on all examples in their order: logits (m, n, c) or margins (m, n)."""
    if not isinstance(part, dict):
        return _axes(part, side, who)
    pieces = _modelled(part, who)
    counts = {name: int((side == name).sum()) for name in pieces}
    for name, piece in pieces.items():
        if piece.shape[1] != counts[name]:
            raise DataError(
                f"{who} have outputs on {piece.shape[1]} {name} examples, and there are {counts[name]}: not the same ones"
            )
    absent = set(np.unique(side)) - set(pieces) - {""}
    if absent:
        raise DataError(f"{who} lack outputs on the {min(absent)} examples")
    first = next(iter(pieces.values()))
    if any((p.shape[0], p.shape[2:]) != (first.shape[0], first.shape[2:]) for p in pieces.values()):
        shapes = ", ".join(f"{name} {p.shape}" for name, p in pieces.items())
        raise DataError(f"{who} differ from side to side in models or classes: {shapes}")
    out = np.empty((first.shape[0], len(side), *first.shape[2:]), dtype=np.result_type(*(p.dtype for p in pieces.values())))
    for name, piece in pieces.items():
        out[:, side == name] = piece
    return out


def _axes(array: Array, side: Array, who: str) -> Array:
    """An array with models first; the length of an array of two axes says what it is."""
    n, corrected = len(side), int((side == CORRECTED).sum())
    shapes = f"{who} have shape {array.shape} and there are {n} examples"
    if corrected:
        shapes += f", of which the last {corrected} are the corrected rows, which stand behind the training and the test set"
    if array.ndim == 3 and array.shape[1] == n:
        return array
    if array.ndim == 2 and array.shape == (n, n):
        raise DataError(f"{shapes}: logits (n, c) of one model or margins (m, n)? give (1, n, c), or fewer models")
    if array.ndim == 2 and n in array.shape:
        return array if array.shape[1] == n else array[None]
    if array.shape == (n,):
        return array[None]
    raise DataError(f"{shapes}: logits (m, n, c), those of one model (n, c), or margins (m, n) of the same examples are needed")


def _modelled(part: Mapping[str, Array], who: str) -> dict[str, Array]:
    """Outputs by side with models first, (m, n of the side[, c])."""
    shapes = [a.shape for a in part.values()]
    dims = {len(s) for s in shapes}
    if dims == {3}:
        return dict(part)
    if dims == {1}:
        return {name: a[None] for name, a in part.items()}
    if dims == {2}:
        models, classes = ({s[axis] for s in shapes} for axis in (0, 1))
        if len(models) == 1 and len(classes) > 1:
            return dict(part)
        if len(classes) == 1 and len(models) > 1:
            return {name: a[None] for name, a in part.items()}
        raise DataError(f"{who} have shapes {shapes} by side, which may be logits or margins: give logits as (m, n, c)")
    raise DataError(f"{who} have shapes {shapes} by side: logits (m, n, c), or margins (m, n), of each are needed")
