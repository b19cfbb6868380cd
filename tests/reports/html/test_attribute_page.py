"""The page on what made some outputs so."""

import copy
import json
import re

import numpy as np
import pytest
from tests.reports.html.test_localize_page import Reader

from untrain.reports.attribution_wording import doubts, signed, trust
from untrain.reports.html.attribute_page import attribution_page
from untrain.reports.shown import of_inputs

SCORE = {"value": 0.3, "low": 0.2, "high": 0.4, "targets": 5, "still": 0, "models": 20}


OWN = {"value": 0.8, "low": 0.6, "high": 1.0, "explained": 0.4, "models": 20}


def example(row, value=None, part="train", **more):
    entry = {"set": part, "row": row, "id": f"n{row}", "label": "cat", "true": None, "forget": False}
    return entry | ({} if value is None else {"value": value, "itself": False}) | more


@pytest.fixture
def document():
    asked = example(0, part="test", true="dog") | {
        "margin": -1.5, "predicted": "owl", "chance": {"low": -0.2, "high": 0.2},
        "raise": [example(1, 0.9, forget=True), example(2, 0.1)], "lower": [],
    }  # fmt: skip
    own = example(3) | {
        "margin": 2.0, "predicted": "cat", "chance": None, "raise": [example(3, 1.5) | {"itself": True}],
        "lower": [example(1, -0.5)],
    }  # fmt: skip
    return {
        "scenario": "Digits()", "attributor": "MeanDifference()", "models": 64, "held_out": 20, "seed": 0, "train": 50,
        "forget": 5, "margin": "The margin is a margin.", "lds": {"train": SCORE, "test": SCORE},
        "factors": {"own": 0.8, "others": 0.7}, "multipliers": {"own": OWN, "others": OWN | {"value": 0.7}}, "asked": [asked, own],
        "originals": 4, "rule": "Those that were named", "warnings": ["1 id is listed again"],
        "setting": {"device": "cpu", "threads": 1, "untrain": "0.1.0"},
    }  # fmt: skip


def shown(inputs):
    return {"train": dict(zip((1, 2, 3), of_inputs(inputs[1:]), strict=True)), "test": {0: of_inputs(inputs[:1])[0]}}


def read(document, inputs=None, command="untrain attribute <x>"):
    return Reader(attribution_page(document, command, None if inputs is None else shown(inputs)))


def test_it_says_how_far_to_trust_the_values_and_what_each_example_does(document):
    page = read(document, np.arange(4 * 16.0).reshape(4, 1, 4, 4))
    lead = page.text[: page.text.index("Test example n0")]
    for words in (
        "Effects of 50 training examples by MeanDifference(), estimated from 64 models.",
        "0.30 (0.20 to 0.40) on training examples, 0.30 (0.20 to 0.40) on test examples",
        "by what fits 20 models that each lack 5 random examples: multiplied by 0.80 (0.60 to 1.00) for what an example",
        "does to certainty of itself, and multiplied by 0.70 (0.60 to 1.00) for what an example does to that of others.",
        "The margin is a margin.", "data and request: 1 id is listed again.", "Asked about: those that were named.",
    ):  # fmt: skip
        assert words in lead
    first, second = page.text[page.text.index("Test example n0") :].split("Training example n3")
    assert "Label cat, true dog. The originals predict owl, which is not its label; certainty of its label is −1.50." in first
    assert "reach from −0.2 to +0.2" in first
    assert "id n1 label cat+0.9in the forget set" in first
    assert "id n2 label cat+0.1within chance" in first
    assert "None does." in first
    assert "+1.5itself" in second
    assert "which is not its label" not in second
    assert "within chance" not in second


def test_pictures_stand_side_by_side_and_texts_and_rows_do_too(document):
    pictures = read(document, np.arange(4 * 16.0).reshape(4, 1, 4, 4))
    assert len([a for tag, a in pictures.tags if tag == "img" and a["src"].startswith("data:image/png")]) == 2 + 2 + 2
    texts = read(document, np.array(["Who?", "Me.", "You.", "They <b>did</b>."]))
    assert [texts.text.count(words) for words in ("Who?", "Me.", "You.", "They <b>did</b>.")] == [1, 2, 1, 2]
    rows = read(document, np.arange(8.0).reshape(4, 2))
    assert len([tag for tag, _ in rows.tags if tag == "table"]) == 2
    assert re.search(r"n0 ?asked about ?– ?cat", rows.text)
    assert "Lower it most: none" in rows.text


def test_examples_that_are_left_out_are_named_alone(document):
    page = read(document)
    assert "The examples themselves are not shown: they were left out on request." in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "id n2" in page.text


def test_inputs_of_another_shape_say_so(document):
    assert "are not images of one or three channels" in read(document, np.zeros((4, 2, 4, 4))).text


def test_what_data_say_is_shown_as_it_is_and_the_numbers_are_in_the_page(document):
    hostile = copy.deepcopy(document)
    hostile["asked"][0]["label"] = "</script><img src=x onerror=alert(1)>"
    hostile["asked"][1]["raise"][0]["id"] = "<b>id</b>"
    text = attribution_page(hostile, "untrain </title><script>", None)
    assert "<img src=x" not in text
    assert "<b>id" not in text
    page = Reader(text)
    assert json.loads("".join(page.scripts["results"])) == {"command": "untrain </title><script>", **hostile}
    assert not any(a.get("src", "").startswith(("http", "//")) for _, a in page.tags)
    assert [a["href"] for tag, a in page.tags if tag in ("a", "link") and not a["href"].startswith("#")] == []
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_what_speaks_against_the_values_is_said(document):
    assert doubts(document) == []
    weak = document | {"lds": {"train": SCORE, "test": SCORE | {"low": -0.01}}}
    assert doubts(weak) == [
        "The score on test examples is not above chance: what is shown there may be noise. More models would tell."
    ]
    others = document["multipliers"]["others"]
    unsure = document | {"multipliers": {"own": OWN, "others": others | {"low": -0.1}}}
    assert doubts(unsure) == [
        "The multiplier of effects on certainty of others may be 0: their sizes, and even their signs, are not known, and no "
        "method would subtract them."
    ]
    assert "as the attributor gives them, since a multiplier of 0.70 (−0.10 to 1.00) may be 0, for what" in trust(unsure)[-1]
    small = document | {"multipliers": {"own": OWN, "others": others | {"low": 0.01, "value": 0.03, "high": 0.05}}}
    assert "on certainty of others is far below 1" in doubts(small)[0]
    assert small["asked"][1]["chance"] is None
    assert doubts(small | {"asked": small["asked"][1:]}) == []  # of models themselves, whose scale is another
    turned = document | {"multipliers": {"own": OWN | {"value": -0.2, "low": -1.0, "high": -0.1}, "others": others}}
    assert "as the attributor gives them, since a multiplier of −0.20 (−1.00 to −0.10) may be 0, for" in trust(turned)[-1]


def test_values_have_two_digits_and_a_sign():
    assert [signed(v) for v in (0.0123, -1.26, 0.0, 123.0)] == ["+0.012", "−1.3", "+0", "+1.2e+02"]
