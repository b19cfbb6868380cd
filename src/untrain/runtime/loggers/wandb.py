"""Weights & Biases as a log."""

from __future__ import annotations

from typing import Any, ClassVar

from untrain.core.events import Event
from untrain.runtime.loggers.base import Logger, OpenLog, scalars


class WandB(Logger):
    """A run of Weights & Biases; its account is that of ``wandb login``, and WANDB_MODE=offline keeps it on this machine.

    Args:
        project: under which the run is listed.

    Source: docs.wandb.ai, the Python client.
    """

    project: str = "untrain"

    library: ClassVar[str] = "wandb"

    def open(self, name: str) -> OpenLog:
        """A fresh run of the project."""
        import wandb

        return _Run(wandb.init(project=self.project, name=name[:120], config={"work": name}))


class _Run(OpenLog):
    def __init__(self, run: Any):
        self.run = run

    def write(self, event: Event) -> None:
        numbers = scalars(event)
        if numbers:
            # A step belongs to one loop, and the library counts one axis for all: so it is a number among the others.
            self.run.log(numbers | ({} if event.step is None else {f"{event.name}/step": event.step}))
        if event.facts:
            self.run.config.update({f"{event.kind} {name}": value for name, value in event.facts.items()}, allow_val_change=True)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))
