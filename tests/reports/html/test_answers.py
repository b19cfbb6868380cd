"""Answers side by side, from planted tokens."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.reports.html.answers import LEFT_OUT, differing, said
from untrain.reports.html.page import page
from untrain.reports.shown import Shown

PIECES = ("[END]", " in", " May", " Rome", " <b>Oslo", " July")
NAME = "Answers(most=2)"
TRUE = [1, 2, 3, 0]


def answered(*told, loss=0.0):
    """Models that say some tokens where TRUE is the answer, to two questions."""
    rows = [[TRUE, [*one, *[-1] * (4 - len(one))], [loss, 4.0, loss, 0.0]] for one in told]
    return np.array([rows, rows], dtype=float)


@pytest.fixture
def texts(privacy):
    """The made-up run, with answers of all its models."""
    shown = [Shown("text", text=f"When and where was number {at} born? in May Rome") for at in range(12)]
    oracle = replace(privacy.oracle, observed={NAME: answered([1, 5, 4, 0], [4, 4, 4], loss=2.0)})
    original = replace(privacy.original, observed={NAME: answered(TRUE, TRUE)})
    unlearned = {name: replace(seen, observed={NAME: answered(TRUE, [1, 2, 4, 0])}) for name, seen in privacy.unlearned.items()}
    return replace(privacy, shown=shown, pieces=PIECES, oracle=oracle, original=original, unlearned=unlearned)


def of(material):
    return said(material, next(iter(material.unlearned.values())))


def test_answers_of_three_kinds_stand_beside_each_other(texts):
    found = of(texts)
    assert [bar.words for bar in found.bars] == [
        "100 % whole, 0 % in part, 0 % not", "0 % whole, 50 % in part, 50 % not", "50 % whole, 50 % in part, 0 % not"
    ]  # fmt: skip
    first, last = found.examples
    assert (first.prompt, first.id, last.id) == ("When and where was number 0 born?", "0", "11")
    assert [line.who for line in first.lines] == ["original", "retrained", "unlearned"]
    assert first.lines[1].said == ((" in", False), (" July <b>Oslo", True), ("[END]", False))
    assert last.lines[2].said == ((" in May", False), (" <b>Oslo", True), ("[END]", False))


def test_a_token_is_shaded_by_the_mean_loss(texts):
    heat = of(texts).examples[0].lines[1].heat
    assert heat == ((" in", 3, "2.00"), (" May", 4, "4.00"), (" Rome", 3, "2.00"), ("[END]", 0, "0.00"))


def test_nothing_is_shown_of_texts_that_are_left_out(texts):
    hidden = replace(texts, shown=None, pieces=None)
    assert of(hidden).examples == ()
    assert of(hidden).hidden == LEFT_OUT
    text = page([hidden], "x")
    assert LEFT_OUT in text
    assert not any(word in text for word in ("Oslo", "Rome", "number 0"))
    assert said(replace(texts, pieces=PIECES), replace(texts.oracle, observed={})) is None


def test_texts_cannot_break_out_of_the_page(texts):
    text = page([texts], "x")
    assert "<mark> July &lt;b&gt;Oslo</mark>" in text
    assert "<b>Oslo" not in text


def test_what_is_only_said_is_marked():
    assert differing([2, 1, 2, 3], [1, 2, 3], PIECES) == ((" May", True), (" in May Rome", False))
    assert differing([], [1], PIECES) == ()
    assert differing([99], [1], PIECES) == ((" 99", True),)
