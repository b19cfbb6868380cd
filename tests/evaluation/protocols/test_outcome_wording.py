"""Sentences on outcomes: at most thirty words, in the unit of the endpoint, the same for both directions."""

import itertools

import numpy as np
import pytest

from untrain.evaluation.base import Verdict
from untrain.evaluation.glossary import abouts, evaluators
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols import outcome_wording as wording
from untrain.evaluation.protocols.margin_test import Judged
from untrain.evaluation.protocols.margin_wording import margins_in_words
from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS, Evidence, harms_of, rule
from untrain.evaluation.protocols.protocol import ENDPOINTS, Margin, Protocol
from untrain.reports.headings import named

NAME = "DEL(keep=0.1)"
LOSSES = {"test": "nats", "retain": "nats"}
UNITS = dict.fromkeys(ENDPOINTS, "fraction") | {"forget": "nats", "example": "standard errors"}
COUNTS = {"forget": 12_345, "recognised": 0, "standing_out": 0}


def judged(name, says="open", difference=0.123, margin=0.1, bound=0.2345, apart=(), harm="broke", **units):
    unit = (UNITS | units)[name]
    return Judged(name, says, harm, unit, difference, -0.1, 0.4, margin, 0.05, bound, None, tuple(apart))


def words(outcome, because, close=""):
    """The sentence on a method, which has to be short, end once and begin with a capital."""
    text = wording.sentence(NAME, outcome, because, close)
    assert len(text.split()) <= 30, text
    assert text.endswith(".")
    assert ".." not in text
    assert text.startswith(f"{NAME}: {outcome.partition(':')[0]}. ")
    assert text.removeprefix(f"{NAME}: {outcome.partition(':')[0]}. ")[0].islower() is False
    return text


SUBSETS = [names for size in range(1, 7) for names in itertools.combinations(ENDPOINTS, size)]


@pytest.mark.parametrize("names", SUBSETS, ids="-".join)
@pytest.mark.parametrize("units", [{}, LOSSES], ids=["accuracy", "loss"])
def test_whatever_endpoints_there_are_the_sentence_is_short(names, units):
    for chance in (None, 0.0, 0.12, 0.84, 1.0):
        words(PASSES, wording.within([judged(n, "within", **units) for n in names], 10_000, chance))
    for difference in (0.01, -0.3, 0.3, 12.0):
        missing = [judged(n, difference=difference, **units) for n in names]
        words(OPEN, wording.undecided(missing), wording.more_models(1000, 2000))
        for count in (1, 2, 3, 9, 10):
            apart = judged(names[0], "within", apart=range(count), **units)
            words(OPEN, wording.alone(apart, 10), wording.LOOK)


def test_fixed_reasons_are_short():
    for because in (wording.UNFAIR, wording.BLIND, wording.NOTHING):
        words(OPEN, because, "retrained models by the recipe of the originals")


def verdict(p=0.005, difference=0.02, why="remembers: more"):
    return Verdict("distinguishable", difference, None, None, p, 0.02, 0.05, why)


@pytest.mark.parametrize("counts", [{}, {"recognised": 1234}, {"standing_out": 1234}, {"recognised": 1234, "standing_out": 2345}])
@pytest.mark.parametrize("outcome", [REMEMBERS, HIDES, DAMAGED])
def test_evidence_of_every_score_is_short_by_its_heading(counts, outcome):
    for name in abouts(evaluators()):
        for why in (
            "remembers: more",
            "hides: it relearns faster than retrained models",
            "over-forgets: less",
            "loses utility: less",
            "",
        ):
            tests = {
                name: verdict(why=why),
                "forget_accuracy": verdict(0.0001, -0.3),
                "test_accuracy": verdict(0.01, -0.1, "loses"),
            }
            outside = [judged(e, "outside", difference=-3.8, harm=h) for e, h in (("forget", "remembers"), ("test", "broke"))]
            for ends in ([], outside[:1], outside[1:], outside):
                words(outcome, wording.strongest(harms_of(Evidence(tests, COUNTS | counts, heading=named), ends)))


def test_endpoints_outside_are_told_in_their_unit():
    told = {
        "an attack gains 12.3 points over guessing": judged("attack"),
        "loss on the forget set is 98 % below retraining's": judged("forget", difference=-3.8),
        "loss on the forget set is 65 % above retraining's": judged("forget", difference=0.5),
        "loss on the forget set is 45 times retraining's": judged("forget", difference=3.8),
        "a forget example lies 4.7 standard errors farther out than retrained models' do": judged("example", difference=4.67),
        "test accuracy is 1 point below retraining's": judged("test", difference=-0.01),
        "retain loss is 13 % above retraining's": judged("retain", **LOSSES),
    }
    assert {wording.outside(j) for j in told.values()} == set(told)
    assert all(wording.outside(j) == text for text, j in told.items())


def test_what_passes_is_told_by_bounds_that_are_not_understated():
    first = [judged("attack", bound=0.0361), judged("test", bound=0.0031)]
    assert words(PASSES, wording.within(first, 10, 0.84)) == (
        f"{NAME}: passes. No stated attack gains more than 3.7 points over guessing; test accuracy loses at most 0.4 points "
        "(10 retrained models; perfect unlearning passes 8 times in 10)."
    )
    lone = [judged("example", bound=1.13)]
    assert "lies at most 1.2 standard errors farther out than retraining's (10 retrained models)" in wording.within(lone, 10, None)
    assert "loss on the forget set is within 11 % of retraining's" in wording.within([judged("forget", bound=0.1)], 10, 0.01)
    assert "seldom passes" in wording.within([judged("forget", bound=0.1)], 10, 0.01)
    assert "1 time in 10" in wording.within([judged("forget", bound=0.1)], 10, 0.1)


