"""A file of JSON lines as a log."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from untrain.core.environment import absolute
from untrain.core.errors import BadInput
from untrain.core.events import Event
from untrain.core.paths import user_path
from untrain.runtime.loggers.base import Logger, OpenLog


class JSONLines(Logger):
    """A file with one JSON object per event, which needs no library; what is in it stays, and new lines come after it.

    Args:
        path: of the file.

    Source: none; the form is that of jsonlines.org.
    """

    path: str = "untrain-log.jsonl"

    def open(self, name: str) -> OpenLog:
        """The file, opened to append.

        Raises:
            BadInput: it cannot be written.
        """
        return _File(absolute(user_path(self.path)))


class _File(OpenLog):
    def __init__(self, path: Path):
        try:
            self.file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"cannot write {path}: {error.strerror}") from None

    def write(self, event: Event) -> None:
        line: dict[str, Any] = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "kind": event.kind, "name": event.name}
        line |= {} if event.step is None else {"step": event.step}
        line |= {"numbers": dict(event.numbers)} if event.numbers else {}
        line |= {"facts": dict(event.facts)} if event.facts else {}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def close(self, failed: bool) -> None:
        self.file.close()
