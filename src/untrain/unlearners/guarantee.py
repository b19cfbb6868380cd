"""The proof of a method about the model that it returns, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from untrain.training.keepers.base import Kept


@dataclass(frozen=True)
class Guarantee:
    """Releases are (epsilon, delta)-indistinguishable from those of retraining, with the same noise, whatever the data.

    Args:
        epsilon: of this release alone, nats.
        delta: of this release, and of all.
        total: epsilon of all releases since training together, nats; None where nothing is proven of several seen together.
    """

    epsilon: float
    delta: float
    total: float | None


@dataclass(frozen=True)
class Certificate:
    """A guarantee where every assumption that can be checked holds; else none, and which of them fail.

    Args:
        guarantee: None where an assumption fails: then nothing is certified.
        fails: the assumptions that fail.
        provided: what the guarantee takes as given, since no program can check it.
        removed: examples since training, those of this request included.
        examples: at training.
        bound: largest distance to retraining without noise, whatever the data.
        measured: the same of these data, by the step that was taken; it must not decide the noise, and reveals of the step what
            the noise hides: it is not to be released.
        std: of the noise, of each weight, or of each entry of the gradient where the objective has it.
        capacity: examples that may be removed in all, at the next release, before the budget is spent; at it or beyond, retrain.
        releases: since training, this one included.
        noisy: what ``std``, ``bound`` and ``measured`` are of.
        recorded: whether the seed of the noise is on record beside the results: then the guarantee is for who cannot read it.
        corrected: how often an example got other values since training, those of this request included.
    """

    guarantee: Guarantee | None
    fails: tuple[str, ...]
    provided: tuple[str, ...]
    removed: int
    examples: int
    bound: float
    measured: float
    std: float
    capacity: int
    releases: int
    noisy: str = "weight"
    recorded: bool = False
    corrected: int = 0

    def published(self) -> dict[str, Any]:
        """The fields by name, as records and reports have them: all but what reveals the data.

        >>> "measured" in Certificate(None, (), (), 1, 10, 0.1, 0.01, 0.5, 0, 1).published()
        False
        """
        return {name: value for name, value in asdict(self).items() if name != "measured"}


@dataclass(frozen=True, eq=False)
class Release:
    """The outcome of an unlearner with a guarantee.

    Args:
        model: to be released.
        certificate: of it.
        kept: for the next request, as ``Problem`` takes it; it is not to be released.
    """

    model: nn.Module
    certificate: Certificate
    kept: Kept = field(default_factory=dict)


def in_words(certificate: Mapping[str, Any]) -> str:
    """A certificate, as a mapping of its fields, in a line.

    >>> none = Certificate(None, ("its fields were tuned on the data",), (), 1, 10, 0.1, 0.01, 0.5, 0, 1)
    >>> in_words(none.published())
    'not certified: its fields were tuned on the data'
    """
    if certificate["guarantee"] is None:
        return f"not certified: {'; '.join(certificate['fails'])}"
    said, given = certificate["guarantee"], "; ".join(certificate["provided"])
    total = said["total"]
    together = "of this release alone" if total is None else (
        f"all {certificate['releases']} releases since training together within epsilon {total:.3g}"
    )  # fmt: skip
    whom = " only for who cannot read the seed of its noise, which is on record beside these results" * certificate["recorded"]
    count = certificate.get("corrected", 0)  # older records have none
    others = f" and {count} {'has' if count == 1 else 'have'} other values" if count else ""
    text = (
        f"certified{whom}: within (epsilon {said['epsilon']:.3g}, delta {said['delta']:g}) of retraining, {together}; "
        f"{certificate['removed']} of {certificate['examples']} examples are removed{others}, at most {certificate['bound']:.2g} "
        f"away without noise, of which each {certificate['noisy']} has {certificate['std']:.2g}"
    )
    more = certificate["capacity"] > certificate["removed"]
    left = f"; the next release may have {certificate['capacity']} removed" if more else "; the budget is spent: retrain next"
    return f"{text}{left}; provided that {given}"
