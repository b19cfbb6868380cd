"""Search space: hints next to the types of fields, and the dimensions that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SearchHint:
    """A hint next to the type of a field: the range that a search covers; it restricts nobody else.

    Args:
        low: least value.
        high: largest value.
        log: whether factors count, not differences.
        usual: whether the field is searched where none is named; numbers of a method itself always are.
        unit: '%' where values are shares written as text.
        asked: whether the field is searched where it is named and nowhere else, though it is a method's own.
    """

    low: float
    high: float
    log: bool = False
    usual: bool = False
    unit: str = ""
    asked: bool = False


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Args:
        low: least value.
        high: largest value.
        log: whether factors count, not differences.
        whole: whether values are whole numbers.
        unit: '%' where values are shares written as text.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Choices:
    """Values to choose from."""

    values: tuple[Any, ...]


Dimension = Range | Choices