def test_what_looks_beyond_its_margin_is_named_alone():
    near, far, other = judged("attack", difference=0.01), judged("forget", difference=0.5), judged("test", difference=0.01)
    assert wording.undecided([near]) == "the attack may lie beyond its margin"
    assert wording.undecided([near, far]) == "loss on the forget set seems to lie beyond its margin"
    assert wording.undecided([near, other]) == "the attack and test accuracy may lie beyond their margins"
    assert wording.undecided([judged(n, difference=0.0) for n in ENDPOINTS]) == (
        "the attack, the attack by distance and 4 more may lie beyond their margins"
    )
    assert not wording.looks_beyond(judged("test", difference=0.5, harm=""))


@pytest.mark.parametrize(
    ("apart", "models", "text"),
    [
        ([2], 10, "1 of 10 models (number 3) stands apart in the attack"),
        ([0, 2], 10, "2 of 10 models (numbers 1 and 3) stand apart in the attack"),
        ([0, 2, 3, 4, 5], 10, "5 of 10 models (numbers 1, 3 and 3 more) stand apart in the attack"),
        ([0, 1, 2], 3, "each of the 3 models lies outside what retrained models show in the attack"),
    ],
)
def test_models_that_lie_alone_are_numbered(apart, models, text):
    assert wording.alone(judged("attack", apart=apart), models) == text


def test_both_directions_are_counted_most_first():
    counted = wording.counted
    assert counted(COUNTS | {"recognised": 6}) == "its models know 6 of 12,345 forget examples better than retrained models do"
    assert counted(COUNTS | {"recognised": 6, "standing_out": 1200}) == (
        "its models know 1,200 of 12,345 forget examples less well, and 6 better, than retrained models do"
    )


def test_a_second_harm_is_told_where_there_is_room_for_it():
    first, same, other = ("remembers", "a b c"), ("remembers", "d"), ("broke", "test accuracy is low")
    assert wording.strongest([first, same, other]) == "a b c, and test accuracy is low"
    assert wording.strongest([first, same]) == "a b c"
    assert wording.strongest([first, ("broke", "x " * 30)]) == "a b c"


def test_margins_are_told_together_where_they_share_their_spreads():
    units = dict(UNITS)
    assert margins_in_words(Protocol(), 5, units) == (
        "within 3 spreads of retrained models or, where that is wider, within 5 points for each of two attacks, 11 % for loss on "
        "the forget set, 1 point for test accuracy and 1 point for retain accuracy; for the farthest forget example spreads alone "
        "count; spreads count up to 25 points for each of two attacks, 5 points for test accuracy and 5 points for retain "
        "accuracy"
    )
    assert margins_in_words(Protocol(), 1, units).startswith("within 4 spreads")
    one = margins_in_words(Protocol(), 5, {name: unit for name, unit in units.items() if name != "distance"})
    assert "5 points for the attack" in one
    own = Protocol(attack=Margin(absolute=0.03), test=Margin(1.0, 0.01))
    told = margins_in_words(own, 5, UNITS | LOSSES)
    assert told.startswith("within 3 points for each of two attacks, 11 % or 3 spreads for loss on the forget set, 3 spreads for")
    assert "11 % or 3 spreads for test loss and" in told


def observed(models, seed, oracles_alike=False, attack=True, accuracy=True):
    """Answers of models of one law; with ``oracles_alike`` all one, without ``accuracy`` losses and margins alone."""
    rng = np.random.default_rng(0 if oracles_alike else seed)
    side = np.repeat(["forget", "retain", "test"], 40)
    margin = np.linspace(-1, 4, 120) + rng.normal(0, 0.5, (1 if oracles_alike else models, 120))
    margin = np.repeat(margin, models, 0) if oracles_alike else margin
    labels = np.zeros(120, dtype=int)
    if accuracy:
        logits = np.stack([margin, np.zeros_like(margin)], -1).astype(np.float32)
        return Observation.of_logits(logits, labels, labels, side, np.arange(120).astype(str))
    outputs = {"loss": np.logaddexp(0, -margin)} | ({"margin": margin} if attack else {})
    return Observation(outputs, labels, labels, side, np.arange(120).astype(str))


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(("accuracy", "attack"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize(("models", "oracles"), [(1, 2), (2, 2), (1, 8), (3, 8), (5, 1)])
@pytest.mark.parametrize("strictness", ["screening", "strict"])
def test_rulings_of_all_designs_are_short(alike, accuracy, attack, models, oracles, strictness):
    ours = observed(models, 1, False, attack, accuracy)
    theirs = observed(oracles, 2, alike, attack, accuracy)
    ruling = rule(Protocol(strictness), ours, theirs, None, Evidence({}, COUNTS))
    text = ruling.document(NAME)["sentence"]
    assert text == words(ruling.outcome, ruling.because, ruling.open)
    assert ruling.outcome in (PASSES, OPEN, REMEMBERS, DAMAGED)


def test_of_retrained_models_that_are_one_it_is_not_said_how_they_spread():
    ruling = rule(Protocol(), observed(5, 1, accuracy=False), observed(20, 2, True, accuracy=False), None, Evidence({}, COUNTS))
    assert ruling.power is None
    assert ruling.open == wording.MORE_EXAMPLES
    assert not [note for note in ruling.notes if "times as much" in note]
    assert (
        "the attack, the attack by distance and the farthest forget example were not tested: retrained models do not differ"
        in ruling.notes[0]
    )
    assert "(20 retrained models, all alike)" in wording.within([judged("test")], 20, None, True)
