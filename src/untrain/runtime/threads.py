"""Threads of torch and of numpy's linear algebra, on which results depend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  brings a linear algebra of its own, which takes all cores where it is loaded after the limit
import torch
from threadpoolctl import threadpool_limits


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads within, and afterwards as many as before.

    >>> with threads(1):
    ...     torch.get_num_threads()
    1

    Without it numpy's linear algebra takes all cores, whatever else runs on them, and waits for them busily.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def set_threads(count: int) -> None:
    """So many threads from here on, in a process that does nothing else."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")
