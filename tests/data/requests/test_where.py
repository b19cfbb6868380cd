"""What Where selects, and what it refuses to understand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import RequestError, SpecError
from untrain.core.spec import parse
from untrain.data.readers.convert import examples
from untrain.data.requests.base import Request
from untrain.data.requests.owner import Owner
from untrain.data.requests.verbs import covered
from untrain.data.requests.where import Where


def twelve():
    columns = {"place": np.array(["north", "south", "east"] * 4), "age": np.arange(12) * 5.0, "old": np.arange(12) > 6}
    made = examples(np.zeros((12, 1)), np.arange(12) % 4, columns=columns)
    return replace(made, true=torch.arange(12) % 4 // 2 * 2)


def python(rule):
    """Which rows Python itself would choose."""
    made = twelve()
    lists = {name: column.tolist() for name, column in made.columns.items()}
    lists |= {"label": made.y.tolist(), "id": made.ids.tolist(), "true": made.true.tolist()}
    return [row for row in range(12) if eval(rule, {}, {name: column[row] for name, column in lists.items()})]


@pytest.mark.parametrize(
    "rule",
    [
        "label == 3",
        "label == 3 and id < 6",
        "label != true",
        "not label == 3",
        "(label == 3) | (id < 2)",
        "(label == 3) & (id > 3)",
        "label in (1, 2)",
        "label not in [1, 2]",
        "id in (label, 7)",
        "2 < id <= 5",
        "place == 'north' or age >= 50",
        "place in ('north', 'east') and old",
        "(id * 2 + 1) % 3 == 0 and id - 1 >= label // 2",
        "age / 5 == id and -id < -3",
        "old == True",
        "not old and id > +2",
    ],
)
def test_it_chooses_as_python_would(rule):
    assert Where(rule).draw(twelve()).tolist() == python(rule)


@given(st.integers(0, 3), st.integers(0, 10))
def test_not_chooses_the_others(label, cut):
    rule = f"label <= {label} and id <= {cut}"
    chosen, others = Where(rule).draw(twelve()), Where(f"not ({rule}) or id == 99").draw(twelve())
    assert sorted([*chosen.tolist(), *others.tolist()]) == list(range(12))


def test_tilde_is_not():
    assert Where("~(label == 3)").draw(twelve()).tolist() == Where("label != 3").draw(twelve()).tolist()


def test_its_spelling_reads_back():
    made = Where("place == 'north' and id < 7")
    assert parse(repr(made)) == made


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("label = 3", "should be a condition such as"),
        ("", "should be a condition such as"),
        ("(" * 300, "should be a condition such as"),
        ("__import__('os').system('true')", r"is not understood"),
        ("label.real == 1", r"'label.real' is not understood"),
        ("[i for i in id]", r"is not understood"),
        ("id[0] == 1", r"'id\[0\]' is not understood"),
        ("9 ** 9 ** 9 > id", r"is not understood"),
        ("(lambda: 1)", r"is not understood"),
        ("label is None", r"is not understood"),
        ("id < 99999999999999999999", r"is not understood"),
        ("label == 1 if old else 2", r"is not understood"),
    ],
)
def test_code_is_refused_when_the_request_is_made(rule, told):
    with pytest.raises(SpecError, match=told) as caught:
        Where(rule)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("labl == 3", r"there is no column 'labl'; there are .*; did you mean 'label'\?"),
        ("label == 'cat'", r"'label' is numbers and \"'cat'\" is text"),
        ("place < 3", r"'place' is text and '3' is numbers"),
        ("place + 1 == 2", r"'place' is text: arithmetic needs numbers"),
        ("label + 3", r"gives numbers, not true or false"),
        ("label and old", r"'label' is numbers, where true or false is needed"),
        ("label == 3 & id > 5", r"bind tighter than ==: use and, or, or parentheses"),
        ("label in 3", r"'3' behind 'in' is not a list"),
        ("(1, 2) == label", r"may only stand behind 'in'"),
        ("id / 0 > 1", r"in 'id / 0 > 1': divide by zero"),
        ("1 / 0 > id", r"in '1 / 0 > id': "),
        ("label == 9", r"'label == 9' holds for none of the 12"),
    ],
)
def test_a_rule_that_cannot_hold_is_told_in_one_line(rule, told):
    with pytest.raises(RequestError, match=told) as caught:
        Where(rule).draw(twelve())
    assert "\n" not in str(caught.value)


def test_true_is_a_column_only_where_it_is_known():
    with pytest.raises(RequestError, match="'true' is not known"):
        Where("label != true").draw(replace(twelve(), true=None))


def test_a_rule_may_name_the_owner():
    owned = replace(twelve(), owner=np.array(["ann", "bob", "eve"] * 4))
    assert Where("owner == 'ann' and id > 3").draw(owned).tolist() == [6, 9]
    with pytest.raises(RequestError, match="no column 'owner'"):
        Where("owner == 'ann'").draw(twelve())


def test_targets_that_are_not_one_number_per_example_are_no_label():
    facts = parse("Facts(people=10)").load().train
    work = Where("kind == 'work'").draw(facts)
    assert len(work) == 10
    assert {facts.columns["kind"][row] for row in work} == {"work"}
    someone = facts.owner[0]
    assert Where(f"owner == {str(someone)!r}").draw(facts).tolist() == Owner(owners=(str(someone),)).draw(facts).tolist()
    with pytest.raises(RequestError, match="no column 'label'"):
        Where("label == 1").draw(facts)


def test_held_out_examples_are_covered_where_the_rule_is_about_what_they_have():
    held_out = replace(twelve(), owner=np.array(["ann", "bob", "eve"] * 4))
    assert np.flatnonzero(Where("place == 'south' and old").covers(held_out)).tolist() == [7, 10]
    for rule in ("height > 2", "id < 3", "old and id < 3", "owner == 'ann'"):
        assert Where(rule).covers(held_out) is None
    assert Where("label != true").covers(replace(held_out, true=None)) is None
    assert Owner(owners=("ann",)).covers(held_out) is None


def test_what_does_not_say_which_examples_are_covered_is_refused():
    class Numbered(Request):
        def draw(self, train):
            return np.arange(3)

        def covers(self, held_out):
            return np.arange(3)

    with pytest.raises(RequestError, match=r"covers\(\) of .* gave int64 of shape \(3,\): give bool of shape \(12,\), or None"):
        covered(Numbered(), twelve())
