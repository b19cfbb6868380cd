"""Under what settings jobs run."""

from __future__ import annotations

from dataclasses import dataclass

from untrain.core.precision import Precision


@dataclass(frozen=True)
class Setting:
    """Facts that a number may depend on besides its spec.

    Args:
        device: such as 'cpu' or 'cuda:1'; results depend on its kind.
        threads: of each process.
        precision: in which gradient steps compute.
        compiled: whether models are compiled for their steps.
        budget: operations at which methods stop, as a share of retraining's; None lets them finish.
        curves: whether methods keep loss and accuracy by step.
    """

    device: str = "cpu"
    threads: int = 1
    precision: Precision = "float32"
    compiled: bool = False
    budget: float | None = None
    curves: bool = False
