"""A checkpoint opened with the record of its training, and what its training kept, or would have, for a method that needs it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from torch import nn

from untrain.core.access import KEPT
from untrain.core.discovery import find, load
from untrain.core.errors import ModelError
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.core.spec import parse
from untrain.data.examples import Examples
from untrain.data.understood import Understood
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.experiments.forgetting.opening import open_model
from untrain.experiments.forgetting.price import Method
from untrain.models.state import load_state
from untrain.training.keepers.base import Keeper, Kept, saved_by
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.training_record import TrainingRecord, read_record, record_beside, unseen_ids

LATER = 2  # epochs; a keeper that asks for the last of them looks at the finished model


def open_recorded(
    source: str | Path, data: Understood, valid: Understood | None, choices: ModelChoices, kept: str | Path | None
) -> tuple[OpenedModel, TrainingRecord | None]:
    """Open a checkpoint with the record of its training, which says how it was trained where the user does not.

    Where it kept the weights that training began with, training again begins with these. A record that lies beside the checkpoint
    and is of another model, such as of a later checkpoint, is left alone, and a note says so.

    Raises:
        DataError: the named record cannot be read.
        ModelError: it is of another model.
    """
    record = record_beside(user_path(source)) if kept is None else read_record(kept)
    if record is None:
        return open_model(source, data, valid, choices), None
    steps = parse(record.steps) if record.steps else None
    known = choices.steps is None and isinstance(steps, Steps)
    opened = open_model(source, data, valid, replace(choices, steps=steps) if known else choices)
    if record.is_of(opened.model):
        add_note(f"{record.folder} says how the model was trained{f': {record.steps}' if known else ''}")
        for note in record.notes:
            add_note(f"{record.folder}: {note}")
        return _beginning_as(record, opened), record
    reason = f"{record.folder} is the record of a training that ended with other weights than {Path(str(source)).name}"
    if kept is not None:
        raise ModelError(f"{reason}: name the record of this checkpoint, or leave --kept out")
    add_note(f"{reason}, and is not used")
    return open_model(source, data, valid, choices), None


def _beginning_as(record: TrainingRecord, opened: OpenedModel) -> OpenedModel:
    """The model with a learner that begins where its training did, such as with pretrained weights."""
    if record.checkpoint is None or record.checkpoint[0] != 0 or not isinstance(opened.learner, Train):
        return opened
    first = load_state(deepcopy(opened.model), record.kept(opened.model)["Checkpoint"])
    add_note(f"training again begins with the weights that {record.folder} kept from before the first step")

    def start_of_training() -> nn.Module:
        return deepcopy(first)

    return replace(opened, learner=replace(opened.learner, model=start_of_training))


def note_unseen(record: TrainingRecord | None, ids: Sequence[object], everything: Sequence[object]) -> None:
    """Note how many of the rows to forget the model was never trained on, where its training wrote ids.

    Args:
        record: of the training.
        ids: of the rows to forget.
        everything: ids of all the data.
    """
    if record is None or not (unseen := unseen_ids(record, ids)):
        return
    if len(unseen_ids(record, everything)) == len(everything):
        add_note(f"ids in {record.folder} are others than those of the data, so that it does not say whether the model saw a row")
    else:
        add_note(f"{len(unseen)} of the rows to forget are not among those that the model was trained on, as {record.folder} says")


def kept_for(method: Method, opened: OpenedModel, train: Examples, record: TrainingRecord | None) -> Kept:
    """The tensors of keepers that a method needs: from the record, or of the finished model, at which most keepers look anyway.

    Where neither has them they are missing, and the method says so.
    """
    kept: dict[str, object] = {}
    for name in sorted(each.removeprefix(KEPT) for each in method.needed() if each.startswith(KEPT)):
        if record is not None and name == "Checkpoint":
            kept |= record.kept(opened.model)
            continue
        place = find(name)
        keeper = load(name)() if place is not None and place.role == "keeper" and name != "Checkpoint" else None
        if isinstance(keeper, Keeper) and keeper.epoch(LATER) == LATER:
            kept[name] = saved_by(keeper, opened.model, train, opened.learner)
    return kept  # type: ignore[return-value]
