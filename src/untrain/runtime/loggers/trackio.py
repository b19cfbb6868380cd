"""Trackio as a log."""

from __future__ import annotations

from typing import Any, ClassVar

from untrain.core.events import Event
from untrain.runtime.loggers.base import Logger, OpenLog, scalars_with_step


class Trackio(Logger):
    """A run of Trackio, which keeps them on this machine; ``trackio show`` draws them.

    Args:
        project: under which the run is listed.

    Source: huggingface.co/docs/trackio.
    """

    project: str = "untrain"

    library: ClassVar[str] = "trackio"

    def open(self, name: str) -> OpenLog:
        """A fresh run of the project."""
        import trackio

        return _Run(trackio.init(project=self.project, config={"work": name}))


class _Run(OpenLog):
    def __init__(self, run: Any):
        self.run = run

    def write(self, event: Event) -> None:
        if numbers := scalars_with_step(event):
            self.run.log(numbers)

    def close(self, failed: bool) -> None:
        self.run.finish()
