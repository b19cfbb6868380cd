"""The page as a whole."""

import copy
import dataclasses
import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from untrain.reports import verdict_marks
from untrain.reports.html import page as module
from untrain.reports.html import request_words
from untrain.reports.html.page import embedded, page
from untrain.reports.html.replies import replies
from untrain.reports.shown import Shown, of_inputs
from untrain.reports.tally import advice, tally

EVIL = "DEL(path='</script><img src=x onerror=alert(1)>')"


class Reader(HTMLParser):
    """What a browser would take from a page: tags with their attributes, and the text of scripts by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.scripts, self.words, self._inside = [], {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id", "code") if tag == "script" else "style" if tag == "style" else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside is None:
            self.words.append(data)
        else:
            self.scripts.setdefault(self._inside, []).append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def data(self, name: str):
        return json.loads("".join(self.scripts[name]))


@pytest.fixture(scope="module")
def read(privacy, repair):
    return Reader(page([privacy, repair], "untrain demo"))


def renamed(material, method):
    """The run with its second method under another name."""
    rows = [r | {"method": method} if r["method"] == "DEL()" else r for r in material.document["results"]]
    ours = {method if m == "DEL()" else m: seen for m, seen in material.unlearned.items()}
    shared = [p | {side: method for side in ("one", "other") if p[side] == "DEL()"} for p in material.document["overlap"]]
    return dataclasses.replace(material, document=material.document | {"results": rows, "overlap": shared}, unlearned=ours)


def failed(material, *methods):
    """The run in which some methods failed."""
    gone = {"scores": {}, "cost": {}, "guard": {}, "layers": [], "error": "2 of 2 seeds failed: loss is <nan>"}
    rows = [r | gone if r["method"] in methods else r for r in material.document["results"]]
    ours = {m: seen for m, seen in material.unlearned.items() if m not in methods}
    return dataclasses.replace(material, document=material.document | {"results": rows}, unlearned=ours)


TERMS = ("max-T", "Jensen", "permutation", "margin", "protocol", "Pareto", "AUC", "standard deviation", "attack", "spread")


def test_who_won_comes_first_in_thirty_words_before_any_term(read, privacy, repair):
    for material in (privacy, repair):
        text = tally(material.document)
        assert len(text.split()) <= 30
        assert read.text.count(text) == 1
    assert read.text.index(advice(repair.document)) < read.text.index(tally(privacy.document))  # above all requests
    before = read.text[: read.text.index("Methods compared")]
    assert [term for term in TERMS if term in before] == []
    assert before.index(advice(privacy.document)) < before.index(tally(privacy.document)) < before.index("Did it forget?")


def test_a_report_on_one_request_begins_with_its_tally_and_then_the_advice(privacy):
    text = Reader(page([privacy], "x")).text
    said = [tally(privacy.document), advice(privacy.document)]
    assert [text.count(each) for each in said] == [1, 1]
    assert text.index(said[0]) < text.index(said[1]) < text.index("Methods compared")


def test_every_question_has_a_reply_in_one_sentence_before_its_tables(privacy):
    seen = Reader(page([privacy], "x"))
    asked = ["Did it forget?", "What did it break?", "Which examples give it away?", "What did it cost?", "Can I trust this?"]
    places = [seen.text.rindex(question) for question in (*asked, "Engineering")]
    assert places == sorted(places)
    for question, reply in zip((*asked, "Engineering"), replies(privacy.document).values(), strict=True):
        assert f"{question} {' '.join(reply.split())}" in seen.text
        assert re.search(r"[.!?] [A-Z]", reply) is None
    links = {a["href"] for tag, a in seen.tags if tag == "a" and a.get("href", "").startswith("#run1-")}
    assert links <= {f"#{a['id']}" for _, a in seen.tags if "id" in a}
    assert len(links) == 7  # to six sections, and to the table that says how another is read


def test_gap_and_interval_stand_where_it_is_asked_what_was_forgotten(read):
    part = read.text[read.text.rindex("Did it forget?") : read.text.rindex("What did it break?")]
    assert re.search(r"−?\d+\.\d percentage points \(95 % interval −?\d+\.\d to −?\d+\.\d\), by 2 unlearned models", part)
    assert "and 3 retrained ones; leaving the model alone gives" in part
    assert "By the protocol standard a method passes that is shown to lie within 3 spreads of retrained models or" in read.text


def test_it_says_how_the_test_was_made_and_at_what_level(read):
    assert "no more than 5 % are called distinguishable by any score" in read.text
    assert "test of equivalence" not in read.text


def leaking(material):
    """The run in which Finetune is told by one example."""
    document = copy.deepcopy(material.document)
    verdict = next(r for r in document["results"] if r["method"] == "Finetune()")["verdict"]
    verdict["counts"]["recognised"] = 1
    verdict["recognised"] = [{"id": "3", "p": 0.0002, "excess": 5.25}]
    return dataclasses.replace(material, document=document)


def test_the_outcomes_on_all_methods_stand_in_the_words_of_the_document(privacy):
    seen = Reader(page([privacy], "x"))
    for row in privacy.document["results"]:
        assert seen.text.count(row["verdict"]["sentence"]) == 1


def test_the_long_verdicts_stand_with_the_scores_they_are_about(privacy):
    text = Reader(page([privacy], "x")).text
    scores = text.index("All scores")
    for row in privacy.document["results"]:
        assert verdict_marks.detail(row) not in text[:scores]
        assert verdict_marks.detail(row) in text[scores : text.rindex("Engineering")]


def test_each_method_stands_against_the_protocol_with_its_models(privacy):
    seen = Reader(page([privacy], "x"))
    assert "With these margins, 2 unlearned and 3 retrained models let a perfect method pass with probability " in seen.text
    assert "the differences that the test does not exclude" in seen.text
    strips = [a for tag, a in seen.tags if tag == "svg"]
    small = [a for a in strips if a["class"] == "strip"]
    assert len(small) == sum(bool(e["each"]) for r in privacy.document["results"] for e in r["verdict"]["endpoints"]) >= 8
    assert len(strips) == 2 * len(small)
    assert all(a["role"] == "img" and "model 2: " in a["aria-label"] for a in strips)


def test_a_run_without_endpoints_says_why(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["verdict"] |= {"endpoints": [], "power": None, "notes": ["the attack was not tested: no <b>margin</b>"]}
    seen = Reader(page([dataclasses.replace(privacy, document=document)], "x"))
    assert "The attack was not tested: no <b>margin</b>. (Finetune, DEL, SalUn, Nothing)" in seen.text
    assert "By the protocol" not in seen.text
    assert "Every model by itself" not in seen.text


def test_many_outcomes_are_counted(privacy):
    document = copy.deepcopy(privacy.document)
    document |= {"results": [document["results"][1] | {"method": f"DEL(keep=0.{n})"} for n in range(1, 9)], "overlap": []}
    seen = Reader(page([dataclasses.replace(privacy, document=document, unlearned={})], "x")).text
    assert re.search(r"Of 8 methods, .*8 (pass|fail|are)", seen)
    assert "DEL (h)" in seen


def test_the_examples_that_can_be_told_are_shown_or_that_there_are_none(privacy):
    seen = Reader(page([leaking(privacy)], "x"))
    assert "5.2 s.e., p < 0.001" in seen.text
    assert "1 of the 12 forget examples can be recognised" in seen.text
    assert "does not show that none can be recognised" in seen.text
    assert "farthest out." not in seen.text
    many = leaking(privacy)
    many.document["results"][0]["verdict"]["counts"]["recognised"] = 9
    assert "Shown: the 1 farthest out." in Reader(page([many], "x")).text


def test_over_forgetting_is_called_a_failure(privacy):
    document = copy.deepcopy(privacy.document)
    row = document["results"][1]
    row["verdict"]["distinguishable"] = ["forget_accuracy"]
    row["scores"]["forget_accuracy"]["verdict"]["why"] = "over-forgets: less of it is answered as labelled"
    row["verdict"]["forgetting"] = "over-forgets"
    assert "DEL over-forgets, which is a failure" in Reader(page([dataclasses.replace(privacy, document=document)], "x")).text


@pytest.mark.parametrize("wrong", ["privacy", "repair", "noisy"])
def test_no_place_says_otherwise_of_a_method_than_its_outcome(wrong, request):
    material = request.getfixturevalue(wrong)
    for row in material.document["results"]:
        verdict, detail = row["verdict"], verdict_marks.detail(row)
        assert ("over-forgets, which is a failure" in detail) == (verdict["forgetting"] == "over-forgets")
        kinds = {"fails: remembers": {"remembers"}, "fails: hides the forget set": {"hides"}, "passes": {"forgot"}}
        assert verdict["forgetting"] in kinds.get(verdict["outcome"], {"over-forgets", "forgot", "remembers", "open"})
        true = row["scores"].get("forget_true_accuracy", {}).get("verdict")
        assert not true or "over-forgets" not in true["why"], "an unrepaired label is no sign of forgetting too much"


def test_the_page_says_which_of_several_methods_a_chart_is_of(privacy):
    pytest.importorskip("plotly")
    figures = Reader(page([privacy], "x")).data("figures")
    for name in ("run1-margins-forget-1", "run1-classes-test-1", "run1-roc-mia_loss-1"):
        named = {trace.get("name") for trace in figures[name]["data"]}
        assert "DEL" in named
        assert "Unlearned" not in named


def test_without_originals_the_page_is_whole(privacy):
    document = copy.deepcopy(privacy.document)
    for found in document["results"]:
        for score in found["scores"].values():
            score["ceiling"] = None
        found["cost"] = found["guard"] = {}
    seen = Reader(page([dataclasses.replace(privacy, document=document, original=None)], "x"))
    assert "Original models" not in seen.text
    assert "Who paid" in seen.text


def test_all_scores_are_there_with_verdict_difference_and_margin(read):
    cells = [a for tag, a in read.tags if tag == "span" and "mark" in a.get("class", "")]
    assert {a["class"].split()[1] for a in cells} >= {"distinguishable", "indistinguishable", "too-few-models"}
    assert all(a.get("aria-hidden") == "true" for a in cells if a["class"] != "mark" and "aria-hidden" in a)
    assert "±2.0" in read.text


def test_the_page_stays_small(privacy, repair):
    assert len(page([privacy, repair], "x")) < 8_000_000


def test_it_asks_for_nothing_from_the_network(read):
    assert not [a for _, a in read.tags for k, v in a.items() if k in ("src", "href") and not v.startswith(("#", "data:"))]
    assert any(a.get("content", "").startswith("default-src 'none'") for _, a in read.tags)


def test_scores_are_embedded_once_as_they_were_given(read, privacy, repair):
    given = {"command": "untrain demo", "runs": [privacy.document, repair.document]}
    assert read.data("results") == json.loads(json.dumps(given))


def test_plotly_is_inlined_once(privacy, repair):
    adapter = pytest.importorskip("untrain.reports.html.plotly")
    assert page([privacy, repair], "x").count(adapter.source()[:2000]) == 1


def test_every_chart_that_has_a_place_has_a_figure(read):
    pytest.importorskip("plotly")
    figures = read.data("figures")
    places = [a for _, a in read.tags if "data-figure" in a]
    assert len(places) == 2 * 8
    curves = [a["value"] for tag, a in read.tags if tag == "option" and "-roc-" in a["value"]]
    assert len(curves) == 2 * 6
    for place in [*places, *({"data-figure": name, "data-by": ""} for name in curves)]:
        names = [f"{place['data-figure']}-{i}" for i in range(4)] if "data-by" in place else [place["data-figure"]]
        assert set(names) <= set(figures)


def test_a_label_cannot_break_out_of_the_page(privacy):
    seen = Reader(page([renamed(privacy, EVIL)], EVIL))
    assert not any("onerror" in a for _, a in seen.tags)
    assert seen.data("results")["command"] == EVIL
    assert EVIL in seen.text


def test_embedded_json_reads_back():
    text = {"</script>": ["<!--", "&amp;", "\u2028"]}
    assert "<" not in embedded(text)
    assert json.loads(embedded(text)) == text


def test_without_plotly_the_page_says_so(privacy, monkeypatch):
    monkeypatch.setattr(module, "plotly", lambda: None)
    seen = Reader(page([privacy], "x"))
    assert "plotly was not installed" in seen.text
    assert seen.data("figures") == {}
    assert "Methods compared" in seen.text


def test_a_missing_plotly_is_noticed(monkeypatch):
    monkeypatch.setattr(module.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    assert module.plotly() is None


def test_a_failed_method_keeps_its_row_with_the_reason(privacy):
    seen = Reader(page([failed(privacy, "DEL()")], "x"))
    assert "2 of 2 seeds failed: loss is <nan>" in seen.text
    assert "minus that of SalUn" in seen.text
    assert "DEL did not run" in seen.text


def test_a_run_in_which_all_failed_is_still_reported(privacy):
    seen = Reader(page([failed(privacy, *privacy.unlearned)], "x"))
    assert "No method produced a model" in seen.text


@pytest.mark.parametrize(
    ("shown", "reason"), [(None, "left out on request"), (of_inputs(np.zeros((12, 5, 2))), "of shape (5, 2), are not images")]
)
def test_inputs_that_cannot_be_shown_are_explained(privacy, shown, reason):
    assert reason in Reader(page([dataclasses.replace(privacy, shown=shown)], "x")).text


def test_texts_of_examples_are_escaped_and_of_no_language(privacy):
    shown = [Shown("text", text="<script>alert(1)</script> & Erd\u0151s")] * 12
    html = page([dataclasses.replace(privacy, shown=shown, classes=("<b>cat", "dog", "hen", "owl"))], "x")
    assert '<blockquote lang="" dir="auto">&lt;script&gt;alert(1)&lt;/script&gt; &amp; Erd\u0151s</blockquote>' in html
    assert '<bdi lang="">&lt;b&gt;cat</bdi>' in html
    assert "<script>alert(1)" not in html


def test_a_row_of_a_table_is_shown_with_its_columns(privacy):
    shown = [Shown("row", cells=(("age", "39"), ("job", "a < b")))] * 12
    html = page([dataclasses.replace(privacy, shown=shown)], "x")
    assert '<th scope="row" dir="auto">job</th><td dir="auto">a &lt; b</td>' in html


def test_each_attack_that_scored_the_run_has_a_chart(privacy):
    html = page([privacy], "x")
    drawn = set(re.findall(r'option value="run1-roc-(\w+)"', html))
    assert drawn == {"mia_loss", "mia_confidence", "mia_entropy", "mia_mentropy", "mia_lira_offline", "mia_rmia"}
    assert "What attacks find" not in page([dataclasses.replace(privacy, evaluators=())], "x")


def test_controls_warnings_and_missing_scores_are_told(read, privacy, repair):
    assert "control: the model left alone" in read.text
    assert "intervals over 2 seeds are rough." in read.text[read.text.rindex("Can I trust this?") :]
    # Boxes for what changes the conclusion alone, and for charts that need JavaScript.
    powerless = [bool(verdict_marks.powerless(m.document["results"][1])) for m in (privacy, repair)]
    assert len([a for _, a in read.tags if a.get("class") == "warning"]) == 1 + sum(powerless)
    assert read.text.count("at least 50 of each") >= 2


def test_a_repair_shows_given_and_true_labels(read, repair):
    assert "All 12 of the examples to forget have a wrong label" in read.text
    assert "Forget set, true label given" in read.text
    assert request_words.title(repair).startswith("Repair")


def test_a_random_request_on_noisy_data_is_no_repair(noisy):
    seen = Reader(page([noisy], "x"))
    assert request_words.title(noisy) == "Privacy: examples withdrawn from data with wrong labels"
    assert "3 of the examples to forget and 3 of the other training examples have a wrong label" in seen.text
    assert "wrong label given" not in seen.text
    assert "their wrong labels" not in seen.text


def with_corrected_rows(material):
    """The run of a request that corrects the forget examples: each is asked about once more, as it is corrected."""
    rows = np.r_[np.arange(len(material.oracle)), np.flatnonzero(material.oracle.side == "forget")]
    at = material.oracle.at(rows)
    return dataclasses.replace(material, oracle=dataclasses.replace(at, side=np.r_[material.oracle.side, ["corrected"] * 12]))


@pytest.mark.parametrize(
    ("wrong", "title"),
    [
        ("privacy", "Correction: examples changed"),
        ("noisy", "Correction: examples changed in data with wrong labels"),
        ("repair", "Repair: examples with wrong labels"),
    ],
)
def test_a_request_that_corrects_withdraws_nothing(wrong, title, request):
    changed = with_corrected_rows(request.getfixturevalue(wrong))
    assert request_words.title(changed) == title
    words = "12 of 28 training examples are corrected, and the values that they had are to be forgotten"
    assert request_words.about(changed).startswith(words)


def test_scores_of_probes_are_explained_where_a_run_has_them(privacy):
    results = [
        row | {"scores": {name: score for name, score in row["scores"].items() if not name.startswith("truth_ratio")}}
        for row in privacy.document["results"]
    ]
    without = dataclasses.replace(privacy, document=privacy.document | {"results": results})
    asked, unasked = ({name for name, _ in module.glossary([material])} for material in (privacy, without))
    assert asked - unasked == {"TruthRatio"}


def test_a_repair_needs_more_than_half_of_the_labels_to_be_wrong(noisy, repair, privacy, half):
    assert [request_words.is_repair(m) for m in (repair, noisy, privacy, half)] == [True, False, False, False]


def test_labels_are_short_and_stand_with_the_spelling_in_full(privacy):
    spec = "DEL(steps=Steps(lr=0.1, batch=64))"
    seen = Reader(page([renamed(privacy, spec)], "x"))
    assert seen.text.count(spec) == 1 + seen.text.count("untrain report")
    assert f"DEL: {spec}" in seen.text
    assert [a for tag, a in seen.tags if tag == "th" and a.get("title") == spec]
    assert ("code", {"class": "spelling"}) in seen.tags


def test_no_claim_is_made_on_where_test_examples_were(read):
    assert "20 others are for the test" in read.text
    assert "never trained on" not in read.text


def test_the_glossary_is_that_of_the_evaluators(read):
    from untrain.evaluation.glossary import abouts, evaluators
    from untrain.models.tasks.causallm import CausalLM

    # Scores of a side that this run has no examples of, such as corrected ones, are left out of its page, as are those of probes
    # and of what is stored of language models alone.
    asked = [e for e in evaluators() if not any(need.startswith("probe:") or need in CausalLM.outputs[1:] for need in e.needs)]
    for name, about in abouts(asked).items():
        if about.side:
            continue
        assert f"score-{name}" in {a.get("id") for _, a in read.tags}
        assert " ".join(about.weak.split()) in read.text
    assert "Margin: 0.02 either way, in its unit." in read.text
    assert "Source: Torkzadehmahani et al. 2024" in read.text


def test_it_is_marked_up_for_those_who_cannot_see_it(read):
    assert ("html", {"lang": "en"}) in read.tags
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(a.get("alt") for tag, a in read.tags if tag == "img")
    ids = [a["id"] for _, a in read.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["for"] for tag, a in read.tags if tag == "label"} <= set(ids)


def test_the_same_run_gives_the_same_page(privacy):
    assert page([privacy], "x") == page([privacy], "x")


def test_masks_stand_as_a_figure_and_a_table_by_layer_and_what_they_have_in_common(privacy):
    seen = Reader(page([privacy], "x"))
    part = seen.text[seen.text.index("Where the masks lie") : seen.text.index("What the words mean")]
    assert re.search(r"Layer ?Weights ?DEL ?SalUn", part)
    assert re.search(r"layer 0 ?12 ?25\s%17\s% to 33\s%50\s%42\s% to 58\s%", part)
    assert "from the least to the greatest" in part
    assert re.search(r"1: DEL ?2: SalUn ?0.5000.250 to 0.750 ?0.375 ?0.900", part)
    assert {"run1-mask", "run1-overlap"} <= set(seen.data("figures"))


def test_without_masks_that_is_said(privacy):
    rows = [r | {"layers": []} for r in privacy.document["results"]]
    document = privacy.document | {"results": rows, "overlap": []}
    seen = Reader(page([dataclasses.replace(privacy, document=document)], "x"))
    assert "No method that was run is confined to a part of the network." in seen.text
    assert "run1-mask" not in {a.get("data-figure") for _, a in seen.tags}


def test_the_page_has_the_break_even_line_the_budget_and_what_happened(privacy):
    document = copy.deepcopy(privacy.document)
    document["break_even"]["methods"] = ["SalUn()"]
    document["setting"]["budget"] = 0.125
    document["results"][0]["notes"] = ["stopped at <b>the budget</b>"]
    shown = page([dataclasses.replace(privacy, document=document)], "untrain run")
    assert "Retraining is cheaper from here" in shown
    assert "a budget of 12.5 % of the operations of retraining" in shown
    assert "stopped at &lt;b&gt;the budget&lt;/b&gt;" in shown
    assert "What did it cost?" in shown
    assert "Retraining is cheaper from here" not in page([privacy], "untrain run")
