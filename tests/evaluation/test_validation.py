import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import DataError
from untrain.evaluation.validation import check_same_examples, observation, refuse_not_finite

M, N, C = 3, 8, 4


def parts(**changed):
    """Arrays that go together, with some in their place."""
    draw = np.random.default_rng(0)
    whole = {
        "logits": draw.normal(size=(M, N, C)).astype(np.float32),
        "labels": np.arange(N) % C,
        "side": np.array(["forget", "retain", "test", "retain"] * 2),
        "ids": np.arange(N) + 100,
        "true": (np.arange(N) + 1) % C,
        "who": "oracles",
    }
    return whole | changed


def with_at(array, place, value):
    """A copy with one value in its place."""
    made = np.array(array, dtype=np.result_type(array, np.asarray(value).dtype) if array.dtype.kind != "f" else array.dtype)
    made[place] = value
    return made


def test_what_goes_together_is_let_in_as_it_is():
    given = parts()
    seen = observation(**given)
    assert seen.logits is given["logits"]
    assert [a.tolist() for a in (seen.labels, seen.true, seen.ids)] == [given[n].tolist() for n in ("labels", "true", "ids")]
    assert seen.side.dtype == np.dtype("<U6")


def test_a_single_model_gets_its_axis_and_half_precision_is_widened():
    given = parts(logits=parts()["logits"][0].astype(np.float16))
    seen = observation(**given)
    assert (seen.logits.shape, seen.logits.dtype) == ((1, N, C), np.float32)


def test_a_memory_mapped_array_stays_on_disk(tmp_path):
    np.save(tmp_path / "x.npy", parts()["logits"])
    held = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(observation(**parts(logits=held)).logits, np.memmap)


LOGITS = parts()["logits"]
SIDE = parts()["side"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labels": np.arange(N - 1) % C}, f"there are {N - 1} labels and outputs on {N} examples"),
        ({"side": SIDE[:-2]}, f"there are {N - 2} sides"),
        ({"ids": np.arange(N + 1)}, f"there are {N + 1} ids"),
        ({"true": np.zeros(2, int)}, "there are 2 true labels"),
        ({"logits": with_at(LOGITS, (1, 2, 0), np.nan)}, r"model 1 of the oracles puts out NaN .* 1 of 8 .* row 2"),
        ({"logits": with_at(LOGITS, (2, 5, 1), np.inf)}, "model 2 of the oracles puts out NaN or infinite values on 1 of 8"),
        ({"logits": with_at(LOGITS, 1, 0.5)}, "model 1 of the oracles has the same outputs on all 8 examples"),
        (
            {"logits": with_at(LOGITS, (1, SIDE == "test"), 0.5)},
            "model 1 of the oracles has the same outputs on all 2 test examples",
        ),
        (
            {"logits": with_at(LOGITS, (2, SIDE == "forget"), 0.5)},
            "model 2 of the oracles has the same outputs on all 2 forget examples",
        ),
        (
            {"logits": with_at(LOGITS, (0, SIDE == "retain"), 0.5)},
            "model 0 of the oracles has the same outputs on all 4 retain examples",
        ),
        ({"logits": LOGITS[0, 0]}, "shape"),
        ({"logits": LOGITS[None]}, "logits .m, n, c. are needed"),
        ({"logits": LOGITS[..., :1]}, "one column, as of a sigmoid: give logits of two classes"),
        ({"logits": LOGITS.astype(int)}, "whole numbers: floating-point logits are needed, not predicted classes"),
        ({"logits": LOGITS > 0}, "truth values"),
        ({"logits": LOGITS.astype(object)}, "Python objects"),
        ({"logits": LOGITS[:0]}, "is empty"),
        ({"logits": LOGITS[:, :0]}, "is empty"),
        ({"labels": with_at(parts()["labels"], 3, C)}, f"hold {C} in row 3: with {C} classes they have to be 0 to {C - 1}"),
        ({"labels": with_at(parts()["labels"], 2, -1)}, "hold -1 in row 2"),
        ({"labels": parts()["labels"].astype(float)}, "labels hold float64"),
        ({"labels": np.zeros((N, 1), int)}, "labels have shape"),
        ({"side": np.where(SIDE == "test", "retain", SIDE)}, "no example is of side 'test'"),
        ({"side": np.where(SIDE == "forget", "retain", SIDE)}, "no example is of side 'forget'"),
        ({"side": np.where(SIDE == "test", "tets", SIDE)}, "'tets'; did you mean 'test'"),
        ({"side": np.zeros(N, int)}, "sides hold int64"),
        ({"ids": with_at(np.arange(N), 3, 0)}, "the id 0 is given to 2 examples"),
        ({"ids": np.full(N, 0.5)}, "ids hold float64"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line_and_never_scored(changed, told):
    with pytest.raises(DataError, match=told) as caught:
        observation(**parts(**changed))
    assert "\n" not in str(caught.value)


def test_a_side_of_one_example_is_no_reason_to_refuse():
    observation(**parts(side=np.array(["forget", "test"] + ["retain"] * (N - 2))))


def test_models_of_different_classes_or_examples_are_told_apart():
    check_same_examples([("unlearned", (3, 8, 4)), ("oracles", (9, 8, 4))])
    with pytest.raises(DataError, match="unlearned have outputs on 4 classes and oracles on 5"):
        check_same_examples([("unlearned", (3, 8, 4)), ("oracles", (3, 8, 5))])
    with pytest.raises(DataError, match="unlearned have outputs on 8 examples and oracles on 9"):
        check_same_examples([("unlearned", (3, 8, 4)), ("oracles", (3, 9, 4))])


@given(st.integers(0, N - 1), st.integers(0, C - 1), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_any_answer_that_is_no_number_is_found(row, column, value):
    with pytest.raises(DataError, match=f"in row {row}"):
        refuse_not_finite(with_at(LOGITS[0], (row, column), value), "it")
