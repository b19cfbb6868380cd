"""TensorBoard as a log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from untrain.core.environment import absolute
from untrain.core.events import Event
from untrain.core.paths import user_path
from untrain.runtime.loggers.base import Logger, OpenLog, scalars


class TensorBoard(Logger):
    """Event files for TensorBoard, in a folder of their own within ``folder``; ``tensorboard --logdir runs`` shows them.

    Args:
        folder: of all runs.

    Source: torch.utils.tensorboard, the writer that PyTorch brings.
    """

    folder: str = "runs"

    library: ClassVar[str] = "tensorboard"

    def open(self, name: str) -> OpenLog:
        """A fresh folder, named by the time and the work."""
        from torch.utils.tensorboard import SummaryWriter

        word = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")[:60]
        stem = absolute(user_path(self.folder)) / f"{time.strftime('%Y%m%d-%H%M%S')}-{word}"
        fresh = next(each for each in _names(stem) if not each.exists())
        return _Writer(SummaryWriter(str(fresh)))


def _names(stem: Path) -> Iterator[Path]:
    yield stem
    yield from (stem.with_name(f"{stem.name}-{at}") for at in count(2))


class _Writer(OpenLog):
    def __init__(self, writer: Any):
        self.writer = writer

    def write(self, event: Event) -> None:
        for tag, value in scalars(event).items():
            self.writer.add_scalar(tag, value, event.step or 0)
        if event.facts:
            table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in event.facts.items())])
            self.writer.add_text(f"{event.kind}/{event.name}", table)

    def close(self, failed: bool) -> None:
        self.writer.close()


def _cell(value: str) -> str:
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", " ".join(value.split()))
