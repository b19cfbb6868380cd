"""Numbers and sentences, as a reader meets them."""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from untrain.reports.headings import CONTROLS

Row = Mapping[str, Any]
PERCENT = "\N{NO-BREAK SPACE}%"
LONGEST = 40  # characters of a method's label
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z", re.ASCII)


def label(method: str) -> str:
    """A method's spelling without empty brackets."""
    return method.replace("()", "")


def short(method: str) -> str:
    """A method's spelling without any values; what stands in brackets apart from a word is part of a name.

    >>> short("DEL(steps=Steps(lr=0.05)) @ RandomMask()"), short("my method (v2)")
    ('DEL @ RandomMask', 'my method (v2)')
    """

    def bare(found: re.Match[str]) -> str:
        return "" if found[1] is None else f"{found[1]}\x01{found[2]}\x02"

    while (inner := re.sub(r"(\s)?\(([^()]*)\)", bare, method)) != method:
        method = inner
    return method.replace("\x01", "(").replace("\x02", ")")


def distinct(methods: Sequence[str]) -> dict[str, str]:
    """Name of each method: its spelling without values, and with them where that would be another's name too.

    >>> distinct(["DEL(keep=0.1)", "DEL(keep=0.3)", "NegGrad(alpha=0.9)"])
    {'DEL(keep=0.1)': 'DEL(keep=0.1)', 'DEL(keep=0.3)': 'DEL(keep=0.3)', 'NegGrad(alpha=0.9)': 'NegGrad'}
    """
    names = [short(method) for method in methods]
    return {method: name if names.count(name) == 1 else label(method) for method, name in zip(methods, names, strict=True)}


def lettered(methods: Sequence[str]) -> dict[str, str]:
    """Label of each method for tables and charts: its name without values, and a letter where one name stands more than once.

    >>> lettered(["DEL(keep=0.1)", "NegGrad(alpha=0.9)", "DEL(keep=0.3)"])
    {'DEL(keep=0.1)': 'DEL (a)', 'NegGrad(alpha=0.9)': 'NegGrad', 'DEL(keep=0.3)': 'DEL (b)'}
    """
    names = {method: cut(short(method), LONGEST) for method in methods}
    count, taken = Counter(names.values()), set(names.values())
    labels = {}
    for method, name in names.items():
        free = (given for letter in _letters() if (given := f"{name} ({letter})") not in taken)
        labels[method] = name if count[name] == 1 else next(free)
        taken.add(labels[method])
    return labels


def _letters() -> Iterator[str]:
    """Yield a to z, then aa to zz, and so on."""
    for size in itertools.count(1):
        yield from map("".join, itertools.product(string.ascii_lowercase, repeat=size))


def label_text(label: Any, classes: Sequence[str] | None = None) -> str:
    """The label of an example: a class by its name, or by its number where it has none; a quantity in four significant digits.

    A target of several numbers, such as tokens, is not a label: empty.

    Args:
        label: a number, or text, or an array of numbers.
        classes: names of the classes, in the order of their numbers; None where they have none.
    """
    if np.ndim(label):
        return ""
    if isinstance(label, float | np.floating):
        return f"{label:.4g}".replace("-", "−")
    if classes is not None and isinstance(label, int | np.integer) and 0 <= label < len(classes):
        return str(classes[int(label)])
    return str(label)


