"""A Ray cluster as an executor, of this machine alone or of many."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from untrain.runtime.executors._address import split_address
from untrain.runtime.executors.base import Executor, Pool, Resources


class Ray(Executor):
    """A Ray cluster, joined or started on this machine when first needed.

    Args:
        address: 'HOST:PORT' of a cluster's head, 'ray://HOST:PORT' for Ray's client, or 'auto' for the head on this machine;
            None begins a cluster for this pool alone, which listens on loopback, and ends it afterwards.
        workers: tasks at once at most; None for those of the run, or as many as the cluster has cores, or GPUs where they are
            used.

    Source: Moritz et al. 2018, Ray, arXiv 1712.05889.
    """

    address: str | None = None
    workers: Annotated[int, Field(ge=1)] | None = None

    elsewhere: ClassVar[bool] = True
    library: ClassVar[str] = "ray"
    extra: ClassVar[str] = "ray"

    def __post_init__(self) -> None:
        """Refuse what is not an address.

        Raises:
            SpecError: it has no host or no port.
        """
        if self.address not in (None, "auto"):
            split_address(self.address)

    def open(self, resources: Resources = Resources()) -> Pool:
        """A pool that joins the cluster, or begins it, with its first task."""
        self.check_installed()
        from untrain.runtime.executors._ray_pool import RayPool

        return RayPool(self.address, self.workers or resources.workers, resources.threads, resources.gpus)
