"""A protocol: the margins that a model has to keep to pass, stated before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Field

from untrain.core.errors import SpecError, suggest
from untrain.core.fields import NonNegative, Positive
from untrain.core.spec import Spec, parse

ENDPOINTS = ("attack", "distance", "forget", "example", "test", "retain")
ONE_MODEL = 1.0  # spreads that one model is allowed more than the mean of several: a retrained model itself is a draw


class Criterion(Spec, role=True):
    """The parts of a protocol's text."""


class Margin(Criterion):
    """Largest allowed distance of unlearned from retrained models: the larger of two distances, up to a third.

    Args:
        spreads: in standard deviations between retrained models, whatever the unit of the endpoint.
        absolute: in the unit of the endpoint.
        most: in the unit of the endpoint: what spreads never exceed, however much retrained models differ; None for any.

    Raises:
        SpecError: ``most`` is less than ``absolute``.

    Source: margins in standard deviations, Wellek 2010, section 6.1; the larger of two and the limit: own.
    """

    spreads: NonNegative = 0.0
    absolute: NonNegative = 0.0
    most: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse a limit below what is allowed anyway."""
        if self.most is not None and self.most < self.absolute:
            raise SpecError(f"Margin(absolute={self.absolute}, most={self.most}): most is at least absolute, or left out")

    @property
    def limit(self) -> float:
        """A bound that spreads never exceed, in the unit of the endpoint."""
        return math.inf if self.most is None else self.most


class Protocol(Criterion):
    """Margins on primary endpoints; a model passes if it is shown to keep all of them.

    >>> Protocol("strict").margins["attack"]
    Margin(spreads=2.0, absolute=0.02, most=0.15)

    Args:
        strictness: the named protocol whose margins hold where none is given here: 'screening' takes few models, 'standard' is the
            one for a report, 'strict' takes twice as many models.
        attack: on what each of two attackers gains over guessing, in shares of right guesses.
        forget: on the logarithm of the mean loss on the forget set.
        example: on the forget example that is farthest from its retrained models, in standard errors.
        test: on the loss of test accuracy; where there is no accuracy, the margin 'forget' is on the test loss.
        retain: the same on the retain set.
        level: chance at most of passing a model at the edge of a margin.
        leak: size of the leak whose detection is planned for, in spreads; None for 2 c + 1, c that of attack or forget set.

    Source: non-inferiority margins after ICH E9 and E10; intersection-union tests: Berger 1982.
    """

    strictness: Literal["screening", "standard", "strict"] = "standard"
    attack: Margin | None = None
    forget: Margin | None = None
    example: Margin | None = None
    test: Margin | None = None
    retain: Margin | None = None
    level: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    leak: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse margins that no model could keep.

        Raises:
            SpecError: a margin is 0 in both units, or that of the farthest example has none in spreads.
        """
        for name, margin in self.margins.items():
            if not margin.spreads and not margin.absolute:
                raise SpecError(f"Protocol({name}=Margin()): no number of models shows a difference of 0; give spreads or absolute")
        if not self.margins["example"].spreads:
            raise SpecError("Protocol(example=...): the farthest of many examples is far by chance; its margin is in spreads")

    @property
    def margins(self) -> Mapping[str, Margin]:
        """The margin of each endpoint; both attacks have that of 'attack'."""
        given = {name: getattr(self, name) or margin for name, margin in _NAMED[self.strictness].items()}
        return {name: given["attack" if name == "distance" else name] for name in ENDPOINTS}

    @property
    def leak_size(self) -> float:
        """Size of the leak whose detection is planned for, in spreads."""
        widest = max(self.margins[name].spreads for name in ("attack", "forget"))
        return self.leak or 2 * (widest or _NAMED[self.strictness]["forget"].spreads) + ONE_MODEL

    @property
    def label(self) -> str:
        """Its name where it is a named one, else its spelling."""
        plain = all(getattr(self, f.name) == f.default for f in fields(self)[1:])
        return self.strictness if plain else repr(self)


def _margins(spreads: float, attack: Margin, forget: float, accuracy: Margin) -> Mapping[str, Margin]:
    example, loss = Margin(spreads), Margin(spreads, forget)
    return {"attack": attack, "forget": loss, "example": example, "test": accuracy, "retain": accuracy}


_NAMED = {
    "screening": _margins(4.0, Margin(4.0, 0.1, 0.35), 0.3, Margin(4.0, 0.02, 0.1)),
    "standard": _margins(3.0, Margin(3.0, 0.05, 0.25), 0.1, Margin(3.0, 0.01, 0.05)),
    "strict": _margins(2.0, Margin(2.0, 0.02, 0.15), 0.05, Margin(2.0, 0.005, 0.03)),
}


def protocol_of(given: Any) -> Protocol:
    """A protocol, made, spelled, or by the name of a strictness.

    >>> protocol_of("strict")
    Protocol(strictness='strict')

    Raises:
        SpecError: it is not one.
    """
    if isinstance(given, str) and given.strip().lower() in _NAMED:
        return Protocol(given.strip().lower())  # type: ignore[arg-type]
    if isinstance(given, str) and "(" not in given and given.strip() != "Protocol":
        known = list(_NAMED)
        raise SpecError(f"there is no protocol {given!r}{suggest(given, known)}; there is {', '.join(known)}, or Protocol(...)")
    made = parse(given) if isinstance(given, str) else given
    if not isinstance(made, Protocol):
        raise SpecError(f"{made!r} is not a protocol; there is {', '.join(_NAMED)}, or Protocol(...)")
    return made
