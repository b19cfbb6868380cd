"""Conditions over columns: read as a syntax tree of few kinds, never evaluated as code."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from untrain.core.errors import RequestError, suggest
from untrain.core.metering import add_note
from untrain.data.id_index import IdIndex, difference
from untrain.data.readers.plain_columns import empty_cells
from untrain.data.requests._arithmetic import as_date, compare, reckon

Column = Any
"""An array (n,) or one number, text or truth value."""

COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
REASON = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
JOIN = {ast.And: np.logical_and, ast.Or: np.logical_or, ast.BitAnd: np.logical_and, ast.BitOr: np.logical_or}
KINDS = {"b": "true or false", "i": "numbers", "u": "numbers", "f": "numbers", "U": "text", "M": "dates"}
DEEPEST = 100
GRAMMAR = "columns, literals, comparisons, and, or, not, in and + - * / // % are understood"
LEAVES = (ast.Name, ast.BoolOp, ast.Compare, ast.Tuple, ast.List, ast.Set)
PARTS = (ast.expr_context, ast.boolop, ast.cmpop, ast.operator, ast.unaryop, ast.Expression)


def check_rule(rule: str) -> str:
    """Return the rule if all its parts are understood.

    Raises:
        ValueError: it does not parse, or holds a call, an attribute or another foreign part.
    """
    try:
        tree = _parsed(rule)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"should be a condition such as 'label == 3 and id < 100'{_cause(error, rule)}") from None
    if _depth(tree) > DEEPEST:
        raise ValueError(f"should nest at most {DEEPEST} deep: join its parts side by side, or give a list of ids")
    for node in ast.walk(tree):
        if not _is_allowed(node):
            part = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise ValueError(f"{part!r} is not understood; {GRAMMAR}")
    return rule


def _cause(error: Exception, rule: str) -> str:
    """The parser's complaint, and what would do, in words of columns; empty where it says no more than that it is wrong."""
    said = error.msg if isinstance(error, SyntaxError) else ""
    if said.startswith("leading zeros"):
        return "; numbers have no leading zeros: write 7, or '007' in quotes where the column holds text"
    if said and re.search("(?<![=!<>])=(?!=)", rule):
        return "; to compare, write == instead of ="
    return "" if said in ("", "invalid syntax") else f"; {said[0].lower()}{said[1:]}"


def _parsed(rule: str) -> ast.Expression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the parser, about what is refused later or means the same
        return ast.parse(rule.strip(), mode="eval")


