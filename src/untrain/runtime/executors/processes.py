"""Several processes of this machine as an executor."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.util import Finalize
from typing import Annotated, Any

from pydantic import Field

from untrain.core.environment import variable
from untrain.core.errors import BadInput, RunFailed
from untrain.runtime.executors._queue import Packed, QueuedPool
from untrain.runtime.executors._retry import attempt_packed, count_death
from untrain.runtime.executors.base import Executor, Future, Pool, Resources, cores
from untrain.runtime.threads import set_threads

STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Processes(Executor):
    """Processes of this machine; each imports what it needs, so scripts guard their calls by ``__name__ == "__main__"``.

    Args:
        workers: processes at most; None for those of the run, or as many as fit the cores.

    Source: the interface of Python's concurrent.futures.
    """

    workers: Annotated[int, Field(ge=1)] | None = None

    def open(self, resources: Resources = Resources()) -> Pool:
        """A pool whose processes begin when they are needed."""
        count = self.workers or resources.workers or max(1, cores() // resources.threads)
        return ProcessPool(count, resources.threads)


class ProcessPool(QueuedPool):
    """Worker processes: one that dies is replaced, and its task alone is done again.

    Args:
        workers: processes at most.
        threads: of torch, in each.
    """

    def __init__(self, workers: int, threads: int = 1):
        super().__init__(threads)
        self._size = workers
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Packed] = {}

    @property
    def size(self) -> int:
        """Number of processes at most."""
        return self._size

    def _wait(self) -> Future:
        """Wait for the next task to finish; its worker gets another before this returns."""
        while self._busy:
            ready = connection.wait([worker.pipe for worker in self._busy])
            worker = next(worker for worker in self._busy if worker.pipe in ready)
            try:
                message = worker.pipe.recv_bytes()
            except (EOFError, OSError):  # it died before it answered, or while it did
                task = self._busy.pop(worker)
                again = count_death(task[0], worker.gone(), self.on_retry)
                if again:
                    self._waiting.appendleft(task)
                self._begin()
                if not again:
                    return task[0]
            else:
                if not message:
                    worker.give(self._busy[worker][1])
                    continue
                future, _ = self._busy.pop(worker)
                outcome = pickle.loads(message)
                if outcome.spoiled:  # what foreign code changed was put back; a fresh process is surer
                    worker.process.terminate()
                    worker.end()
                else:
                    self._idle.append(worker)
                self._begin()
                future.settle(outcome)
                return future
        raise BadInput("no task is under way")

    def _stop(self) -> None:
        workers = (*self._busy, *self._idle)
        self._waiting, self._busy, self._idle = deque(), {}, []
        for worker in workers:
            # One that still imports lets no signal through but this, and has begun nothing.
            (worker.process.terminate if worker.ready else worker.process.kill)()
        for worker in workers:
            worker.end()

    def _begin(self) -> None:
        while self._waiting and len(self._busy) < self.size:
            task = self._waiting.popleft()
            worker = self._idle.pop() if self._idle else _Worker(self.threads)
            self._busy[worker] = task
            if worker.ready:
                worker.give(task[1])


class _Worker:
    """A process and the pipe to it; it says that it is ready by an empty message, and gets nothing before."""

    def __init__(self, threads: int):
        context = get_context("spawn")
        self.ready = False
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, os.getpid(), threads))
        begin(self.process)
        theirs.close()
        # A pool that nobody closed must not keep its process from ending.
        Finalize(self, _terminate, (self.process,), exitpriority=10)

    def give(self, task: bytes) -> None:
        """Have a task done; a worker that died while it was idle is noticed when it is heard."""
        self.ready = True
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(task)

    def gone(self) -> str:
        """Say how it died.

        Raises:
            RunFailed: it could not even begin.
        """
        code = self.end()
        if not self.ready and code > 0:
            raise RunFailed(
                "a worker process could not begin: in a script with workers, guard the call by: if __name__ == '__main__'"
            )
        return f"killed by {name_of(-code)}" if code < 0 else f"exit code {code}"

    def end(self) -> int:
        """See it gone; its exit code."""
        self.process.join(5)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        self.pipe.close()
        self.process.close()
        return code


def name_of(number: int) -> str:
    """The name of a signal; those for real time have numbers alone.

    >>> name_of(9), name_of(40)
    ('SIGKILL', 'signal 40')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def begin(process: Any) -> None:
    """Start a worker that calls ``watch_parent``; a signal to stop that comes before it does so waits: its imports take seconds."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        with variable("PYTHONSAFEPATH", "1"):  # they get this process's path of modules, without the folder where they work
            resource_tracker.ensure_running()  # which the first process starts, and which lets signals through again
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
            with _later():
                process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:  # an interrupt: its caller never gets to know this worker
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if process.pid is not None:
            process.kill()
        raise


@contextmanager
def _later() -> Iterator[None]:
    """Signals to stop wait until the end: a mask alone holds those back that come to this thread, not to others of the process."""
    handlers = {each: signal.getsignal(each) for each in STOPS}
    taken = {each: handler for each, handler in handlers.items() if callable(handler)}
    if not taken or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    for each in taken:
        signal.signal(each, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for each, handler in taken.items():
            signal.signal(each, handler)
    if came:
        signal.raise_signal(came[0])


def _terminate(process: Any) -> None:
    with suppress(ValueError):  # it was closed
        process.terminate()


def _serve(pipe: connection.Connection, parent: int, threads: int) -> None:
    """A worker: one task after the other, until nobody gives any more."""
    watch_parent(parent)
    set_threads(threads)
    pipe.send_bytes(b"")
    with suppress(EOFError):
        while True:
            task = pipe.recv_bytes()
            pipe.send_bytes(attempt_packed(task))


def watch_parent(parent: int) -> None:
    """End this worker when the process that began it is gone, or both are interrupted: a stopped run leaves nothing behind."""
    with suppress(ImportError):  # where tqdm is not, nothing makes bars
        from untrain.runtime.executors._tqdm import own_bars

        own_bars()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
