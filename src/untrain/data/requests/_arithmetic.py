"""Arithmetic and comparison of columns that give what Python gives, or refuse: nothing wraps round and no digit is lost."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from untrain.data.readers.plain_columns import whole_numbers

Value = Any
"""An array (n,) or one number, text, date or truth value."""

EXACT = 2**53  # whole numbers beyond it have no floating-point number of their own
DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?)?)?")
WHOLE = "iu"
DIVISIONS = (operator.truediv, operator.floordiv, operator.mod)
ATTOSECONDS = {
    "W": 604_800 * 10**18, "D": 86_400 * 10**18, "h": 3600 * 10**18, "m": 60 * 10**18, "s": 10**18,
    "ms": 10**15, "us": 10**12, "ns": 10**9, "ps": 10**6, "fs": 10**3, "as": 1,
}  # fmt: skip


class NotExact(ArithmeticError):
    """A result that the numbers of this machine cannot hold."""


def reckon(op: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Arithmetic on numbers: whole ones exactly, within 64 bits; others as floating-point numbers of 64 bits.

    >>> reckon(operator.mul, np.array([200], dtype=np.uint8), 2).tolist()
    [400]
    >>> reckon(operator.mul, np.array([2**62]), 4)
    Traceback (most recent call last):
    ...
    untrain.data.requests._arithmetic.NotExact: it goes beyond whole numbers of 64 bits: compare without arithmetic, or use //

    Raises:
        NotExact: a whole number goes beyond 64 bits, or would lose digits beside a fraction.
        ArithmeticError: of a division by zero, an overflow, or a result that is not a number, as of infinity less infinity.
    """
    if op in DIVISIONS and bool(np.any(np.asarray(right) == 0)):
        raise ZeroDivisionError("divide by zero")
    whole = [_is_whole(each) for each in (left, right)]
    if not all(whole):
        for each, is_whole in zip((left, right), whole, strict=True):
            if is_whole and _largest(each) > EXACT and op is not operator.truediv:
                raise NotExact("whole numbers above 2**53 lose digits beside fractions: use whole numbers and //")
        return _number(op(_wide(left), _wide(right)), left, right)
    if op is operator.truediv:
        return _quotient(left, right)
    result = op(*_exact(left, right))
    return _narrow(result) if isinstance(result, np.ndarray) else result


def _quotient(left: Value, right: Value) -> Value:
    """The nearest number of 64 bits to each quotient of whole numbers, which Python finds where a part has no number of its own."""
    if max(_largest(left), _largest(right)) <= EXACT:
        return np.asarray(left, dtype=np.float64) / np.asarray(right, dtype=np.float64)
    return np.asarray(np.asarray(left, dtype=object) / np.asarray(right, dtype=object), dtype=np.float64)