def cut(text: str, longest: int) -> str:
    """The text, or as much of its beginning as fits with an ellipsis.

    >>> cut("airplane", 8), cut("aeroplane", 8)
    ('airplane', 'aeropla…')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def sentence(text: str) -> str:
    """The text with a full stop at its end, and one only.

    >>> sentence("no retain set"), sentence("It stopped.")
    ('no retain set.', 'It stopped.')
    """
    return text if text.endswith((".", "!", "?")) else f"{text}."


def digits(number: float | None, places: int = 1) -> str:
    """A decimal with a true minus sign, and none before a zero."""
    if number is None:
        return "–"
    text = f"{number:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def operations(shown: str, cost: Mapping[str, Any], name: str) -> str:
    """A number of operations, or a share of one, as it is shown; 'not counted' where the work was timed and that is not known.

    >>> operations("–", {"seconds": 1.5, "flops": None}, "flops")
    'not counted'
    """
    return "not counted" if cost.get(name) is None and cost.get("seconds") is not None else shown


def count(number: float | None) -> str:
    """A count to the nearest whole one, its thousands apart."""
    return "–" if number is None else f"{number:,.0f}"


def significant(number: float | None) -> str:
    """A size in three significant digits."""
    return "–" if number is None else f"{number:.3g}".replace("-", "−")


def probability(p: float, name: str = "") -> str:
    """A p-value in three digits, and no more than its size where these are 0; with a name, after it."""
    sign = "<" if p < 0.001 else "=" if name else ""
    text = f"{name} {sign} {max(p, 0.001):.3f}".strip()
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def quantity(number: float | None, unit: str, gap: bool = False) -> str:
    """A score in its unit: fractions as percent, gaps of fractions in points, nats and probabilities with three digits."""
    if number is None:
        return "–"
    if unit == "fraction":
        return digits(100 * number) + ("" if gap else PERCENT)
    return digits(number, 3)


def share(number: float | None) -> str:
    """A share as percent with two or three digits."""
    if number is None:
        return "–"
    percent = 100 * number
    if 0 < percent < 0.05:
        return f"< 0.1{PERCENT}"
    return digits(percent, 0 if percent == 0 or percent >= 10 else 1) + PERCENT


def interval(score: Mapping[str, Any], unit: str, gap: bool = False) -> str:
    """The 95 % interval of a score, or nothing where there is none."""
    if score["low"] is None or score["high"] is None:
        return ""
    low, high = (quantity(score[end], unit, gap).removesuffix(PERCENT) for end in ("low", "high"))
    return f"{low} to {high}"


def points(score: Mapping[str, Any]) -> str:
    """A gap in percentage points with its interval."""
    value = f"{digits(100 * score['value'])} percentage points"
    return (
        f"{value} (95\N{NO-BREAK SPACE}% interval {interval(score, 'fraction', gap=True)})" if score["low"] is not None else value
    )


def is_control(row: Row) -> bool:
    """Return whether a method is there to compare others with."""
    return row["method"] in CONTROLS


def kind_of(row: Row) -> str:
    """The kind of a method, by the part of the network that it changes."""
    if is_control(row):
        return "control"
    if row.get("guard", {}).get("moved_share", 0.0) is None:
        return "made elsewhere"
    return "part of the network" if row["layers"] else "whole network"


def limits(row: Row) -> str:
    """Data that a method lacks, or sees though none in use may; empty for one that sees the retain set, and where it is not known.

    >>> limits({"sees": "retain-free"}), limits({"sees": "retain set"}), limits({"sees": "retrained models"})
    ('retain-free', '', 'sees retrained models')
    """
    sees = row.get("sees")
    return "" if sees in (None, "retain set") else f"sees {sees}" if sees == "retrained models" else str(sees)


def tag(number: int) -> str:
    """The mark that stands for a method where there is little room; a letter goes before the number, since this is not a rank.

    >>> tag(3)
    'M3'
    """
    return f"M{number}"


def moment(text: str) -> str:
    """A moment of the clock as people read it; another text as it is.

    >>> moment("2026-12-01T01:46:37Z"), moment("R00001")
    ('2026-12-01 01:46:37 UTC', 'R00001')
    """
    found = MOMENT.fullmatch(text)
    return f"{found[1]} {found[2]} UTC" if found else text


def file_name(path: str) -> str:
    """The last part of a path, with any slashes.

    >>> file_name("/data/patients.csv"), file_name("photos/"), file_name("nets:rows")
    ('patients.csv', 'photos', 'nets:rows')
    """
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path


def plural(count: int, noun: str) -> str:
    """The noun in the number that the count asks for."""
    return noun if count == 1 else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """A count and its noun."""
    return f"{count:,} {plural(count, noun)}"
