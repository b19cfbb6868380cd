"""Where on whole numbers gives what Python gives, or refuses: nothing wraps round, and no digit is lost."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import untrain as ut
from untrain.core.errors import BadInput, RequestError
from untrain.data.requests._arithmetic import NotExact, compare, reckon

NS = 1_700_000_000_000_000_000 + np.arange(12) * 1_000_000_007
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def data(**columns):
    return ut.examples(np.zeros((12, 1)), np.arange(12) % 3, columns=columns)


def test_nanoseconds_do_not_wrap():
    with pytest.raises(RequestError, match="holds for none"):
        ut.Where("ns * 10 < 0").draw(data(ns=NS))
    with pytest.raises(RequestError, match="it goes beyond whole numbers of 64 bits"):
        ut.Where("ns * 100 < 0").draw(data(ns=NS))
    assert ut.Where("ns // 1000000000 == 1700000003").draw(data(ns=NS)).tolist() == [3]
    assert ut.Where(f"ns == {NS[5]}").draw(data(ns=NS)).tolist() == [5]
    assert ut.Where(f"ns > {NS[5]}.0").draw(data(ns=NS)).tolist() == [n for n in range(12) if int(NS[n]) > float(NS[5])]
    with pytest.raises(RequestError, match="lose digits beside fractions"):
        ut.Where("ns + 0.5 > 3").draw(data(ns=NS))


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint16", "int32", "uint32"])
def test_small_types_do_not_wrap_either(kind):
    age = np.arange(120, 108, -1).astype(kind)
    made = data(age=age)
    assert len(ut.Where("age * 3 > 320").draw(made)) == sum(a * 3 > 320 for a in age.tolist())
    assert len(ut.Where("age - 115 < 0").draw(made)) == 6
    assert len(ut.Where("-age < -110").draw(made)) == 10


INTEGERS = {"int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1), "int8": (-128, 127), "uint8": (0, 255)}


@given(kinds=st.tuples(*[st.sampled_from(sorted(INTEGERS))] * 2), symbol=st.sampled_from(sorted(OPERATORS)), draw=st.data())
def test_whole_numbers_of_any_type_give_what_python_gives(kinds, symbol, draw):
    op = OPERATORS[symbol]
    left, right = (draw.draw(st.lists(st.integers(*INTEGERS[kind]), min_size=3, max_size=3)) for kind in kinds)
    act = reckon if symbol in ("+", "-", "*", "//", "%") else compare
    try:
        with np.errstate(divide="raise", over="raise"):
            got = act(op, np.array(left, dtype=kinds[0]), np.array(right, dtype=kinds[1]))
    except NotExact:
        wanted = [op(a, b) for a, b in zip(left, right, strict=True)]
        assert (min(wanted) < 0 and max(wanted) >= 2**63) or max(wanted) >= 2**64 or min(wanted) < -(2**63)
    except ArithmeticError:
        assert 0 in right
    else:
        assert got.tolist() == [op(a, b) for a, b in zip(left, right, strict=True)]


@given(number=st.integers(-(2**63), 2**63 - 1), fraction=st.floats(allow_nan=False, allow_infinity=False))
def test_whole_numbers_and_fractions_are_compared_digit_by_digit(number, fraction):
    for symbol in ("<", "==", ">="):
        op = OPERATORS[symbol]
        assert compare(op, np.array([number]), fraction).tolist() == [op(number, fraction)]
        assert compare(op, fraction, np.array([number])).tolist() == [op(fraction, number)]


NESTED = [
    *("(" * n + "id" + ")" * n + " == 1" for n in (50, 250, 1000, 100_000)),
    *("not " * n + "old" for n in (50, 200, 3000, 100_000)),
    *("-" * n + "id == 1" for n in (200, 3000, 100_000)),
    *("1 + (" * n + "id" + ")" * n + " == 1" for n in (150, 5000)),
    *(" + ".join(["id"] * n) + " == 50" for n in (50, 500, 20_000)),
]
ODD = ["id == '\0'", "id == '\ud800'", "\0", "\ud800", "x" * 100_000, "id < " + "9" * 5000, "'\\d' == id"]
READ = [rule for rule in NESTED if len(rule) < 500 and rule.count("(") < 100 and rule.count("-") < 100]


@pytest.mark.parametrize("rule", READ, ids=lambda rule: rule[:12])
def test_what_is_nested_a_little_is_read(rule):
    assert len(ut.Where(rule).draw(data(old=np.arange(12) > 5)))


@pytest.mark.parametrize("rule", [*(rule for rule in NESTED if rule not in READ), *ODD], ids=lambda rule: ascii(rule[:12]))
def test_nested_and_odd_text_gets_one_line(rule):
    with pytest.raises(BadInput) as caught:
        ut.Where(rule).draw(data(old=np.arange(12) > 5))
    assert "\n" not in str(caught.value)


def test_ids_of_odd_text_are_ids():
    odd = ["a\ud800", "a\udce9", "b" * 300, "c\0d", "", " ", "\u202e", "e", "f", "g", "h", "i"]
    made = ut.examples(np.zeros((12, 1)), np.arange(12) % 3, ids=odd)
    for name in odd:
        assert ut.Ids(ids=(name,)).draw(made).tolist() == [odd.index(name)]
