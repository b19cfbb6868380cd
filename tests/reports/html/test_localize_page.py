"""The page on masks of localizers."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest

from untrain.reports.html import localize_page as module
from untrain.reports.html.localize_page import masks_page

PAIR = re.compile(r"1 WeightedGrad ?2 Deepest ?0.5000.250 to 0.750 ?0.375 ?0.900")


class Reader(HTMLParser):
    """Tags with their attributes, words, and the text of scripts by id."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words, self._inside = [], {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id", "code") if tag == "script" else "style" if tag == "style" else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        self.words.append(data) if self._inside is None else self.scripts.setdefault(self._inside, []).append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def read(located):
    return Reader(masks_page(located, "untrain localize <x>"))


def test_it_opens_with_what_masks_have_in_common_beside_chance_and_no_verdict(read):
    lead = read.text[: read.text.index("Overlap is intersection")]
    assert (
        "Masks of 4 localizers: which of the 20 weights hold 12 examples that are to be forgotten, on 2 models trained on all."
        in lead
    )
    ends = "WeightedGrad 0.50 to 0.70, by chance 0.20; RandomMask 0.10 to 0.30, by chance 0.20."
    assert f"have in common, least to greatest over models: {ends}" in lead
    assert "The same whatever half is to be forgotten: Deepest." in lead
    assert "more" not in lead.partition("have in common")[2]


def test_stability_stands_beside_chance_with_shares_and_seconds(read):
    table = read.text[read.text.index("The localizers") : read.text.index("Share of each layer")]
    for words in ("1 WeightedGrad 30", "0 (50", "0.600chance 0.200", "0.400chance 0.150", "0.900", "1.50", "keep at least 0.34"):
        assert words in table


def test_every_layer_and_pair_is_in_a_table_too(read):
    assert read.text.count("The same as a table") == 2
    assert re.search(r"layer 0 ?12 ?25\s%17\s% to 33\s%", read.text)
    assert PAIR.search(read.text)


def test_what_data_say_is_shown_as_it_is(located):
    document = copy.deepcopy(located)
    document["scenario"] = "Custom(train='</script><img src=x onerror=alert(1)>')"
    document["results"][0]["notes"] = ["<b>note</b>"]
    page = masks_page(document, "untrain </title><script>")
    assert "<img src=x" not in page
    assert "<b>note" not in page
    assert "<b>note</b>" in Reader(page).text
    assert json.loads("".join(Reader(page).scripts["results"]))["scenario"] == document["scenario"]


def test_the_numbers_are_in_the_page(read, located):
    assert json.loads("".join(read.scripts["results"])) == {"command": "untrain localize <x>", **located}


def test_nothing_is_asked_of_a_network(read):
    assert not any(a.get("src", "").startswith(("http", "//")) for _, a in read.tags)
    assert [a["href"] for tag, a in read.tags if tag in ("a", "link") and not a["href"].startswith("#")] == []


def test_without_plotly_tables_tell_the_same(located, monkeypatch):
    monkeypatch.setattr(module, "plotly", lambda: None)
    seen = Reader(masks_page(located, "x"))
    assert "plotly was not installed when this page was written" in seen.text
    assert json.loads("".join(seen.scripts["figures"])) == {}
    assert PAIR.search(seen.text)


def test_there_is_a_chart_of_each_kind(read):
    pytest.importorskip("plotly")
    figures = json.loads("".join(read.scripts["figures"]))
    assert set(figures) == {"shares", "overlap", "stability"} == {a["data-figure"] for _, a in read.tags if "data-figure" in a}


def test_stability_is_drawn_beside_chance(located):
    batches, seeds, chance = module.stability_chart(located).traces
    assert batches.y == (0.6, 1.0, 0.2)
    assert batches.below == pytest.approx((0.1, 0.0, 0.1))
    assert seeds.y == (0.4, 0.4, 0.4)
    assert sorted(chance.y) == pytest.approx([0.15, 0.15, 0.15, 0.2, 0.2, 0.2])


def test_one_localizer_that_failed_leaves_a_page_that_says_why(located):
    document = located | {"results": located["results"][-1:], "overlap": []}
    seen = Reader(masks_page(document, ""))
    assert "keep at least 0.34" in seen.text
    assert not any("data-figure" in a for _, a in seen.tags)


def test_one_model_alone_says_why_there_is_no_stability_across_seeds(located):
    document = copy.deepcopy(located)
    for row in document["results"][:3]:
        row["stability"]["seeds"] |= dict.fromkeys(("iou", "low", "high", "chance", "layers")) | {
            "reason": "one model has no other"
        }
    assert "one model has no other" in Reader(masks_page(document, "x")).text
    assert [t.name for t in module.stability_chart(document).traces] == ["Across batches", "By chance"]


def test_it_is_marked_up_for_those_who_cannot_see_it(read):
    assert ("html", {"lang": "en"}) in read.tags
    ids = [a["id"] for _, a in read.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in read.tags if "aria-labelledby" in a} <= set(ids)
    assert all(a["aria-label"] for _, a in read.tags if a.get("role") == "img")


def test_the_same_masks_give_the_same_page(located):
    assert masks_page(located, "x") == masks_page(located, "x")
