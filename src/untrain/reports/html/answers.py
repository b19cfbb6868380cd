"""Answers of models side by side: what is said, how it differs from the true answer, and where that surprises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.evaluation.observers.answers import LOSS, SAID, TRUE, Answers
from untrain.evaluation.observers.base import spread
from untrain.maths.rouge import rouge_recall
from untrain.reports.html.example_tiles import snippet
from untrain.reports.material import Material

Array = np.ndarray[Any, Any]
SHADES = (0.1, 0.5, 1.5, 3.0, 6.0)  # nats, from which a token is shaded darker
HALF = 0.5  # of the true tokens, in their order, from which an answer counts as one in part
LEFT_OUT = "The texts are not shown: they were left out on request, or the texts of tokens are not known."


@dataclass(frozen=True)
class AnswerLine:
    """One kind of models on one question.

    Args:
        who: which models.
        said: pieces of the first model's reply, and whether each is not in the true one.
        heat: pieces of the true answer, the shade of each, 0 to 5, and its loss in nats.
    """

    who: str
    said: tuple[tuple[str, bool], ...]
    heat: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True)
class Asked:
    """A question and what models make of it."""

    id: str
    prompt: str
    lines: tuple[AnswerLine, ...]


@dataclass(frozen=True)
class Bar:
    """Counts of answers, for one kind of models, that are whole, in part and not at all true, for a bar and in words."""

    who: str
    shares: tuple[tuple[str, int], ...]
    words: str


@dataclass(frozen=True)
class Said:
    """All of a method's answers: a bar for each kind of models, and the questions; these are empty where texts are left out."""

    bars: tuple[Bar, ...]
    examples: tuple[Asked, ...]
    hidden: str = ""


def said(material: Material, outputs: Observation) -> Said | None:
    """Answers of the original, of retrained and of a method's models; None where nobody asked for them."""
    spelling = next((name for name in outputs.observed if name.partition("(")[0] == Answers.__name__), None)
    if spelling is None:
        return None
    kinds = {"original": material.original, "retrained": material.oracle, "unlearned": outputs}
    tables = {who: seen.observed[spelling] for who, seen in kinds.items() if seen is not None and spelling in seen.observed}
    tables = {who: table for who, table in tables.items() if not np.isnan(table).any()}
    bars = tuple(_bar(who, table) for who, table in tables.items())
    if material.pieces is None or material.shown is None:
        return Said(bars, (), LEFT_OUT)
    forget = np.flatnonzero(np.asarray(outputs.side) == "forget")
    rows = spread(len(forget), next(iter(tables.values())).shape[1]) if tables else ()
    return Said(bars, tuple(_asked(at, int(row), material, forget, tables) for at, row in enumerate(rows)))


def _asked(at: int, row: int, material: Material, forget: Array, tables: dict[str, Array]) -> Asked:
    pieces, whole = material.pieces or (), material.shown[row].text if material.shown else ""
    lines = tuple(_line(who, table[:, at], pieces) for who, table in tables.items())
    told = [text for text, _, _ in lines[0].heat] if lines else []
    ends = ("".join(told).strip(), "".join(told[:-1]).strip())  # the last token may end an answer without being one of its words
    prompt = next((whole.removesuffix(end) for end in ends if end and whole.endswith(end)), whole)
    return Asked(str(np.asarray(material.oracle.ids)[forget[row]]), snippet(prompt.strip() or whole), lines)


def _line(who: str, table: Array, pieces: Sequence[str]) -> AnswerLine:
    """Of tables of models, (m, 3, t): what the first says, and the mean losses of all."""
    true, first = (_tokens(table[0, at]) for at in (TRUE, SAID))
    losses = table[:, LOSS].mean(0)[: len(true)]
    heat = tuple((_text(token, pieces), int(np.searchsorted(SHADES, loss, side="right")), f"{loss:.2f}")
                 for token, loss in zip(true, losses.tolist(), strict=True))  # fmt: skip
    return AnswerLine(who, differing(first, true, pieces), heat)


def differing(given: Sequence[int], true: Sequence[int], pieces: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Stretches of an answer, and whether each is not in the true one.

    >>> differing([0, 1, 3], [0, 1, 2], ["in", " May", " Rome", " Oslo"])
    (('in May', False), (' Oslo', True))

    Args:
        given: tokens of a reply.
        true: tokens of the true one.
        pieces: the text of each token.
    """
    stretches = []
    for kind, start, stop, _, _ in SequenceMatcher(None, list(given), list(true), autojunk=False).get_opcodes():
        if stop > start:
            stretches.append(("".join(_text(token, pieces) for token in given[start:stop]), kind != "equal"))
    return tuple(stretches)


def _bar(who: str, table: Array) -> Bar:
    """Over all models and questions: whole, at least half of the tokens in their order, and less than that."""
    recalls = np.array([rouge_recall(_tokens(one[SAID]), _tokens(one[TRUE])) for model in table for one in model])
    exact = (table[:, :, TRUE] == table[:, :, SAID]).all(-1).ravel()
    whole, some = float(exact.mean()), float((~exact & (recalls >= HALF)).mean())
    words = f"{100 * whole:.0f} % whole, {100 * some:.0f} % in part, {100 * (1 - whole - some):.0f} % not"
    return Bar(who, (("whole", _width(whole)), ("some", _width(some))), words)


def _width(share: float) -> int:
    """A share in steps of five per cent, for which the page has a width each."""
    return 5 * round(20 * share)


def _tokens(row: Array) -> list[int]:
    return [int(token) for token in row if token >= 0]


def _text(token: int, pieces: Sequence[str]) -> str:
    return pieces[token] if token < len(pieces) else f" {token}"
