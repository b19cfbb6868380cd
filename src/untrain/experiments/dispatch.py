"""Jobs sent to a pool, and their entries taken back into the store."""

from __future__ import annotations

from dataclasses import dataclass, replace

from untrain.core.errors import RunFailed, WorkerDied
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, model_ingredients, start_keys
from untrain.experiments.remote_job import JobResult, RemoteJob, do_remotely
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.entry import failure_of
from untrain.runtime.executors.base import Future, Pool
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import Address, pack, unpack


@dataclass(frozen=True)
class KeyedJob:
    """A job on a scene, with the seed from which its own is derived, and its key."""

    key: str
    scene: Scene
    job: Job
    seed: int


class Dispatcher:
    """Sends jobs to a pool; those of other processes that do not see the store get the model to start from, and send theirs.

    Args:
        pool: that works.
        store: of the run.
        address: by which workers look for the store.
        setting: device and threads of each job.
    """

    def __init__(self, pool: Pool, store: Store, address: Address, setting: Setting):
        self.pool, self.store, self.address, self.setting = pool, store, address, setting
        self._tasks: dict[Future, KeyedJob] = {}
        self._sends_start = False

    def __len__(self) -> int:
        """Number of jobs under way."""
        return len(self._tasks)

    def submit(self, task: KeyedJob) -> None:
        """Have a job done."""
        name = f"{task.job.label} ({task.key[:12]})"
        if not self.pool.remote:
            future = self.pool.submit(run_job, task.scene, task.job, task.seed, self.setting, self.store, name=name)
        else:
            future = self.pool.submit(do_remotely, self._packed(task), name=name)
        self._tasks[future] = task

    def wait(self) -> KeyedJob:
        """Wait for the next job whose entry is in the store.

        Raises:
            RunFailed: its worker died again and again, or the pool is lost.
        """
        while True:
            future = next(self.pool.as_completed())
            task = self._tasks.pop(future)
            try:
                result = future.result()
            except WorkerDied as error:
                if task.job.method is None:
                    raise
                self._keep(task, error)
                return task
            if isinstance(result, JobResult) and result.needs_start:
                self._sends_start = True  # a worker does not see the store: from now on models to start from are sent along
                self.submit(task)
                continue
            if isinstance(result, JobResult) and result.parcel is not None:
                unpack(result.parcel, task.key, self.store)
            return task

    def _keep(self, task: KeyedJob, error: WorkerDied) -> None:
        """Store that a method ended its worker again and again: the other methods are made all the same."""
        ingredients = model_ingredients(task.scene, task.job, task.seed, self.setting)
        self.store.get_or_make(ingredients, lambda: failure_of(error))

    def _packed(self, task: KeyedJob) -> RemoteJob:
        scene, job = task.scene, task.job
        remote = RemoteJob(task.key, scene.scenario, scene.forget_set, scene.purpose, job, task.seed, self.setting, self.address)
        if job.method is None or not self._sends_start:
            return remote
        return replace(remote, starts=tuple(map(self._start, start_keys(scene, job, task.seed, self.setting))))

    def _start(self, key: str) -> bytes:
        entry = self.store.get(key)
        if entry is None:
            raise RunFailed(f"entry {key[:12]} went away while it was needed: run the same again")
        return pack(entry)
