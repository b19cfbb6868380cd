"""Arithmetic and comparison of columns that give what Python gives, or refuse: nothing wraps round and no digit is lost."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Value = Any
"""An array (n,) or one number, text, date or truth value."""

EXACT = 2**53  # whole numbers beyond it have no floating-point number of their own
DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?)?)?")
WHOLE = "iu"


class NotExact(ArithmeticError):
    """A result that the numbers of this machine cannot hold."""


def reckon(op: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Arithmetic on numbers: whole ones exactly, within 64 bits; others as floating-point numbers.

    >>> reckon(operator.mul, np.array([200], dtype=np.uint8), 2).tolist()
    [400]
    >>> reckon(operator.mul, np.array([2**62]), 4)
    Traceback (most recent call last):
    ...
    untrain.data.requests._arithmetic.NotExact: it goes beyond whole numbers of 64 bits: compare without arithmetic, or use //

    Raises:
        NotExact: a whole number goes beyond 64 bits, or would lose digits beside a fraction.
        ArithmeticError: of a division by zero, or an overflow.
    """
    whole = [_is_whole(each) for each in (left, right)]
    if not all(whole):
        for each, is_whole in zip((left, right), whole, strict=True):
            if is_whole and _largest(each) > EXACT and op is not operator.truediv:
                raise NotExact("whole numbers above 2**53 lose digits beside fractions: use whole numbers and //")
        return op(_wide(left), _wide(right))
    if op is operator.truediv:
        return op(np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64))
    result = op(*_exact(left, right))
    return _narrow(result) if isinstance(result, np.ndarray) else result


def compare(op: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Compare numbers, texts, truth values or dates; whole numbers above 2**53 and fractions digit by digit."""
    kinds = {np.asarray(left).dtype.kind, np.asarray(right).dtype.kind}
    if "f" in kinds and kinds & set(WHOLE) and max(_largest(e) for e in (left, right) if _is_whole(e)) > EXACT:
        left, right = np.asarray(left).astype(object), np.asarray(right).astype(object)
    if kinds <= set(WHOLE) and len(kinds) == 2:
        left, right = _exact(left, right)
    result = op(left, right)
    return result.astype(bool) if isinstance(result, np.ndarray) else result


def as_date(text: str) -> np.datetime64:
    """A date or time as people write it, '2020-02-01' or '2020-02-01 12:30'.

    Raises:
        ValueError: the text is none.
    """
    if not DATE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a date such as '2020-02-01' or '2020-02-01 12:30'")
    return np.datetime64(text.strip())


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
    low, high = min(exact.flat), max(exact.flat)
    if low >= -(2**63) and high < 2**63:
        return exact.astype(np.int64)
    if low >= 0 and high < 2**64:
        return exact.astype(np.uint64)
    raise NotExact("it goes beyond whole numbers of 64 bits: compare without arithmetic, or use //")


def _wide(value: Value) -> Value:
    """Numbers with at least the digits of single precision."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float16 else value
