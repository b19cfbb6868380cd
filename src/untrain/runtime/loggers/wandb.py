"""Weights & Biases as a log."""

from __future__ import annotations

from typing import Any, ClassVar

from untrain.core.events import Event
from untrain.runtime.loggers.base import Logger, OpenLog, scalars_with_step


class WandB(Logger):
    """A run of Weights & Biases; its account is that of ``wandb login``, and WANDB_MODE=offline keeps it on this machine.
    It gets events alone: not the command, what it prints, or code.

    Args:
        project: under which the run is listed.

    Source: docs.wandb.ai, the Python client.
    """

    project: str = "untrain"

    library: ClassVar[str] = "wandb"

    def open(self, name: str) -> OpenLog:
        """A fresh run of the project."""
        import wandb

        # By default the library sends the words of the command, among which are ids, what it prints, and the code around it; and it
        # gives out a run that the user has begun herself.
        quiet = wandb.Settings(console="off", disable_code=True, disable_git=True, x_disable_meta=True)
        return _Run(wandb.init(project=self.project, name=name[:120], config={"work": name}, settings=quiet, reinit="create_new"))


class _Run(OpenLog):
    def __init__(self, run: Any):
        self.run = run

    def write(self, event: Event) -> None:
        if numbers := scalars_with_step(event):
            self.run.log(numbers)
        if event.facts:
            self.run.config.update({f"{event.kind} {name}": value for name, value in event.facts.items()}, allow_val_change=True)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))
