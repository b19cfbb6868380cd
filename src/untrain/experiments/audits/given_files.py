"""The inputs of an audit, read once before anything is priced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.experiments.audits.array_files import read_outputs
from untrain.experiments.audits.column_files import SPELLED
from untrain.experiments.audits.foreign_models import Checkpoints, Outputs, count_in, holds_outputs, several
from untrain.models.checkpoint_files import read_content, states_in

COLUMNS = ("labels", "sides", "ids", "forget", "retain", "test")


def check_given(models: Outputs | Checkpoints) -> None:
    """Check that all files that an audit names are there, and that models and outputs can be read.

    Raises:
        DataError: one is not there, or cannot be read.
    """
    outputs = {"unlearned": models.unlearned, "oracles": models.oracles}
    checkpoints: list[Any] = []
    if isinstance(models, Checkpoints):
        checkpoints = [*several(models.model), *several(models.oracle)]
    if checkpoints and not holds_outputs(models.original):
        checkpoints += several(models.original) if models.original is not None else []
    else:
        outputs["originals"] = models.original
    for who, source in outputs.items():
        if source is not None and count_in(source) is None:
            read_outputs(source, who)
    for at, source in enumerate(checkpoints):
        if not isinstance(source, nn.Module | Mapping):
            who = str(source) if isinstance(source, str | Path) else f"checkpoint {at}"
            states_in(read_content(source, who)[0], who)
    for name in COLUMNS:
        source = getattr(models, name, None)
        if isinstance(source, str | Path) and not SPELLED.match(str(source)) and not user_path(source).exists():
            raise DataError(f"{name}: there is no file {user_path(source)}")