def compare(op: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Compare numbers, texts, truth values or dates; whole numbers and fractions digit by digit, dates whatever their units.

    A fraction such as 0.1 stands for the nearest number of a column of fewer bits.

    >>> compare(operator.eq, np.array([16777216, 0.1], dtype=np.float32), 16777217).tolist()
    [False, False]
    >>> compare(operator.lt, np.array(["2020-01-31"], dtype="datetime64[ns]"), np.datetime64("9999-12-31")).tolist()
    [True]
    """
    kinds = {np.asarray(left).dtype.kind, np.asarray(right).dtype.kind}
    if kinds == {"M"}:
        return _compare_dates(op, np.asarray(left), np.asarray(right))
    if "f" in kinds and not (_is_fraction_of(left, right) or _is_fraction_of(right, left)):
        left, right = _wide(left), _wide(right)
    if "f" in kinds and kinds & set(WHOLE) and max(_largest(e) for e in (left, right) if _is_whole(e)) > EXACT:
        left, right = np.asarray(left).astype(object), np.asarray(right).astype(object)
    if kinds <= set(WHOLE) and len(kinds) == 2:
        left, right = _exact(left, right)
    result = op(left, right)
    return result.astype(bool) if isinstance(result, np.ndarray) else result


def as_date(text: str) -> np.datetime64:
    """A date or time as people write it, '2020-02-01' or '2020-02-01 12:30'.

    Raises:
        ValueError: the text is none, or has more digits behind its seconds than a date so far away can hold.
    """
    if not DATE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a date such as '2020-02-01' or '2020-02-01 12:30'")
    date, second = np.datetime64(text.strip()), np.datetime64(text.strip().partition(".")[0])
    if date.astype("datetime64[s]") != second.astype("datetime64[s]"):
        raise ValueError(f"{text!r} has too many digits behind its seconds for a year so far away: leave some out")
    return date


def _compare_dates(op: Callable[[Any, Any], Any], left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> Value:
    """Compare dates in the finer unit of the two, or as Python's whole numbers where 64 bits of it cannot hold both."""
    unit, many = np.datetime_data(np.result_type(left, right))
    limit = 2**63 * many * ATTOSECONDS[unit] if unit in ATTOSECONDS else None
    if limit is None or all(_largest(_counts(each)) * _attoseconds(each) < limit for each in (left, right)):
        return np.asarray(op(left, right)).astype(bool)
    truth = op(*(_counts(each).astype(object) * _attoseconds(each) for each in (left, right)))
    return np.where(np.isnat(left) | np.isnat(right), op is operator.ne, np.asarray(truth).astype(bool))


def _days(dates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Dates of years or months, which are of no one length, as days."""
    return dates if np.datetime_data(dates.dtype)[0] in ATTOSECONDS else dates.astype("datetime64[D]")


def _counts(dates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The number of units from 1970 to each date, 0 for those without a time."""
    return np.where(np.isnat(dates), 0, _days(dates).astype(np.int64))


def _attoseconds(dates: np.ndarray[Any, Any]) -> int:
    unit, many = np.datetime_data(_days(dates).dtype)
    return many * ATTOSECONDS[unit]


def _is_fraction_of(value: Value, column: Value) -> bool:
    """Return whether a written fraction stands for the nearest number of a column, not for a number that the column cannot hold."""
    if type(value) is not float or value.is_integer() or not isinstance(column, np.ndarray) or column.dtype.kind != "f":
        return False
    limits = np.finfo(column.dtype)
    return bool(limits.tiny <= abs(value) < 2 ** (limits.nmant + 1))


def _number(result: Value, left: Value, right: Value) -> Value:
    """The result, if it is a number wherever both parts are."""
    if bool(np.any(np.isnan(result) & ~np.isnan(left) & ~np.isnan(right))):
        raise NotExact("a part of it is not a number, as of infinity less infinity: leave infinite cells out")
    return result


def _is_whole(value: Value) -> bool:
    return np.asarray(value).dtype.kind in WHOLE or (isinstance(value, int) and not isinstance(value, bool))


def _largest(value: Value) -> int:
    if isinstance(value, int):
        return abs(value)
    array = np.asarray(value)
    return max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0


def _exact(left: Value, right: Value) -> tuple[Value, Value]:
    """Whole numbers as int64 where any result fits, else as Python's own, which have no end."""
    kind = np.int64 if max(_largest(left), _largest(right)) < 2**31 else object
    if isinstance(left, int) and isinstance(right, int):
        return left, right
    return np.asarray(left).astype(kind), np.asarray(right).astype(kind)


def _narrow(exact: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if exact.dtype != object or not exact.size:
        return exact.astype(np.int64)
    narrow = whole_numbers(exact)
    if narrow.dtype != object:
        return narrow
    raise NotExact("it goes beyond whole numbers of 64 bits: compare without arithmetic, or use //")


def _wide(value: Value) -> Value:
    """Floating-point columns with 64 bits, beside which a whole number keeps its digits."""
    narrow = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.dtype.itemsize < 8
    return value.astype(np.float64) if narrow else value
