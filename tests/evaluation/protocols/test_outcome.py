"""Each outcome is reached by models that deserve it, and not by others."""

import json
from dataclasses import replace

import numpy as np
import pytest

from untrain.evaluation.base import Verdict
from untrain.evaluation.protocols.endpoints import ABOUT, Endpoint
from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS, Evidence, rule, spreads_more
from untrain.evaluation.protocols.outcome_wording import NAMES, UNFAIR, sentence
from untrain.evaluation.protocols.protocol import Margin, Protocol

NOTHING = Evidence({}, {"recognised": 0, "standing_out": 0, "forget": 40})
LOOSE = Protocol("screening")


@pytest.fixture
def seen(planted):
    """Models that are retrained ones but for what is planted."""

    def make(models, seed=0, boost=0.0, hurt=0.0, sizes=(40, 60, 200)):
        side = planted.sides(*sizes)
        labels = np.arange(len(side)) % 3
        draw = np.random.default_rng(seed)
        logits = np.random.default_rng(99).normal(size=(len(side), 3)) + 0.5 * draw.normal(size=(models, len(side), 3))
        logits[:, np.arange(len(side)), labels] += 2 + boost * (side == "forget")
        logits[:, np.arange(len(side)), labels] += hurt * (side == "test") * (-1) ** np.arange(len(side))  # some up, as many down
        return planted.observed(logits, labels, side)

    return make


def verdict(difference, says="distinguishable", why=""):
    return Verdict(says, difference, difference - 0.1, difference + 0.1, 0.01, 0.01, 0.05, why)


def ruled(seen, protocol=LOOSE, evidence=NOTHING, original=None, ours=None, oracles=12, **planted):
    ours = seen(8, seed=1, **planted) if ours is None else ours
    return rule(protocol, ours, seen(oracles, seed=2), original, evidence)


def test_what_became_of_the_forget_set_and_of_the_rest_agrees_with_the_outcome(seen):
    worse = {"test_accuracy": verdict(-0.02, why="loses utility: less")}
    other = {"js_test": verdict(0.2)}
    made = {
        "perfect": ruled(seen), "surer": ruled(seen, boost=3.0), "less sure": ruled(seen, boost=-4.0),
        "hurt": ruled(seen, hurt=6.0),
        "a little hurt": ruled(seen, evidence=replace(NOTHING, verdicts=worse)),
        "answers otherwise": ruled(seen, evidence=replace(NOTHING, verdicts=other)),
        "surer and otherwise": ruled(seen, boost=3.0, evidence=replace(NOTHING, verdicts=other)),
        "unfair": ruled(seen, boost=3.0, evidence=replace(NOTHING, alarm="x")),
    }  # fmt: skip
    assert {name: (r.forgetting, r.keeping) for name, r in made.items()} == {
        "perfect": ("forgot", "kept"), "surer": ("remembers", "kept"), "less sure": ("over-forgets", "kept"),
        "hurt": ("forgot", "broke"), "a little hurt": ("forgot", "worse"),
        "answers otherwise": ("forgot", "differs"), "surer and otherwise": ("remembers", "kept"), "unfair": ("open", "open"),
    }  # fmt: skip


def test_a_perfect_retrain_passes(seen):
    found = ruled(seen)
    assert (found.outcome, found.open) == (PASSES, "")
    assert found.because.startswith("no stated attack gains more than ")
    assert "(12 retrained models; perfect unlearning passes " in found.because
    assert {j.says for j in found.endpoints} == {"within"}


def test_models_that_are_surer_of_the_forget_set_remember(seen):
    found = ruled(seen, boost=3.0)
    assert found.outcome == REMEMBERS
    assert {j.name for j in found.endpoints if j.says == "outside"} >= {"attack", "forget"}
    assert found.because.startswith("an attack gains ")


def test_models_that_are_less_sure_of_it_over_forget(seen):
    found = ruled(seen, boost=-4.0)
    assert found.outcome == DAMAGED
    assert next(j for j in found.endpoints if j.name == "forget").harm == "over-forgets"


def test_models_that_lost_test_accuracy_are_broken(seen):
    found = ruled(seen, hurt=6.0)
    assert found.outcome == DAMAGED
    assert "test accuracy is" in found.because
    assert found.because.endswith("below retraining's")


