"""A job done in a process of its own, on this machine or another."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory

import torch

from untrain.core.errors import RunFailed
from untrain.data.requests.base import ForgetSet
from untrain.experiments.jobs import Job, do, ingredients
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Chosen, Scene, open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store, key_of
from untrain.runtime.store_transfer import Address, pack, unpack

_scenes: dict[str, Scene] = {}


@dataclass(frozen=True)
class JobResult:
    """What a worker answers: nothing where it sees the store; else the entry, or that it wants the model to start from."""

    parcel: bytes | None = None
    wants: bool = False


def in_worker(
    key: str, scenario: Scenario, asked: ForgetSet, job: Job, seed: int, setting: Setting, at: Address,
    start: bytes | None = None,
) -> JobResult:  # fmt: skip
    """Do a job in a process of its own; the scenes of a run are opened once.

    Args:
        key: of the entry.
        scenario: its scene is opened here.
        asked: what is to be forgotten; the file or the models that told it need not be here.
        job: what to make.
        seed: from which all seeds are derived.
        setting: device and threads.
        at: the run's store.
        start: the packed entry of the original, for where the store is not seen.

    Raises:
        RunFailed: here the ingredients are others than where the run began.
    """
    torch.set_num_threads(setting.threads)
    name = f"{scenario!r} on {setting.device}, {asked.digest}"
    if name not in _scenes:
        _scenes[name] = open_scene(scenario, setting, lambda *_: Chosen(asked))
    scene = _scenes[name]
    if key_of(ingredients(scene, job, seed, setting)) != key:
        raise RunFailed("code, data or versions differ where the work is done: have the same everywhere, and run it again")
    if at.seen():
        do(scene, job, seed, setting, Store(at.path))
        return JobResult()
    if job.method is not None and start is None:
        return JobResult(wants=True)
    with TemporaryDirectory(prefix="untrain-") as folder:
        scratch = Store(folder)
        if start is not None:
            unpack(start, key_of(ingredients(scene, Job("original", job.index), seed, setting)), scratch)
        return JobResult(pack(do(scene, job, seed, setting, scratch)))
