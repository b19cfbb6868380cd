"""Slurm as an executor: one job per task, through submitit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from untrain.core.work_files import work_name
from untrain.runtime.executors.base import Executor, Pool, Resources, cores


class Slurm(Executor):
    """One Slurm job per task; Slurm's own SBATCH_ variables may set account, partition and the like.

    Args:
        partition: of Slurm; None for its default.
        workers: jobs in the queue at once at most; None for those of the run, or 100, or locally as many as fit the cores.
        minutes: that a task may take; what takes longer counts as died.
        local: whether the jobs run on this machine, under the same rules, to try it out.

    Source: Yoo et al. 2003, SLURM: Simple Linux Utility for Resource Management; submitit.
    """

    partition: str | None = None
    workers: Annotated[int, Field(ge=1)] | None = None
    minutes: Annotated[float, Field(gt=0)] = 240.0
    local: bool = False

    elsewhere: ClassVar[bool] = True
    library: ClassVar[str] = "submitit"
    extra: ClassVar[str] = "slurm"

    def open(self, resources: Resources = Resources()) -> Pool:
        """A pool whose tasks, outcomes and logs lie in a folder of their own, which every machine must see."""
        self.check_installed()
        from untrain.runtime.executors._slurm_pool import SlurmPool

        folder = (resources.folder or Path()) / work_name("jobs")
        count = self.workers or resources.workers or (max(1, cores() // resources.threads) if self.local else 100)
        return SlurmPool(folder, count, resources.threads, resources.gpus, self.partition, self.minutes, self.local)