def test_too_few_models_are_open_with_what_would_close_it(seen):
    found = ruled(seen, Protocol("strict"), ours=seen(2, seed=1), oracles=3)
    assert found.outcome == OPEN
    assert "may lie beyond" in found.because
    assert "retrained models" in found.open


def test_two_retrained_models_do_not_pass_what_they_cannot_test(seen):
    wide = Protocol(forget=Margin(absolute=9.0), test=Margin(absolute=0.9), retain=Margin(absolute=0.9))
    found = ruled(seen, wide, oracles=2)
    assert {j.says for j in found.endpoints} == {"within"}
    assert found.outcome == OPEN
    assert "the farthest forget example were not tested: it takes 6 retrained models" in found.because
    assert "retrained models" in found.open
    assert any("it takes 6 retrained models, and there are 2" in note for note in found.notes)
    assert found.power.passes == 0


def test_unfair_retrained_models_leave_it_open_whatever_was_found(seen):
    found = ruled(seen, evidence=replace(NOTHING, alarm="originals are better"), boost=3.0)
    assert (found.outcome, found.because) == (OPEN, UNFAIR)


def test_where_the_originals_would_pass_too_nothing_is_shown(seen):
    assert ruled(seen, original=seen(8, seed=3)).outcome == OPEN
    assert "originals would pass too" in ruled(seen, original=seen(8, seed=3)).because
    assert ruled(seen, original=seen(8, seed=3, boost=3.0)).outcome == PASSES


def test_a_score_that_tells_models_apart_convicts(seen):
    found = ruled(seen, evidence=replace(NOTHING, verdicts={"lira_auc": verdict(0.2, why="remembers: surer than retraining")}))
    assert found.outcome == REMEMBERS
    assert found.because == "lira auc is above retraining's (p = 0.010)"
    found = ruled(seen, evidence=replace(NOTHING, verdicts={"forget_accuracy": verdict(-0.2, why="over-forgets: less sure")}))
    assert found.outcome == DAMAGED


def test_what_comes_back_is_told_first_unless_it_was_never_gone(seen):
    back = {"relearn_time": verdict(-4.0, why="hides: it relearns faster than retrained models")}
    told = "it relearns faster than retrained models (p = 0.010)"
    assert (found := ruled(seen, evidence=replace(NOTHING, verdicts=back))).outcome == HIDES
    assert found.document("NPO")["sentence"] == f"NPO: fails. It hides the forget set: {told}."
    over = ruled(seen, boost=-4.0, evidence=replace(NOTHING, verdicts=back))
    assert over.outcome == HIDES
    assert over.because.startswith(f"{told}, and ")
    kept = ruled(seen, boost=3.0, evidence=replace(NOTHING, verdicts=back))
    assert kept.outcome == REMEMBERS
    assert kept.because.endswith(f", and {told}")
    broken = {  # which is surer
        "test_accuracy": replace(verdict(-0.3, why="loses utility: less is right"), p=0.001),
        "lira_auc": verdict(0.2, why="remembers: "),
    }
    both = ruled(seen, evidence=replace(NOTHING, verdicts=back | broken))
    assert both.outcome == REMEMBERS
    assert both.because.startswith("lira auc is above retraining's (p = 0.010)")
    assert ruled(seen, evidence=replace(NOTHING, verdicts=broken)).outcome == DAMAGED
    slower = {"relearn_time": verdict(4.0, why="over-forgets: it learns the forget set more slowly than retrained models do")}
    assert ruled(seen, evidence=replace(NOTHING, verdicts=slower)).outcome == DAMAGED


def test_a_score_that_is_better_or_undecided_does_not(seen):
    for name, given in (
        ("test_accuracy", verdict(0.05)), ("retain_accuracy", verdict(0.05)), ("lira_auc", verdict(0.2, "too few models")),
    ):  # fmt: skip
        assert ruled(seen, evidence=replace(NOTHING, verdicts={name: given})).outcome == PASSES
    assert (
        ruled(seen, evidence=replace(NOTHING, verdicts={"test_accuracy": verdict(-0.05, why="loses utility: ")})).outcome == DAMAGED
    )


