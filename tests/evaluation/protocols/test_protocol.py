"""Protocols are named, spelled, or refused in one clear line."""

from itertools import pairwise

import pytest

import untrain as ut
from untrain.core.errors import SpecError
from untrain.core.spec import parse
from untrain.evaluation.protocols.protocol import ENDPOINTS, Margin, Protocol, protocol_of


def test_a_protocol_has_a_margin_for_each_endpoint_and_stricter_ones_are_smaller():
    rows = [Protocol(name).margins for name in ("screening", "standard", "strict")]
    assert all(tuple(margins) == ENDPOINTS for margins in rows)
    for loose, tight in pairwise(rows):
        assert all(loose[n].spreads > tight[n].spreads and loose[n].absolute >= tight[n].absolute for n in ENDPOINTS)


def test_a_margin_of_your_own_replaces_that_of_the_named_protocol_alone():
    own = Protocol("strict", attack=Margin(absolute=0.03))
    assert own.margins["attack"] == Margin(0.0, 0.03)
    assert own.margins["distance"] == own.margins["attack"]
    others = ("forget", "example", "test", "retain")
    assert [own.margins[n] for n in others] == [Protocol("strict").margins[n] for n in others]


def test_spreads_never_widen_a_margin_beyond_its_limit():
    with pytest.raises(SpecError, match="most is at least absolute"):
        Margin(2.0, 0.1, 0.05)
    assert Margin(2.0).limit == float("inf")


def test_a_margin_of_your_own_is_spelled_and_read_back():
    own = Protocol("strict", attack=Margin(absolute=0.03))
    assert (own.label, Protocol("strict").label) == (repr(own), "strict")
    assert parse(repr(own)) == own == protocol_of(repr(own)) == protocol_of(own)


def test_both_are_named_like_all_specs():
    assert ut.Protocol is Protocol
    assert ut.Margin is Margin


@pytest.mark.parametrize("name", ["Strict", " strict ", "Protocol('strict')", "Protocol(strictness='strict')"])
def test_a_name_will_do(name):
    assert protocol_of(name) == Protocol("strict")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("stict", "there is no protocol 'stict'; did you mean 'strict'"),
        ("", "there is no protocol ''; there is screening, standard, strict, or"),
        ("Retrain", "there is no protocol 'Retrain'; there is screening"),
        (3, "3 is not a protocol; there is screening"),
        (None, "None is not a protocol"),
        ("Margin(spreads=2)", "is not a protocol; there is screening"),
        ("Protocol('lenient')", "strictness='lenient': should be 'screening', 'standard' or 'strict'"),
        ("Protocol(attack=0.05)", "attack=0.05: should be an instance of Margin"),
        ("Protocol(atack=Margin(1))", "no field 'atack'.*did you mean 'attack'"),
        ("Protocol(attack=Margin())", "no number of models shows a difference of 0; give spreads or absolute"),
        ("Protocol(example=Margin(absolute=1.0))", "far by chance; its margin is in spreads"),
        ("Protocol(attack=Margin(spreads=-1))", "spreads=-1: should be greater than or equal to 0"),
        ("Protocol(level=0)", "level=0: should be greater than 0"),
        ("Protocol(level=0.5)", "level=0.5: should be less than or equal to 0.2"),
        ("Protocol(leak=0)", "leak=0: should be greater than 0"),
    ],
)
def test_what_is_no_protocol_is_refused_in_one_line(given, says):
    with pytest.raises(SpecError, match=says) as caught:
        protocol_of(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_margin_is_finite(value):
    with pytest.raises(SpecError, match="should be a finite number"):
        Margin(spreads=value)
