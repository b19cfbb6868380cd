"""Charts as records of no drawing library; colours are names of the style sheet's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Trace:
    """One series.

    Args:
        name: in the legend; empty to leave it out of there.
        x: places along the horizontal axis.
        y: values.
        colour: name of a colour of the style sheet.
        look: how it is drawn; 'stairs' holds its value from each place to the next, 'steps' around each place; 'shelves' and
            'ribbon' shade what lies within ``below`` and ``above`` of the values, in steps or smoothly; 'marks' are large dots.
        symbol: of the dots, or the dash of a line.
        words: text in each of the 'cells'.
        hover: text when a point is pointed at, in lines.
        below: length of the whisker, or of what is shaded, below each value.
        above: the same above each value; of bars, both lie along the horizontal axis.
        values: of 'cells', shaded from 0 to 1.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: str
    look: Literal["steps", "stairs", "line", "dots", "marks", "bars", "shelves", "ribbon", "cells"]
    symbol: str = "circle"
    words: tuple[str, ...] = ()
    hover: tuple[str, ...] = ()
    below: tuple[float, ...] = ()
    above: tuple[float, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Axis:
    """An axis: title, what follows its numbers, least and greatest value shown, named places on it, whether it is logarithmic."""

    title: str
    suffix: str = ""
    least: float | None = None
    most: float | None = None
    places: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    zero: bool = False
    log: bool = False


@dataclass(frozen=True)
class Label:
    """A text by the point (x, y), its middle so many pixels to the right of and above it, and whether a line leads there."""

    text: str
    x: float
    y: float
    right: float
    up: float
    line: bool = False


@dataclass(frozen=True)
class Chart:
    """A drawing: traces, axes, height in pixels, a shaded band of y values, a place on x that is marked by a line, and labels.

    Labels are those of a wide window; where there are ``narrow`` ones, a telephone shows these in their place.
    """

    traces: tuple[Trace, ...]
    x: Axis
    y: Axis
    height: int = 320
    band: tuple[float, float] | None = None
    line: float | None = None
    labels: tuple[Label, ...] = ()
    narrow: tuple[Label, ...] = ()
