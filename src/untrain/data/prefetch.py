"""The next batches, read while the model works on this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")
DEPTH = 2


def ahead(source: Iterator[T], depth: int = DEPTH) -> Iterator[T]:
    """What ``source`` yields, made by a thread that is at most ``depth`` things ahead.

    An error of the source is raised here, in its turn. The thread ends when the source does, or when nobody takes any
    more: closing this iterator, or dropping it, waits for it.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(thing: tuple[T | None, BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                ready.put(thing, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for thing in source:
                if not put((thing, None)):
                    return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))

    thread = threading.Thread(target=work, name="untrain-ahead", daemon=True)
    thread.start()
    try:
        while True:
            thing, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield thing  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
