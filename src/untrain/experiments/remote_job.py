"""A job done in a process of its own, on this machine or another."""

from __future__ import annotations

from dataclasses import dataclass

from untrain.core.errors import RunFailed
from untrain.core.work_files import scratch
from untrain.data.requests.base import ForgetSet
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, model_key, start_keys
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Chosen, Purpose, Scene, open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import Address, pack, unpack
from untrain.runtime.threads import set_threads

_scenes: dict[str, Scene] = {}


@dataclass(frozen=True)
class RemoteJob:
    """A job as it is sent to another process.

    Args:
        key: of the entry.
        scenario: its scene is opened there.
        forget_set: what is to be forgotten; the file or the models that chose it need not be there.
        purpose: of the scene.
        job: what to make.
        seed: from which all seeds are derived.
        setting: device and threads.
        address: of the run's store.
        starts: packed entries of the models and effects that it starts from, for where the store is not visible.
    """

    key: str
    scenario: Scenario
    forget_set: ForgetSet
    purpose: Purpose
    job: Job
    seed: int
    setting: Setting
    address: Address
    starts: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class JobResult:
    """The reply of a worker: nothing where it sees the store; else the entry, or that it needs the model to start from."""

    parcel: bytes | None = None
    needs_start: bool = False


def do_remotely(remote: RemoteJob) -> JobResult:
    """Do a job in this process, a worker; the scenes of a run are opened once.

    Raises:
        RunFailed: here the ingredients are others than where the run began.
    """
    job, seed, setting = remote.job, remote.seed, remote.setting
    set_threads(setting.threads)
    scene = _scene_of(remote)
    if model_key(scene, job, seed, setting) != remote.key:
        raise RunFailed("code, data or versions differ where the work is done: have the same everywhere, and run it again")
    if remote.address.is_visible():
        run_job(scene, job, seed, setting, Store(remote.address.path))
        return JobResult()
    if job.method is not None and not remote.starts:
        return JobResult(needs_start=True)
    with scratch("job") as folder:
        own = Store(folder)
        for packed, key in zip(remote.starts, start_keys(scene, job, seed, setting), strict=job.method is not None):
            unpack(packed, key, own)
        return JobResult(pack(run_job(scene, job, seed, setting, own)))


def _scene_of(remote: RemoteJob) -> Scene:
    name = f"{remote.scenario!r} to {remote.purpose} on {remote.setting.device}, {remote.forget_set.digest}"
    if name not in _scenes:
        _scenes[name] = open_scene(remote.scenario, remote.setting, lambda *_: Chosen(remote.forget_set), remote.purpose)
    return _scenes[name]
