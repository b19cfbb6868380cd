"""Columns of a data frame in a rule: text in object arrays, categories, dates with and without a zone, empty cells."""

import datetime

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import RequestError
from untrain.data.requests.resolve import request

pd = pytest.importorskip("pandas")
N = 120


def data(**columns):
    draw = np.random.default_rng(0)
    return ut.examples(draw.normal(size=(N, 6)).astype("float32"), draw.integers(3, size=N), columns=columns)


DAYS = pd.date_range("2020-01-01", periods=N)
COLUMNS = {
    "clinic": pd.Series(["north", "south", "east"] * 40),
    "kind": pd.Categorical(["a", "b"] * 60),
    "day": pd.Series(DAYS),
    "zoned": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "date": np.array([each.date() for each in DAYS], dtype=object),
    "nullable": pd.array(range(N), dtype="Int64"),
    "sure": np.array([True, False] * 60, dtype=object),
    "bytes": np.array([b"x", b"y"] * 60),
}


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("clinic == 'north'", 40),
        ("clinic in ('north', 'east')", 80),
        ("kind == 'a'", 60),
        ("day < '2020-02-01'", 31),
        ("'2020-01-10' <= day <= '2020-01-11 12:00'", 2),
        ("day == '2020-01-05'", 1),
        ("zoned < '2020-01-01'", 1),
        ("date >= '2020-02'", 89),
        ("nullable * 2 == 10", 1),
        ("sure and bytes == 'x'", 60),
    ],
)
def test_a_rule_compares_columns_of_a_data_frame(rule, wanted):
    assert len(ut.Where(rule).draw(data(**COLUMNS))) == wanted


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("day < 'soon'", "'soon' is not a date such as '2020-02-01'"),
        ("day < 3", "'day' is dates and '3' is numbers"),
        ("day + 1 == 2", "'day' is dates: arithmetic needs numbers"),
        ("gaps == 'a'", "the column 'gaps' has 60 empty cells among 120"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(rule, told):
    gaps = np.array(["a", None] * 60, dtype=object)
    with pytest.raises(RequestError, match=told):
        ut.Where(rule).draw(data(**COLUMNS, gaps=gaps))


EMPTY_DAYS = (
    "3 of 120 cells of 'day' are empty: comparisons are false of them, but != and what 'not' or 'not in' turns round are true"
)
EMPTY = {
    "string": lambda: pd.Series(["a", None] * 60, dtype="string"),
    "boolean": lambda: pd.Series([True, None] * 60, dtype="boolean"),
    "large": lambda: pd.Series([2**60 + 1, None] * 60, dtype="Int64").astype(object),
    "category": lambda: pd.Categorical(["a", None] * 60),
    "list with nan": lambda: ["a", float("nan")] * 60,
    "list with None": lambda: ["a", None] * 60,
    "dates with NaT": lambda: pd.Series([datetime.date(2020, 1, 1), pd.NaT] * 60, dtype=object),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_cell_is_empty_whoever_wrote_it(name):
    made = data(gaps=EMPTY[name]())
    for rule in ("gaps == 'a'", "gaps == 'nan'", "gaps"):
        with pytest.raises(RequestError, match="the column 'gaps' has 60 empty cells among 120"):
            ut.Where(rule).draw(made)


def test_cells_of_several_kinds_become_none_of_them():
    for mixed in ([1, True] * 60, [1, "1"] * 60):
        with pytest.raises(RequestError, match="values of another kind"):
            ut.Where("mixed == 1").draw(data(mixed=mixed))


def test_what_is_converted_or_empty_is_noted():
    day = pd.Series(DAYS).where(np.arange(N) > 2)
    made = request(data(day=day), ut.Where("day < '2020-01-05'"))
    assert made.rows == (3,)
    assert made.notes == (EMPTY_DAYS,)
    mixed = np.array([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)] * 60, dtype=object)
    with pytest.raises(RequestError, match="values of another kind"):
        ut.Where("mixed < '2020-01-05'").draw(data(mixed=mixed))


@pytest.mark.parametrize(
    ("rule", "drawn"),
    [("day > '1999-01-01'", False), ("day == '1999-01-01'", False), ("day in ('1999-01-01', '2020-01-05')", False)]
    + [(rule, True) for rule in ("day != '2020-01-05'", "not (day > '1999-01-01')", "day not in ('1999-01-01', '2020-01-05')")],
)
def test_empty_cells_are_drawn_as_their_note_says(rule, drawn):
    made = request(data(day=pd.Series(DAYS).where(np.arange(N) > 2), any=np.arange(N)), ut.Where(f"{rule} or any == 50"))
    assert ({0, 1, 2} <= set(made.rows)) == drawn
    assert EMPTY_DAYS in made.notes


@pytest.mark.parametrize(
    ("rule", "cause"),
    [
        ("id == 007", "numbers have no leading zeros: write 7, or '007' in quotes"),
        ("id in (1, 08)", "numbers have no leading zeros"),
        ("id = 3", "to compare, write == instead of ="),
        ("(id == 3", "'\\(' was never closed"),
        ("name == 'ann", "unterminated string literal"),
    ],
)
def test_a_rule_that_does_not_parse_names_the_cause(rule, cause):
    with pytest.raises(ut.BadInput, match=f"should be a condition such as.*{cause}"):
        ut.Where(rule)


MOMENTS = pd.Series(pd.date_range("2020-01-01 06:00", periods=N, freq="12h"))  # to the 29th of February
PERIODS = ["moment <= '2020-02'", "moment > '2020-01'", "moment == '2020-01-05'", "moment != '2020-01-05'"]
PERIODS += ["'2020-02' >= moment", "'2020-01' < moment", "moment in ('2020-01-05', '2021-01-01')"]


@pytest.mark.parametrize("rule", PERIODS)
def test_a_month_that_may_be_its_first_moment_or_all_of_it_is_asked_about(rule):
    with pytest.raises(RequestError, match=r"may be its first moment or all of it, and \d+ cells of moment lie between: write"):
        ut.Where(rule).draw(data(moment=MOMENTS))


def test_both_readings_of_a_month_can_be_written():
    made = data(moment=MOMENTS)
    with pytest.raises(RequestError, match=r"write '2020-02-01T00:00:00[.0]*' for the first, or .* >= '2020-02' and < '2020-03'"):
        ut.Where("moment <= '2020-02'").draw(made)
    assert len(ut.Where("moment <= '2020-02-01T00:00:00.000000'").draw(made)) == 62
    assert len(ut.Where("moment >= '2020-02' and moment < '2020-03'").draw(made)) == N - 62
    assert len(ut.Where("day <= '2020-01-31'").draw(data(day=pd.Series(DAYS)))) == 31