def test_single_examples_are_named_first(seen):
    evidence = Evidence({"lira_auc": verdict(0.2, why="remembers: ")}, {"recognised": 31, "standing_out": 2, "forget": 40})
    found = ruled(seen, evidence=evidence, boost=3.0)
    assert found.outcome == REMEMBERS
    assert found.because == "its models know 31 of 40 forget examples better, and 2 less well, than retrained models do"


def test_one_failing_model_of_eight_keeps_it_open_and_is_named(seen):
    ours = np.asarray(seen(8, seed=1).logits).copy()
    at = seen(1).labels
    ours[3, np.arange(40), at[:40]] += 4
    models = replace(seen(8, seed=1), outputs={"logits": ours})
    found = ruled(seen, ours=models, oracles=20)
    assert found.outcome != PASSES
    assert any("1 of 8 models (number 4) stands apart in " in note for note in found.notes)


def test_a_look_at_a_part_of_the_level_passes_less(seen):
    ours, theirs = seen(4, seed=1), seen(6, seed=2)
    whole, part = (rule(LOOSE, ours, theirs, None, NOTHING, level) for level in (0.05, 0.005))
    assert all(a.high < b.high for a, b in zip(whole.endpoints, part.endpoints, strict=True))


def test_without_an_endpoint_it_is_open_and_can_still_convict(seen):
    one = seen(1, sizes=(1, 1, 1))
    theirs = one.of_models([0] * 19)
    found = rule(LOOSE, one, theirs, None, NOTHING)
    assert (found.outcome, found.endpoints, found.power) == (OPEN, (), None)
    evidence = replace(NOTHING, verdicts={"forget_accuracy": verdict(1.0, why="remembers: ")})
    assert rule(LOOSE, one, theirs, None, evidence).outcome == REMEMBERS


def test_of_one_example_the_margin_of_the_attack_is_limited(seen):
    found = rule(Protocol(), seen(5, 1, sizes=(1, 9, 9)), seen(10, 2, sizes=(1, 9, 9)), None, NOTHING)
    attack = next(j for j in found.endpoints if j.name == "attack")
    assert attack.margin == 0.25 < 3 * attack.spread


def test_models_that_spread_more_are_noted_and_two_of_a_kind_are_not_tested():
    draw = np.random.default_rng(0)
    theirs = draw.normal(size=20)

    def e(ours, theirs=theirs):
        return Endpoint("forget", ABOUT["forget"], np.asarray(ours), np.asarray(theirs))

    assert spreads_more(e(20 * draw.normal(size=10)), 0.001)
    assert not spreads_more(e(draw.normal(size=10)), 0.001)
    assert not spreads_more(e(0.01 * draw.normal(size=10)), 0.001), "less is no harm"
    assert not spreads_more(e([0.1, 90.3], [0.1, 0.4]), 0.001)
    null = [spreads_more(e(v[:6], v[6:]), 0.01) for v in draw.normal(size=(600, 18))]
    assert np.mean(null) <= 0.03


def test_what_looks_beyond_its_margin_is_named_first_and_the_sentence_stays_short(seen):
    ours = seen(2, seed=1, boost=-1.2)
    found = rule(Protocol("strict"), ours, seen(3, seed=2), None, NOTHING)
    assert found.outcome == OPEN
    first = next(j for j in found.endpoints if abs(j.difference) >= j.margin and j.harm)
    assert found.because.startswith(NAMES[first.name])
    assert found.open == f"models nearer to retraining in {NAMES[first.name]}"
    assert len(sentence("DEL", found.outcome, found.because, found.open).split()) <= 30


def test_the_document_is_json_and_has_the_sentence(seen):
    for found in (ruled(seen), ruled(seen, boost=3.0), ruled(seen, ours=seen(1, seed=1), oracles=1)):
        document = found.document("DEL (b)")
        assert json.loads(json.dumps(document, allow_nan=False)) == json.loads(json.dumps(document))
        assert document["sentence"] == sentence("DEL (b)", found.outcome, found.because, found.open)
        assert {"protocol", "outcome", "because", "power", "open", "endpoints", "lacks", "notes"} <= set(document)
        assert len(document["sentence"].split()) <= 30
