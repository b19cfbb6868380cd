"""The record of a training that another program did: settings, ids, digests of the final weights, and an earlier checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError, ModelError
from untrain.core.file_digests import file_digest
from untrain.core.paths import user_path
from untrain.models.state import as_array
from untrain.models.wrappers import renamed
from untrain.training.keepers.base import Kept

FORMAT = "untrain training 1"
FOLDER = "untrain-training"  # beside or within the checkpoint
RECORD = "training.json"
EARLIER = "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """Facts about a training that unlearning needs later.

    Args:
        folder: where it is written.
        steps: spelling of how the model was trained, such as "Steps(lr=0.1, epochs=30)"; empty where it has none.
        rows: number of training examples; None where that is not known.
        ids: ids of the training examples in their order, as text; empty where they were not given.
        seeds: by name.
        weights: digests of the final tensors.
        checkpoint: after how many epochs an earlier checkpoint was kept, and the digest of its file; None where there is none.
        notes: facts that it lacks, in words.
    """

    folder: Path
    steps: str = ""
    rows: int | None = None
    ids: tuple[str, ...] = ()
    seeds: Mapping[str, int] | None = None
    weights: frozenset[str] = frozenset()
    checkpoint: tuple[int, str] | None = None
    notes: tuple[str, ...] = ()

    def is_of(self, model: nn.Module) -> bool:
        """Return whether a model has the weights with which the training ended, whatever their names."""
        return bool(self.weights) and digests_of(model.state_dict()) <= self.weights

    def kept(self, model: nn.Module) -> Kept:
        """The tensors that were kept, by the model's names, as ``Problem`` takes them; weights that stayed are the model's own.

        Raises:
            DataError: the file is gone or damaged.
            ModelError: its tensors are those of another model.
        """
        if self.checkpoint is None:
            return {}
        file, (_, digest) = self.folder / EARLIER, self.checkpoint
        try:
            if file_digest(file) != digest:
                raise DataError(f"{file} is damaged, as it is not the file that was written: --kept names another record")
            saved = load_file(file)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{file} cannot be read ({error}): --kept names another record") from None
        return {"Checkpoint": by_name_of(model, saved)}


def by_name_of(model: nn.Module, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a model with the saved values, whatever wrappers have put before their names.

    >>> layer = nn.Linear(1, 1)
    >>> sorted(by_name_of(layer, {"model.module.weight": layer.weight.detach() * 0}))
    ['bias', 'weight']

    Parts that were frozen in training were not saved, and a module of Lightning may save more than the network; where both sides
    have names that the other lacks, values of the finished model would stay among those from before.

    Raises:
        ModelError: names do not fit, or a shape does not.
    """
    own = {name: value.detach() for name, value in model.state_dict().items()}
    for _, named in renamed(saved, own):
        common = named.keys() & own.keys()
        complete = common in (named.keys(), own.keys())
        if common and complete and all(named[name].shape == own[name].shape for name in common):
            return {name: named[name].to(value) if name in common else value.clone() for name, value in own.items()}
    raise ModelError("the checkpoint that was kept in training is of another model: its tensors do not fit by name and shape")


def digests_of(tensors: Mapping[str, Tensor]) -> frozenset[str]:
    """A digest of each tensor's values, floating ones as float32: so the type in which weights are stored does not matter."""
    return frozenset(_digest(value.detach()) for value in tensors.values())


def _digest(value: Tensor) -> str:
    plain = value.float() if value.is_floating_point() else value
    return hashlib.sha256(as_array(plain.contiguous()).tobytes()).hexdigest()[:24]


def save_earlier(folder: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write an earlier checkpoint; the digest of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / EARLIER) as fresh:
        save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, fresh)
    return file_digest(folder / EARLIER)


def write_record(record: TrainingRecord) -> None:
    """Write a record, whole or not at all."""
    facts = {
        "format": FORMAT, "steps": record.steps, "rows": record.rows, "seeds": dict(record.seeds or {}),
        "checkpoint": None if record.checkpoint is None else {"epochs": record.checkpoint[0], "sha256": record.checkpoint[1]},
        "notes": [*record.notes], "ids": [*record.ids], "weights": sorted(record.weights),
    }  # fmt: skip
    record.folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(record.folder / RECORD) as fresh:
        fresh.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def read_record(folder: str | Path) -> TrainingRecord:
    """Read a record.

    Raises:
        DataError: there is none, or it is not one of these.
    """
    place = user_path(folder)
    try:
        facts = json.loads((place / RECORD).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ValueError(f"it says {facts['format']!r}")
        earlier = facts["checkpoint"]
        return TrainingRecord(
            place, str(facts["steps"]), _count(facts["rows"]), tuple(map(str, facts["ids"])),
            {str(name): int(value) for name, value in facts["seeds"].items()}, frozenset(map(str, facts["weights"])),
            None if earlier is None else (int(earlier["epochs"]), str(earlier["sha256"])), tuple(map(str, facts["notes"])),
        )  # fmt: skip
    except OSError as error:
        reason = error.strerror
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
    raise DataError(f"{place} holds no record of a training that can be read ({reason}): a callback of untrain writes one")


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def record_beside(checkpoint: Path) -> TrainingRecord | None:
    """The record within a checkpoint's folder or beside the checkpoint; None where there is none."""
    for place in (checkpoint / FOLDER, checkpoint.parent / FOLDER):
        if (place / RECORD).is_file():
            return read_record(place)
    return None


def unseen_ids(record: TrainingRecord, ids: Iterable[object]) -> list[str]:
    """Those of some ids that the training never had; empty where it does not say which it had.

    >>> unseen_ids(TrainingRecord(Path("."), ids=("3", "5")), [5, 7])
    ['7']
    """
    known = set(record.ids)
    return [str(each) for each in ids if str(each) not in known] if known else []


def checked_ids(ids: Sequence[Any] | None, rows: int | None) -> tuple[str, ...]:
    """Ids as text, after a check that there is one per row.

    Raises:
        DataError: there are more or fewer.
    """
    texts = () if ids is None else tuple(map(str, ids))
    if ids is not None and rows is not None and len(texts) != rows:
        raise DataError(f"{len(texts)} ids were given, and the training data have {rows} rows: give one per row, in their order")
    return texts
