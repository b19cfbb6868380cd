"""A spelling finds what it was spelled from, whatever else has its name."""

import dataclasses
import sys
import textwrap

import pytest

import untrain as ut
from untrain.core import discovery
from untrain.core.errors import SpecError
from untrain.core.spec import Spec, canonical
from untrain.core.spelling import shown

PLUGIN = """
    from untrain.unlearners.base import Unlearner

    class Finetune(Unlearner):
        \"\"\"Do nothing.

        Args:
            weight: of nothing.

        Source: none.
        \"\"\"

        weight: float = 1.0

        def unlearn(self, model, problem):
            return model

    class Outer:
        class Inner(Unlearner):
            \"\"\"Do nothing.\"\"\"

            def unlearn(self, model, problem):
                return model
"""


@pytest.fixture
def shadow(tmp_path, monkeypatch):
    (tmp_path / "shadowing.py").write_text(textwrap.dedent(PLUGIN))
    monkeypatch.syspath_prepend(tmp_path)
    yield ut.parse("shadowing.Finetune")
    sys.modules.pop("shadowing", None)


def test_a_plug_in_named_as_a_built_in_keeps_its_own_name(shadow):
    assert repr(shadow) == "shadowing.Finetune()"
    assert ut.parse(repr(shadow)) == shadow
    assert ut.parse(canonical(shadow)) == shadow
    assert type(ut.parse("Finetune()")) is not type(shadow)


def test_a_class_within_a_class_is_found_again(shadow):
    inner = sys.modules["shadowing"].Outer.Inner()
    assert ut.parse(repr(inner)) == inner


def makeable():
    for place in discovery.index().values():
        cls = discovery.load(place.name)
        needed = (
            [f for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
            if issubclass(cls, Spec)
            else [1]
        )
        if not needed:
            try:
                yield cls()
            except SpecError:  # one of two fields is needed
                continue


@pytest.mark.parametrize("made", list(makeable()), ids=repr)
def test_every_spelling_of_every_role_is_read_back(made):
    assert ut.parse(repr(made)) == made


CHAINS = [" @ ".join(["DEL"] * n) for n in (3, 500, 5000)]
NESTED = ["DEL(" * n + ")" * n for n in (50, 150, 500)]
NESTED += ["(" * 5000, "-" * 5000 + "1", "DEL(keep=" + "[" * 90 + "]" * 90 + ")"]
NAMES = ["DEL(self=1)", "DEL\0", "\0", "a" * 300, "a" * 300 + ".B", "\udc80", "a." * 300 + "B", "x" * 200_000]
VALUES = ["DEL(keep=0x" + "F" * 9000 + ")", "DEL(keep=" + "9" * 9000 + ")", "DEL(keep=0.2, keep=0.3)"]


@pytest.mark.parametrize("text", CHAINS + NESTED + NAMES + VALUES, ids=lambda text: shown(text)[:30])
def test_nested_long_and_odd_texts_are_refused_in_one_short_line(text):
    with pytest.raises(SpecError) as caught:
        ut.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_what_looks_like_a_word_of_python_is_told_its_name():
    with pytest.raises(SpecError, match="did you mean 'DEL'"):
        ut.parse("del")
    with pytest.raises(SpecError, match="a bracket is missing"):
        ut.parse("DEL(keep=.2")
