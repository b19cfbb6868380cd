"""Tables fit every width: numbers stay whole, words too, and every cell is there."""

import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from untrain.reports.fitting_table import FittingTable, wrapped

SCORE = "-18.7 [-100.0, +100.0]"
METHODS = ("Nothing()", "NegGrad(alpha=0.9, steps=Steps(lr=0.05, epochs='30%', batch=64)) @ WeightedGrad(keep=0.3)", "数据遗忘()")


def table(scores=6):
    made = FittingTable(
        "Digits(request=Random(fraction=0.05)): 2 seeds", ("method", "verdict", *["retain accuracy"] * scores, "cost"),
        frozenset({"method", "verdict"}),
    )  # fmt: skip
    for method in METHODS:
        made.add(method, "too few, equal 10/12, 3 ex.", *[SCORE] * scores, "158 %")
    made.add("mine.Broken()", "failed: 2 of 2 seeds failed: ValueError: no")
    made.add_section()
    made.add("oracles (ideal)", "", *["+0.0"] * scores, "100 %", dim=True)
    return made


def shown(made, width):
    console = Console(width=width, file=None, no_color=True)
    with console.capture() as capture:
        console.print(made)
    return capture.get()


@pytest.mark.parametrize("width", [*range(22, 130, 3), 160, 400])
def test_no_line_is_wider_no_number_is_cut_and_no_word_broken(width):
    text = shown(table(), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    parts = re.split(r"[\s│┃]+", text)
    assert parts.count("[-100.0,") == parts.count("+100.0]") == 18
    for word in ("verdict", "accuracy", "Broken()", "WeightedGrad(", "ValueError:", "数据遗忘()"):
        assert any(word in part for part in parts), word
    if width >= 40:
        assert text.count(SCORE) == 18


def test_what_fits_is_one_table_and_what_does_not_repeats_its_methods():
    assert shown(table(), 400).count("┏") == 1
    assert shown(table(), 120).count("oracles (ideal)") > 1
    assert "┏" not in shown(table(), 40)


def test_text_has_the_room_that_numbers_leave():
    lines = shown(table(2), 160).splitlines()
    assert sum("NegGrad" in line or "WeightedGrad" in line for line in lines) <= 3


@pytest.mark.parametrize("width", [1, 8, 13, 40])
@pytest.mark.parametrize("text", ["", " ", "a" * 30, "a(b=1,c='2')", "[x] /y\n z", "数" * 9, "-1.25e-07"])
def test_wrapped_text_has_all_its_letters(text, width):
    lines = wrapped(text, max(2, width))
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert max(map(cell_len, lines)) <= max(2, width)


def test_a_number_keeps_its_percent_sign():
    assert wrapped("it is 97 % below", 9) == ["it is", "97 %", "below"]


@pytest.mark.parametrize(("width", "tables"), [(120, 1), (80, 1), (70, 2)])
def test_text_is_slim_where_one_table_is_then_enough(width, tables):
    made = FittingTable(
        "Digits()", ("method", "verdict", "forget gap", "mia loss auc", "retain accuracy", "test accuracy", "cost"),
        frozenset({"method", "verdict"}),
    )  # fmt: skip
    made.add("ResetFinetune @ RandomMask", "remembers", "-2.8", "0.512", "100.0", "99.4", "101 %")
    assert made.count(width) == tables
    text = shown(made, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert {"ResetFinetune", "@", "RandomMask", "101"} <= set(re.split(r"[\s│┃]+", text))
    made.add("AMethodWithAVeryLongName", "remembers", "-2.8", "0.512", "100.0", "99.4", "101 %")
    assert "AMethodWithAVeryLongName" in shown(made, width)
