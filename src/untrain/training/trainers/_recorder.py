"""The work that callbacks of all trainers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from untrain.core.errors import BadInput, ModelError, SpecError
from untrain.core.sharding import is_sharded
from untrain.models.wrappers import unwrap
from untrain.training.training_record import TrainingRecord, checked_ids, digests_of, save_earlier, write_record


@dataclass
class TrainingRecorder:
    """Keeps an earlier checkpoint of a training under way, and writes the record when it ends.

    Args:
        ids: of the training examples in their order; None for none.
        at: after how many epochs a checkpoint is kept; 0 is before the first step, None keeps none.
    """

    ids: Sequence[Any] | None
    at: int | None
    folder: Path = Path()
    texts: tuple[str, ...] = ()
    rows: int | None = None
    earlier: tuple[int, str] | None = None
    notes: list[str] = field(default_factory=list)
    _resumed: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not a number of epochs.

        Raises:
            BadInput: it is not.
        """
        if self.at is not None and (isinstance(self.at, bool) or not isinstance(self.at, int) or self.at < 0):
            raise BadInput(f"at={self.at!r}: a number of epochs is needed, 0 for before the first step, None for no checkpoint")

    def begin(self, model: nn.Module, folder: Path, rows: int | None, resumed: bool = False) -> None:
        """Check what was given before the first step is taken.

        A training that was resumed begins with a model that has seen the data: it is not kept as one from before them.

        Raises:
            DataError: there is not one id per row.
            ModelError: weights are sharded over processes.
        """
        if any(is_sharded(p) for p in model.parameters()):
            raise ModelError("weights are sharded over processes, of which no record is written: leave the callback out")
        self.folder, self.rows, self.texts = folder, rows, checked_ids(self.ids, rows)
        self.earlier, self.notes = None, []
        self._resumed = resumed
        if not resumed:
            self.epoch_ended(model, 0)

    def epoch_ended(self, model: nn.Module, epoch: int) -> None:
        """Keep the weights that training moves, and buffers, after the epoch ``at``."""
        if self.at == epoch and self.earlier is None:
            part = unwrap(model)
            frozen = {name for name, p in part.named_parameters() if not p.requires_grad}
            state = {name: value for name, value in part.state_dict().items() if name not in frozen}
            self.earlier = epoch, save_earlier(self.folder, state)

    def end(self, model: nn.Module, steps: str, seeds: Mapping[str, int], notes: Sequence[str] = ()) -> None:
        """Write the record."""
        if self._resumed and self.at == 0:
            self.notes.append("training was resumed, so that the model from before the first step was not there to keep")
        elif self.at is not None and self.earlier is None:
            self.notes.append(f"training ended before epoch {self.at}, so that no earlier checkpoint was kept")
        write_record(
            TrainingRecord(
                self.folder, steps, self.rows, self.texts, seeds, digests_of(unwrap(model).state_dict()), self.earlier,
                (*self.notes, *notes),
            )
        )  # fmt: skip


def rows_in(loader: Any) -> int | None:
    """Number of training examples of a loader; None where its data set does not say.

    >>> rows_in(None) is None
    True
    """
    dataset = getattr(loader, "dataset", None)
    return len(dataset) if hasattr(dataset, "__len__") else None  # type: ignore[arg-type]


def spelled(make: Any, notes: list[str]) -> str:
    """The spelling of the steps that ``make`` makes; empty, with a note, where they have none here."""
    try:
        return repr(make())
    except (SpecError, LookupError) as error:
        notes.append(f"how the model was trained has no spelling here: {error}")
        return ""
