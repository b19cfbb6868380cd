"""Ids of 64 bits, as social networks give them: lists of them, and what `untrain memorize` itself wrote, are read."""

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import DataError, RequestError
from untrain.data.examples import joined
from untrain.data.requests.memorized import Memorized
from untrain.data.requests.resolve import request
from untrain.experiments.audits.foreign_models import Outputs
from untrain.experiments.audits.populations import populations_of

N = 120
SIGNED = 1_780_000_000_000_000_000 + np.arange(N) * 7919
HASHES = np.uint64(2**63) + np.arange(N, dtype=np.uint64) * np.uint64(7919)
LEARNER = ut.Train(model=ut.MLP(width=8))


def data(ids):
    draw = np.random.default_rng(0)
    return ut.examples(draw.normal(size=(N, 6)).astype("float32"), draw.integers(3, size=N), ids=ids)


@pytest.mark.parametrize("ids", [SIGNED, HASHES], ids=["int64", "uint64"])
def test_lists_and_scores_of_ids_of_64_bits_are_read(tmp_path, ids):
    (tmp_path / "a.csv").write_text("id\n" + "\n".join(map(str, ids[:3])) + "\n")
    np.save(tmp_path / "a.npy", ids[:3])
    scores = "".join(f"{i},{(N - k) / N}\n" for k, i in enumerate(ids))
    (tmp_path / "scores.csv").write_text(f"id,memorization\n{scores}")
    requests = [ut.IdFile(path=str(tmp_path / "a.csv"), heading=True), ut.IdFile(path=str(tmp_path / "a.npy"))]
    requests += [Memorized(fraction=3 / N, scores=str(tmp_path / "scores.csv")), ut.Ids(ids=tuple(ids[:3].tolist()))]
    for by in requests:
        assert request(data(ids), by).ids == tuple(ids[:3].tolist())


def test_unsigned_ids_stay_what_they_are():
    made = data(HASHES)
    assert made.ids.tolist() == HASHES.tolist()
    assert data(HASHES.tolist()).ids.tolist() == HASHES.tolist()
    assert data(np.arange(N, dtype=np.uint64)).ids.dtype == np.int64
    assert joined(made, data(np.arange(N))).ids.tolist() == [*HASHES.tolist(), *range(N)]
    assert joined(made, data(-np.arange(N))).ids.tolist() == [*map(str, HASHES.tolist()), *map(str, (-np.arange(N)).tolist())]
    assert ut.Where(f"id == {HASHES[1]}").draw(made).tolist() == [1]


def test_ids_beyond_64_bits_and_ids_that_numpy_would_join_are_refused():
    with pytest.raises(DataError, match="more than 64 bits"):
        data([2**64 + i for i in range(N)])
    with pytest.raises(DataError, match="ends in a null byte"):
        data(["ann", "ann\0", *map(str, range(2, N))])


def test_scores_in_a_table_that_rounds_their_ids_are_refused(tmp_path):
    np.save(tmp_path / "scores.npy", np.stack([SIGNED.astype(float), np.ones(N)], 1))
    with pytest.raises(RequestError, match="which float64 rounds"):
        Memorized(fraction=0.1, scores=str(tmp_path / "scores.npy")).draw(data(SIGNED))


MIXED = [2**63 + 1, 2**63, 2**53 + 1, *range(3, N)]  # on both sides of what int64 holds, which NumPy rounds to float64


@pytest.mark.parametrize("held", [list, tuple, lambda ids: [np.uint64(i) for i in ids], lambda ids: np.array(ids, dtype=object)])
def test_a_list_of_small_and_large_ids_keeps_the_digits_of_all(held):
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(N, 6)).astype("float32"), draw.integers(3, size=N)
    made = ut.examples(x, y, ids=held(MIXED), owner=held(MIXED), columns={"key": held(MIXED)})
    for column in (made.ids, made.owner, made.columns["key"]):
        assert column.tolist() == MIXED
    assert [ut.Where(f"key == {key}").draw(made).tolist() for key in MIXED[:3]] == [[0], [1], [2]]
    logits = draw.normal(size=(5, N, 3))
    audited = Outputs(logits[:2], logits[2:], labels=y, ids=held(MIXED), forget=held([2**63, 5, 2**53 + 1]), test=[8, 9])
    frame = populations_of(audited).frame
    assert frame.ids[frame.side == "forget"].tolist() == [2**63, 2**53 + 1, 5]


def test_a_fraction_beside_a_number_that_it_would_round_rounds_nothing():
    mixed = [2**53 + 1, 1.5, *range(2, N)]
    draw = np.random.default_rng(0)
    made = ut.examples(draw.normal(size=(N, 6)), draw.integers(3, size=N), columns={"key": mixed, "sum": [2, 1.5, *range(2, N)]})
    assert made.columns["key"].tolist() == mixed
    with pytest.raises(RequestError, match="values of another kind"):
        ut.Where(f"key == {2**53}").draw(made)
    assert ut.Where("sum == 1.5").draw(made).tolist() == [1]