def _depth(tree: ast.AST) -> int:
    """The depth of a tree, without a call per level."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    return depth


def _is_allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, bool | int | float | str) and not (type(value) is int and abs(value) >= 2**64)
        case ast.BinOp(op=op):
            return type(op) in REASON or type(op) in JOIN
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.Not | ast.Invert | ast.USub | ast.UAdd)
        case ast.Compare(ops=ops):
            return all(type(op) in COMPARE or isinstance(op, ast.In | ast.NotIn) for op in ops)
    return isinstance(node, LEAVES + PARTS)


def names_in(rule: str) -> set[str]:
    """Columns that a rule names.

    >>> sorted(names_in("label == 3 and 20 < age"))
    ['age', 'label']
    """
    return {node.id for node in ast.walk(_parsed(rule)) if isinstance(node, ast.Name)}


def holds(rule: str, columns: Mapping[str, np.ndarray[Any, Any]]) -> Column:
    """Evaluate the rule on columns: bool (n,), or one bool.

    Raises:
        RequestError: a column is unknown, parts cannot be compared, or the rule is not a condition.
    """
    try:
        with np.errstate(divide="raise", over="raise", invalid="ignore"):
            truth = _value(_parsed(check_rule(rule)).body, columns)
    except (ArithmeticError, RecursionError) as error:
        raise RequestError(f"in {rule!r}: {str(error) or type(error).__name__}") from None
    if _kind(truth) != KINDS["b"]:
        raise RequestError(f"{rule!r} gives {_kind(truth)}, not true or false: compare it with something")
    return truth


def _value(node: ast.expr, columns: Mapping[str, np.ndarray[Any, Any]]) -> Column:
    def value(part: ast.expr) -> Column:
        return _value(part, columns)

    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name):
            return _column(name, columns)
        case ast.BoolOp(op=op, values=parts):
            return reduce(JOIN[type(op)], [_truth(value(p), p) for p in parts])
        case ast.BinOp(left=left, op=op, right=right) if type(op) in JOIN:
            return JOIN[type(op)](_truth(value(left), left), _truth(value(right), right))
        case ast.BinOp(left=left, op=op, right=right):
            return reckon(REASON[type(op)], _number(value(left), left), _number(value(right), right))
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=part):
            return np.logical_not(_truth(value(part), part))
        case ast.UnaryOp(op=op, operand=part):
            number = _number(value(part), part)
            if not isinstance(op, ast.USub):
                return number
            return -number if np.asarray(number).dtype.kind == "f" else reckon(operator.sub, 0, number)
        case ast.Compare(left=first, ops=ops, comparators=others):
            pairs = zip([first, *others], ops, others, strict=False)
            return reduce(np.logical_and, [_compare(a, op, b, columns) for a, op, b in pairs])
    raise RequestError(f"{ast.unparse(node)!r} may only stand behind 'in'")


def _compare(a: ast.expr, op: ast.cmpop, b: ast.expr, columns: Mapping[str, np.ndarray[Any, Any]]) -> Column:
    left = _value(a, columns)
    if not isinstance(op, ast.In | ast.NotIn):
        return _compared(COMPARE[type(op)], left, a, _value(b, columns), b)
    if not isinstance(b, ast.Tuple | ast.List | ast.Set) or not b.elts:
        raise RequestError(f"{ast.unparse(b)!r} behind 'in' is not a list: write it as (1, 2)")
    matches = reduce(np.logical_or, [_compared(operator.eq, left, a, _value(each, columns), each) for each in b.elts])
    return np.logical_not(matches) if isinstance(op, ast.NotIn) else matches


def _compared(op: Callable[[Any, Any], Any], left: Column, a: ast.expr, right: Column, b: ast.expr) -> Column:
    if isinstance(right, str) and op not in (operator.lt, operator.ge):
        _check_period(left, a, right)
    if isinstance(left, str) and op not in (operator.gt, operator.le):
        _check_period(right, b, left)
    left, right = _dated(left, right), _dated(right, left)
    if _kind(left) != _kind(right):
        raise RequestError(f"{ast.unparse(a)!r} is {_kind(left)} and {ast.unparse(b)!r} is {_kind(right)}: they cannot be compared")
    if op in (operator.eq, operator.ne):
        _check_written(left, a, right)
        _check_written(right, b, left)
    return compare(op, left, right)


def _dated(value: Column, other: Column) -> Column:
    """A text as a date where it stands beside one."""
    try:
        return as_date(value) if isinstance(value, str) and _kind(other) == KINDS["M"] else value
    except ValueError as error:
        raise RequestError(str(error)) from None


def _check_period(column: Column, node: ast.expr, word: str) -> None:
    """Refuse a month or a day that may be its first moment or all of it, where cells lie between.

    Raises:
        RequestError: some do.
    """
    start = _dated(word, column)
    if isinstance(start, str) or not isinstance(column, np.ndarray):
        return
    end = start + 1
    within = compare(operator.gt, column, start) & compare(operator.lt, column, end)
    if within.any():
        where, moment = ast.unparse(node), start.astype(column.dtype)
        raise RequestError(
            f"{word!r} may be its first moment or all of it, and {int(within.sum())} cells of {where} lie between: write "
            f"{str(moment)!r} for the first, or compare with >= {word!r} and < {str(end)!r} for all of it"
        )


def _check_written(column: Column, node: ast.expr, word: Column) -> None:
    """Refuse a text that no cell of a column is, and that looks like one which is written in another way.

    Raises:
        RequestError: it is so.
    """
    if not isinstance(word, str) or not isinstance(column, np.ndarray) or bool((column == word).any()):
        return
    where = ast.unparse(node)
    alike = IdIndex(np.unique(column)).alike(word)
    if alike:
        pairs = difference(word, str(alike[0]))
        raise RequestError(f"no {where} is {word!r}, and {alike[0]!r} looks alike and is written differently: {pairs}")
    add_note(f"no {where} is {word!r}")


def _column(name: str, columns: Mapping[str, np.ndarray[Any, Any]]) -> Column:
    if name in columns:
        empty = empty_cells(columns[name])
        if empty and columns[name].dtype == object:
            raise RequestError(f"the column {name!r} has {empty} empty cells among {len(columns[name])}: fill them to compare it")
        if empty:
            add_note(
                f"{empty} of {len(columns[name])} cells of {name!r} are empty: comparisons are false of them, but != and what "
                "'not' or 'not in' turns round are true"
            )
        return columns[name]
    if name == "true":
        raise RequestError("the column 'true' is not known for these data: no noise was planted")
    raise RequestError(f"there is no column {name!r}; there are {sorted(columns)}{suggest(name, columns)}")


def _kind(value: Column) -> str:
    return KINDS.get(np.asarray(value).dtype.kind, "values of another kind")


def _truth(value: Column, node: ast.expr) -> Column:
    if _kind(value) != KINDS["b"]:
        raise RequestError(
            f"{ast.unparse(node)!r} is {_kind(value)}, where true or false is needed; & and | bind tighter than ==: "
            "use and, or, or parentheses"
        )
    return value


def _number(value: Column, node: ast.expr) -> Column:
    if _kind(value) != KINDS["i"]:
        raise RequestError(f"{ast.unparse(node)!r} is {_kind(value)}: arithmetic needs numbers")
    return value
