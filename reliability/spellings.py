"""Fuzzed spellings and conditions."""

from __future__ import annotations

import ast
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from attack import SILENT, Attack, Outcome, Refused, asked, quietly
from mutate import WORDS, written


@cache
def spellings() -> list[str]:
    """Spellings of all that untrain lists, and some that are put together."""
    import untrain as ut
    from untrain.core import discovery

    names = [place.name for role in ("unlearner", "localizer", "recipe", "evaluator", "observer", "request") for place in
             discovery.of_role(role)]  # fmt: skip
    found = [
        "Digits(request=Random(fraction=0.1, classes=(2, 5)))", "CIFAR10(model=ResNet(width=16), request=IdFile(path='ids.csv'))",
        "ResetFinetune(steps=Steps(lr=0.015)) @ WeightedGrad(per='channel', keep=0.3)", "Processes(4)", "Where(rule='id < 3')",
        "Digits(model=MLP(width=4), steps=Steps(lr=0.1, epochs=1, batch=256, optimizer=SGD(momentum=0.9)))",
    ]  # fmt: skip
    for name in names:
        spec = asked(lambda name=name: ut.parse(name))
        found.append(name if isinstance(spec, Refused) else repr(spec))
    return found


def prepare(folder: Path) -> None:
    """Import all that is listed, before processes are forked: none of them has to, within the time of a try."""
    spellings()


def spelling(folder: Path, number: int) -> Outcome | None:
    """A spelling is refused, or means what its own spelling means."""
    import untrain as ut

    draw = random.Random(number)
    samples = spellings()
    words = (*WORDS, *samples, " @ ", "keep=", "steps=Steps(", "lr=", "DEL", "Finetune", "Nothing")
    text = written(draw, draw.choice(samples), words)
    spec = quietly(lambda: ut.parse(text))
    if isinstance(spec, Refused):
        return None
    again = asked(lambda: ut.parse(repr(spec)))
    if isinstance(again, Refused) or again != spec:
        return Outcome(SILENT, f"{ascii(text)[:120]} was read as {ascii(repr(spec))[:80]}, which is not read back", "spelling")
    return None


@cache
def table() -> tuple[Any, dict[str, list[Any]]]:
    """Examples with columns of all types, and the same values as Python's own, which are exact."""
    import untrain as ut

    n = 12
    columns: dict[str, np.ndarray[Any, Any]] = {
        "ns": np.arange(n) * 400_000_000_000_000_000 + 1_700_000_000_000_000_000, "small": np.arange(n, dtype=np.uint8) * 23,
        "low": np.arange(n, dtype=np.int8) * 20 - 120, "share": np.linspace(-1.0, 1.0, n), "town": np.array(["Rom", "Bonn",
        "Ur"] * 4),
        "flag": np.arange(n) % 3 == 0, "half": np.linspace(0, 1, n).astype(np.float32),
    }  # fmt: skip
    examples = ut.examples(np.zeros((n, 2), np.float32), np.arange(n) % 4, np.arange(n) * 7 + 1, columns=columns)
    exact = {name: column.tolist() for name, column in columns.items()}
    return examples, exact | {"id": (np.arange(n) * 7 + 1).tolist(), "label": (np.arange(n) % 4).tolist()}


NUMBERS = (
    "id",
    "label",
    "ns",
    "small",
    "low",
    "share",
    "half",
    "1",
    "3",
    "10",
    "0.5",
    "-2",
    "255",
    "1e10",
    "4000000000000000000",
    "0",
)


def number_of(draw: random.Random, depth: int = 2) -> str:
    """An arithmetic expression."""
    if depth == 0 or draw.random() < 0.5:
        return draw.choice(NUMBERS)
    sign = draw.choice(("+", "-", "*", "/", "//", "%"))
    return f"({number_of(draw, depth - 1)} {sign} {number_of(draw, depth - 1)})"


def rule_of(draw: random.Random, depth: int = 2) -> str:
    """A condition."""
    if depth and draw.random() < 0.5:
        joined = draw.choice((" and ", " or ", " & ", " | "))
        return f"({rule_of(draw, depth - 1)}){joined}({rule_of(draw, depth - 1)})"
    match draw.randrange(5):
        case 0:
            return "town " + draw.choice(("== 'Rom'", "!= 'Rom'", "< 'Rom'", "in ('Ur', 'Bonn')", "not in ('Ur',)", "in 'Rom'"))
        case 1:
            return draw.choice(("flag", "not flag", "~flag", "flag == True"))
        case 2:
            return f"{number_of(draw)} {draw.choice(('in', 'not in'))} (1, 3, {draw.choice(NUMBERS)})"
    return f"{number_of(draw)} {draw.choice(('==', '!=', '<', '<=', '>', '>='))} {number_of(draw)}"


class _Plain(ast.NodeTransformer):
    """Signs that stand for words in a condition as these words, so that Python's own evaluation means the same."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        joins = {ast.BitAnd: ast.And, ast.BitOr: ast.Or}
        return ast.BoolOp(joins[type(node.op)](), [node.left, node.right]) if type(node.op) in joins else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.UnaryOp(ast.Not(), node.operand) if isinstance(node.op, ast.Invert) else node


def exactly(rule: str, exact: dict[str, list[Any]]) -> list[int] | str | None:
    """Rows by Python's own arithmetic, which does not overflow; in words why there are none; None where it cannot say."""
    try:
        tree = ast.fix_missing_locations(_Plain().visit(ast.parse(rule.strip(), mode="eval")))
        code = compile(tree, "rule", "eval")
        rows = len(exact["id"])
        return [i for i in range(rows) if eval(code, {"__builtins__": {}}, {name: values[i] for name, values in exact.items()})]
    except ZeroDivisionError:
        return "a division by zero"
    except Exception:
        return None


def condition(folder: Path, number: int) -> Outcome | None:
    """A condition is refused, or chooses the rows that exact arithmetic chooses."""
    import untrain as ut

    draw, (examples, exact) = random.Random(number), table()
    rule = rule_of(draw)
    if number % 2:
        rule = written(draw, rule, (*WORDS, *NUMBERS, " == ", " < ", " town ", " flag ", "'Rom'"))
    rows = quietly(lambda: ut.Where(rule=rule).draw(examples).tolist())
    if isinstance(rows, Refused):
        if "holds for none" not in rows.words:
            return None
        rows = []
    right = exactly(rule, exact)
    # Numbers of half are rounded as its type asks: what Python makes of them in more digits is another question.
    if right is not None and right != rows and "half" not in rule:
        return Outcome(SILENT, f"{ascii(rule)[:140]} chose rows {rows}, exactly {right}"[:240], "condition")
    return None


ATTACKS = (
    Attack("spec", "fuzzed spellings", spelling, 30_000, 600, prepare, seconds=6),
    Attack("where", "fuzzed conditions, against exact arithmetic", condition, 16_000, 300, seconds=6),
)
