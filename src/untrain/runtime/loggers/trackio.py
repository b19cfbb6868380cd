"""Trackio as a log."""

from __future__ import annotations

from typing import Any, ClassVar

from untrain.core.events import Event
from untrain.runtime.loggers.base import Logger, OpenLog, scalars


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
        # A step belongs to one loop, and the library counts one axis for all: so it is a number among the others.
        numbers = scalars(event)
        if numbers:
            self.run.log(numbers | ({} if event.step is None else {f"{event.name}/step": event.step}))

    def close(self, failed: bool) -> None:
        self.run.finish()
