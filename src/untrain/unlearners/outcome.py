"""The result of an unlearner."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from untrain.core.mask import Mask
from untrain.core.metering import Cost
from untrain.core.notebook import html_facts
from untrain.training.guard import Guard
from untrain.training.keepers.base import Kept
from untrain.unlearners.guarantee import Certificate, in_words


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model that forgot, with its guard, its cost, the localizer's mask where there was one, and notes.

    Of a method that proves something, also the certificate, and what it keeps for the next request.
    """

    model: nn.Module
    guard: Guard
    cost: Cost
    mask: Mask | None = None
    notes: tuple[str, ...] = ()
    certificate: Certificate | None = None
    kept: Kept = field(default_factory=dict)

    def _repr_html_(self) -> str:
        cost = f"{self.cost.seconds:.1f} s" + ("" if self.cost.flops is None else f", {self.cost.flops:.3g} operations")
        facts = {
            "model": type(self.model).__name__, "cost": cost, "weights that moved": f"{100 * self.guard.moved_share:.1f} %",
            "largest change outside the mask": None if self.mask is None else f"{self.guard.outside_mask_max:g}",
            "certificate": None if self.certificate is None else in_words(self.certificate.published()),
        }  # fmt: skip
        return html_facts("A model that forgot", facts, self.notes)
