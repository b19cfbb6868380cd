"""Where on whole numbers gives what Python gives, or refuses: nothing wraps round, and no digit is lost."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import untrain as ut
from untrain.core.errors import BadInput, RequestError
from untrain.data.requests._arithmetic import NotExact, as_date, compare, reckon

NS = 1_700_000_000_000_000_000 + np.arange(12) * 1_000_000_007
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "/": operator.truediv,
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
    act = reckon if symbol in ("+", "-", "*", "//", "%", "/") else compare
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


def test_quotients_of_large_whole_numbers_are_rounded_once():
    nearly = 4 * 10**18 - 255
    assert reckon(operator.truediv, np.array([nearly]), 4 * 10**18).tolist() == [nearly / (4 * 10**18)] == [1 - 2**-53]
    assert reckon(operator.truediv, nearly, 4 * 10**18) == 1 - 2**-53
    assert reckon(operator.truediv, 2**53 - 1, np.array([2**64 - 1], dtype=np.uint64)).tolist() == [(2**53 - 1) / (2**64 - 1)]


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


UNITS = ["D", "h", "s", "us", "ns"]
FAR = ["0001-01-01", "1600-02-29", "1969-12-31", "1970-01-01", "2020-01-31", "2300-01-01", "9999-12-31"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("symbol", ["<", "<=", "==", "!=", ">", ">="])
def test_far_dates_do_not_wrap(unit, symbol):
    near = ["1960-05-05", "1970-01-01", "2020-01-31"]
    for text in FAR:
        for left, right in ((near, text), (text, near)):
            sides = [as_date(side) if isinstance(side, str) else np.array(side, dtype=f"M8[{unit}]") for side in (left, right)]
            wanted = [OPERATORS[symbol](day, text) if left is near else OPERATORS[symbol](text, day) for day in near]
            assert compare(OPERATORS[symbol], *sides).tolist() == wanted


def test_far_dates_of_columns_and_of_rules():
    days = np.array([f"2020-01-{day:02d}" for day in range(1, 13)], dtype="M8[ns]")
    later = np.array([f"3000-01-{day:02d}" for day in range(1, 13)], dtype="M8[s]")
    made = data(day=days, later=later, year=later.astype("M8[Y]"))
    for rule in ("day < '9999-12-31'", "day > '1600-01-01'", "day < later", "day < year", "not (day >= '2300-01-01 10:00:00.5')"):
        assert ut.Where(f"{rule} and label == 1").draw(made).tolist() == [1, 4, 7, 10]
    with pytest.raises(RequestError, match="too many digits behind its seconds"):
        ut.Where("day < '2300-01-01 10:00:00.123456789'").draw(made)
    days[4] = np.datetime64("NaT")
    for rule, rows in (
        ("day < '9999-12-31'", [1, 7, 10]),
        ("day != '9999-12-31'", [1, 4, 7, 10]),
        ("'9999-12-31' > day", [1, 7, 10]),
    ):
        assert ut.Where(f"{rule} and label == 1").draw(data(day=days)).tolist() == rows


@pytest.mark.parametrize(("kind", "limit"), [("float16", 2**11), ("float32", 2**24), ("float64", 2**53)])
def test_fractions_of_few_bits_and_whole_numbers_keep_their_digits(kind, limit):
    x = np.full(3, limit, dtype=kind)
    for text in (f"{limit + 1}", f"{limit + 1}.0", f"{limit}.5")[: 1 if kind == "float64" else 3]:
        number = float(text) if "." in text else int(text)
        for symbol in ("<", "==", ">="):
            assert compare(OPERATORS[symbol], x, number).tolist() == [OPERATORS[symbol](limit, number)] * 3
            assert compare(OPERATORS[symbol], number, x).tolist() == [OPERATORS[symbol](number, limit)] * 3
    if kind != "float64":
        assert reckon(operator.add, x, 1).tolist() == [limit + 1] * 3


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_a_written_fraction_is_the_nearest_of_the_column(kind):
    made = data(x=(np.arange(12) / 10).astype(kind))
    for rule in ("x == 0.1", "-x == -0.1", "x in (0.1, -0.1)", "x >= 0.1 and x < 0.2"):
        assert ut.Where(rule).draw(made).tolist() == [1]
    assert ut.Where("x == 0 and x != 1e-50").draw(made).tolist() == [0]
    with pytest.raises(RequestError, match="holds for none"):
        ut.Where("x == 1e-50").draw(made)


@pytest.mark.parametrize("rule", ["not (x % 0 == 0)", "x % y != 1", "not (x // y < 1)", "y / y != 1", "x % 0.0 == 1"])
def test_a_fraction_divided_by_zero_is_refused(rule):
    with pytest.raises(RequestError, match="divide by zero") as caught:
        ut.Where(rule).draw(data(x=np.arange(12) / 2, y=np.arange(12) / 2))
    assert "\n" not in str(caught.value)


def test_what_is_no_number_is_refused():
    x = np.arange(12) / 2
    x[3] = np.inf
    for rule in ("not (x % 2 < 1)", "not (x - x == 0)", "not (x // 1 < 9)"):
        with pytest.raises(RequestError, match="a part of it is not a number"):
            ut.Where(rule).draw(data(x=x))
    x[3] = np.nan
    assert ut.Where("x - 1 > 3").draw(data(x=x)).tolist() == [9, 10, 11]
