"""Tasks on a Ray cluster, of this machine alone or of many."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import ray
from ray.exceptions import RayError, RayTaskError

from untrain.core.environment import variable
from untrain.core.errors import BadInput, MissingExtra, RunFailed
from untrain.runtime.executors._address import split_address
from untrain.runtime.executors._retry import KEPT, TaskOutcome, attempt_away, count_death, packed
from untrain.runtime.executors.base import Future, Pool

CONNECT, GRACE = 5.0, 15.0  # seconds to answer at first; seconds without an answer until the head counts as lost


class RayPool(Pool):
    """Tasks on a Ray cluster; it is joined, or begun on this machine, when it is first needed.

    Args:
        address: 'HOST:PORT' of a cluster's head, or 'auto' for the one on this machine; None begins one, for this pool alone.
        workers: tasks at once at most; None for as many as the cluster has cores, or GPUs where they are used.
        threads: of torch, in each task; a task takes as many cores.
        gpus: of each task.
    """

    elsewhere: ClassVar[bool] = True

    def __init__(self, address: str | None = None, workers: int | None = None, threads: int = 1, gpus: int = 0):
        super().__init__(threads)
        self.address, self.workers, self.gpus = address, workers, gpus
        self._running: dict[Any, tuple[Future, bytes]] = {}
        self._size = 0
        self._ours = False
        self._folder: str | None = None
        self._doors: list[tuple[socket.AddressFamily, Any]] = []
        self._remote: Any = None
        self._kin: dict[int, str] = {}
        self._checked, self._silent_since = 0.0, 0.0

    @property
    def size(self) -> int:
        """Number of tasks that can go on at once."""
        if not self._size:
            self._join()
        return self._size

    def _start(self, future: Future, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not self._size:
            self._join()
        self._begin(future, packed(work, args))

    def _wait(self) -> Future:
        while self._running:
            try:
                done, _ = ray.wait(list(self._running), num_returns=1, timeout=1.0)
                self._check_head()
            except (RayError, ConnectionError) as error:
                raise _lost(_brief(error)) from None
            if not done:
                continue
            future, task = self._running.pop(done[0])
            try:
                future.settle(pickle.loads(ray.get(done[0])))
                return future
            except RayTaskError as error:
                future.settle(TaskOutcome(error=RunFailed(f"task {future.name!r} could not begin on the cluster: {_brief(error)}")))
                return future
            except RayError as error:
                self._check_head(at_once=True)
                if not count_death(future, _brief(error), self.on_retry):
                    return future
                self._begin(future, task)
            except ConnectionError as error:
                raise _lost(_brief(error)) from None
        raise BadInput("no task is under way")

    def _stop(self) -> None:
        """Cancel what is under way; leave the cluster, or end it where it was begun for this pool."""
        running, self._running, self._size, self._doors, self._silent_since = list(self._running), {}, 0, [], 0.0
        self._remote = None
        if self._ours:
            kin = self._kin | _family(set(self._kin))
            ray.shutdown()
            _sweep(kin)
            self._ours, self._kin = False, {}
        elif ray.is_initialized():
            for reference in running:
                with suppress(RayError, ConnectionError):
                    ray.cancel(reference, force=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _begin(self, future: Future, task: bytes) -> None:
        # Ray's own retries are silent; they are off, so that three attempts are three, and each is noted.
        remote = ray.remote(attempt_away) if self._remote is None else self._remote
        self._remote = remote  # each one that is made anew is sent to the head anew
        remote = remote.options(num_cpus=self.threads, num_gpus=self.gpus, max_retries=0, name=future.name)
        self._running[remote.remote(task, self.threads, sys.path)] = future, task

    def _join(self) -> None:
        if not ray.is_initialized():
            _quiet()
            options: dict[str, Any] = {"address": self.address}
            if self.address is None:
                self._folder = tempfile.mkdtemp(prefix="untrain-ray-", dir="/tmp" if len(tempfile.gettempdir()) > 30 else None)
                cores = self.workers * self.threads if self.workers else None
                options = {"address": "local", "num_cpus": cores, "include_dashboard": False, "_temp_dir": self._folder}
            elif self.address != "auto":
                _knock(self.address)
            self._ours, before = True, _family({os.getpid()})
            try:
                with _private(alone=self.address is None):
                    context = ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
            except (RayError, OSError, RuntimeError, ValueError) as error:
                self.close()
                raise RunFailed(f"Ray could not be {'joined' if self.address else 'begun'}: {_brief(error)}") from None
            self._kin = {pid: began for pid, began in _family({os.getpid()}).items() if pid not in before}
            about = getattr(context, "address_info", None) or {}
            own = str(about.get("node_ip_address"))
            if self.address is None and not own.startswith(("127.", "::1")):
                self.close()
                raise RunFailed(
                    f"this version of Ray would listen at {own}, where others can reach it: use Processes, or another Ray"
                )
            self._doors = [(socket.AF_INET, split_address(about["gcs_address"]))] if about.get("gcs_address") else []
            self._doors += [(socket.AF_UNIX, about["raylet_socket_name"])] if about.get("raylet_socket_name") else []
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        slots = int(resources.get("GPU", 0) // self.gpus if self.gpus else resources.get("CPU", 0) // self.threads)
        if slots < 1:
            self.close()
            need = f"{self.gpus} GPU" if self.gpus else f"{self.threads} cores"
            raise BadInput(f"no machine of the Ray cluster has {need} for a task; it has {resources.get('CPU', 0):g} cores in all")
        # On a cluster that grows by demand, tasks that wait are what makes it grow.
        self._size = min(self.workers or sys.maxsize, slots if self.address is None else 2 * slots)

    def _check_head(self, at_once: bool = False) -> None:
        """Raise when head or node have been silent for long; Ray itself would wait a minute and then end this process."""
        now = time.monotonic()
        if now - self._checked < 1.0 and not at_once:
            return
        self._checked = now
        if all(_answers(family, door, 2.0) for family, door in self._doors):
            self._silent_since = 0.0
            return
        self._silent_since = self._silent_since or now
        if at_once or self.address is None or now - self._silent_since > GRACE:
            raise _lost("it does not answer any more")


def _family(roots: set[int]) -> dict[int, str]:
    """Processes that descend from others, zombies left out, and when each began; none where there is no /proc."""
    parents, began = dict[int, int](), dict[int, str]()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *words = file.read_text().rpartition(")")[2].split()
            if state != "Z":
                parents[int(file.parent.name)], began[int(file.parent.name)] = int(parent), words[17]
    family = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
        family |= more
    return {pid: began[pid] for pid in family - roots}


def _sweep(kin: dict[int, str]) -> None:
    """End what is left of a cluster: some of its agents outlive a head that was killed by minutes."""
    until = time.monotonic() + 3.0
    while (left := kin.items() & _family({0}).items()) and time.monotonic() < until:
        time.sleep(0.1)
    for pid, _ in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _lost(why: str) -> RunFailed:
    return RunFailed(f"the Ray cluster's head is lost ({why}); {KEPT}")


def _brief(error: BaseException) -> str:
    text = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (text[-1] if isinstance(error, RayTaskError) else text[0] if text else type(error).__name__)[:200]


@contextmanager
def _private(alone: bool) -> Iterator[None]:
    """Nothing about its use is sent home meanwhile; a cluster that begins for this pool ``alone`` listens on loopback.

    SIGTERM is handled as before, since the handler that Ray sets ends the process without a line and without the pool's own end.
    """
    with ExitStack() as settings:
        if (handler := signal.getsignal(signal.SIGTERM)) is not None and threading.current_thread() is threading.main_thread():
            settings.callback(signal.signal, signal.SIGTERM, handler)
        settings.enter_context(variable("RAY_USAGE_STATS_ENABLED", "0"))
        if alone:
            # As on other systems; the variable is for the processes that it begins, the constant for this one.
            settings.enter_context(variable("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"))
            constants: Any = importlib.import_module("ray._private.ray_constants")
            settings.callback(setattr, constants, "ENABLE_RAY_CLUSTER", constants.ENABLE_RAY_CLUSTER)
            constants.ENABLE_RAY_CLUSTER = False
        yield


def _quiet() -> None:
    """Nothing of Ray's on stdout, by a way that Ray keeps private."""
    with suppress(ImportError, AttributeError):
        from ray._private import worker

        worker.print_to_stdstream = lambda *_, **__: None


def _knock(address: str) -> None:
    """Refuse an address at which nothing answers; Ray itself tries for two minutes."""
    if not _answers(socket.AF_INET, split_address(address), CONNECT):
        raise BadInput(f"nothing answers at Ray's address {address!r}: is the head up, is it the port that `ray start` printed?")
    if address.startswith("ray://"):
        try:
            import grpc  # noqa: F401
        except ImportError:
            raise MissingExtra(f"{address} needs Ray's client: pip install 'ray[client]'; or use address='HOST:PORT'") from None


def _answers(family: socket.AddressFamily, door: Any, within: float) -> bool:
    try:
        if family == socket.AF_INET:
            socket.create_connection(door, within).close()
        else:
            with socket.socket(family) as knock:
                knock.settimeout(within)
                knock.connect(door)
    except OSError:
        return False
    return True
