"""Objects as notebooks show them: whole, escaped, small, and without ids."""

import torch

import untrain as ut
from untrain.core.notebook import MOST, html_table
from untrain.training.toy import small


def test_long_tables_are_cut_and_everything_is_escaped():
    shown = html_table("<i>", ("a&b",), [(f"<{at}>",) for at in range(MOST + 5)], ["\x1b[31m<u>"])
    assert shown.count("<tr>") == MOST + 1
    assert "and 5 more rows" in shown
    for mark in ("<i>", "a&b", "<3>", "\x1b", "<u>", "<script", "http"):
        assert mark not in shown


def test_masks_requests_problems_and_outcomes_have_tables():
    mask = ut.Mask({"w<": torch.tensor([True, False, False, True])}, "digest")
    assert "2 of 4 weights may move (50.0 %)" in mask._repr_html_()
    assert "w&lt;" in mask._repr_html_()
    chosen = ut.ForgetSet((1, 5), ("secret-1", "secret-5"), "d")
    assert "secret" not in chosen._repr_html_()
    model, problem = small()
    assert "12 examples" in problem._repr_html_()
    assert "A model that forgot" in ut.Finetune().run(model, problem)._repr_html_()
