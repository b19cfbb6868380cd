"""What an unlearner sees, and in which batches."""

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import DataError, RequestError
from untrain.data.batching import in_order, shuffled
from untrain.data.examples import Batch, Examples, batch_of, take, to_device
from untrain.data.fingerprint import array_digest, fingerprint
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import Steps


def numbered(n, start=0):
    """Examples whose input is their number."""
    rows = torch.arange(start, start + n)
    return Examples.labelled(rows[:, None].float(), rows % 2, rows.numpy(), 2)


def problem(forget=10, retain=33, **more):
    """A request to forget 100, 101, ... of examples whose retained ones are 0, 1, ..."""
    return Problem(Classification(), numbered(forget, 100), numbered(retain), **more)


def told(batches):
    """The numbers in each batch of each step."""
    return [tuple(None if b is None else b.x[:, 0].int().tolist() for b in step) for step in batches]


def flat(lists):
    """One list of many."""
    return list(chain.from_iterable(lists))


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 5))
def test_an_epoch_holds_every_row_once(n, batch, seed):
    rows = np.concatenate(list(shuffled(n, batch, np.random.default_rng(seed))))
    assert sorted(rows.tolist()) == list(range(n))


@given(st.integers(2, 300), st.integers(2, 64), st.integers(0, 5))
def test_no_batch_is_a_single_left_over_row(n, batch, seed):
    assert min(len(b) for b in shuffled(n, batch, np.random.default_rng(seed))) > 1


def test_a_single_left_over_row_joins_the_batch_before_it():
    assert [len(b) for b in shuffled(257, 128, np.random.default_rng(0))] == [128, 129]


def test_one_example_is_one_batch():
    assert [b.tolist() for b in shuffled(1, 128, np.random.default_rng(0))] == [[0]]


@given(st.integers(1, 300), st.integers(1, 64))
def test_in_order_is_in_order(n, batch):
    cut = list(in_order(n, batch))
    assert np.concatenate(cut).tolist() == list(range(n))
    assert all(len(b) == batch for b in cut[:-1])


def test_batches_of_45000_are_352():
    assert sum(1 for _ in shuffled(45_000, 128, np.random.default_rng(0))) == 352


def test_two_epochs_see_different_orders():
    plan = problem().retain_batches(Steps(epochs=2, batch=8))
    assert told(plan.draw(0)) != told(plan.draw(1))


def test_the_same_epoch_is_the_same_each_time_it_is_drawn():
    plan = problem().paired_batches(Steps(epochs=2, batch=8))
    assert told(plan.draw(1)) == told(plan.draw(1))


def test_another_seed_sees_another_order():
    steps = Steps(epochs=1, batch=8)
    assert told(problem(seed=0).retain_batches(steps).draw(0)) != told(problem(seed=1).retain_batches(steps).draw(0))


def test_pairs_walk_retain_once_and_forget_again_and_again():
    steps = told(problem(forget=10, retain=33).paired_batches(Steps(epochs=1, batch=4)).draw(0))
    assert sorted(flat(retain for retain, _ in steps)) == list(range(33))
    assert sorted(flat(forget for _, forget in steps[:3])) == list(range(100, 110))


def test_an_epoch_of_45000_in_batches_of_128_has_352_steps_and_drops_none():
    plan = problem(retain=45_000).retain_batches(Steps(epochs=1))
    sizes = [len(batch.y) for (batch,) in plan.draw(0)]
    assert (plan.length, len(sizes), sum(sizes), sizes[-1]) == (352, 352, 45_000, 72)


def test_pairs_reshuffle_forget_each_time_around():
    steps = told(problem(forget=10, retain=80).paired_batches(Steps(epochs=1, batch=4)).draw(0))
    rounds = [flat(forget for _, forget in steps[at : at + 3]) for at in (0, 3)]
    assert sorted(rounds[0]) == sorted(rounds[1])
    assert rounds[0] != rounds[1]


def test_pairs_go_through_retain_in_the_order_of_retains():
    steps = Steps(epochs=1, batch=4)
    alone = [retain for (retain,) in told(problem().retain_batches(steps).draw(0))]
    assert [retain for retain, _ in told(problem().paired_batches(steps).draw(0))] == alone


def test_turns_walk_forget_and_then_retain():
    steps = told(problem(forget=10, retain=12).alternating_batches(Steps(epochs=1, batch=4)).draw(0))
    assert [retain is None for retain, _ in steps] == [True, True, True, False, False, False]
    assert sorted(flat(forget for _, forget in steps[:3])) == list(range(100, 110))


def test_forgets_walk_forget_alone():
    steps = told(problem(forget=10).forget_batches(Steps(epochs=1, batch=4)).draw(0))
    assert sorted(flat(forget for (forget,) in steps)) == list(range(100, 110))


def test_an_empty_forget_set_is_refused():
    with pytest.raises(RequestError, match="forget set is empty"):
        problem(forget=0)


def test_to_forget_everything_is_refused():
    with pytest.raises(RequestError, match="nothing would be left"):
        problem(retain=0)


def test_examples_of_two_shapes_are_refused():
    other = Examples.labelled(torch.zeros(3, 2), torch.zeros(3).long(), np.arange(3), 2)
    with pytest.raises(DataError, match=r"\(\(1,\), torch.float32, 2\) and \(\(2,\), torch.float32, 2\)"):
        Problem(Classification(), numbered(3), other)


def test_the_digest_is_of_the_forget_set():
    assert problem().digest == fingerprint(problem().forget.ids, problem().forget.x)
    assert problem(forget=9).digest != problem(forget=10).digest == problem(retain=5).digest


@given(st.permutations(range(6)))
def test_a_fingerprint_does_not_depend_on_order(order):
    ids, x = np.arange(6), torch.arange(6.0)[:, None]
    assert fingerprint(ids[list(order)], x[list(order)]) == fingerprint(ids, x)


def test_a_fingerprint_tells_ids_and_inputs_apart():
    ids, x = np.arange(3), torch.zeros(3, 2)
    seen = {fingerprint(ids), fingerprint(ids + 1), fingerprint(ids, x), fingerprint(ids, x + 1), fingerprint(ids.astype(str))}
    assert len(seen) == 5


def test_a_fingerprint_tells_which_input_bears_which_id():
    ids, x = np.arange(2), torch.tensor([[0.0], [1.0]])
    assert fingerprint(ids, x) != fingerprint(ids, x.flip(0))


def test_an_array_digest_depends_on_shape_type_and_order():
    a = np.arange(4)
    assert len({array_digest(a), array_digest(a.reshape(2, 2)), array_digest(a.astype(float)), array_digest(a[::-1])}) == 4


def test_taking_rows_takes_all_that_belongs_to_them():
    ids = np.array(["a", "b", "c"])
    examples = Examples.labelled(
        torch.eye(3), torch.arange(3), ids, 3, true=torch.tensor([2, 1, 0]), columns={"age": np.arange(3) * 10}
    )
    taken = take(examples, np.array([2, 0]))
    assert taken.ids.tolist() == ["c", "a"]
    assert taken.y.tolist() == [2, 0]
    assert taken.true.tolist() == [0, 2]
    assert taken.columns["age"].tolist() == [20, 0]
    assert torch.equal(taken.x, torch.eye(3)[[2, 0]])


def test_a_batch_keeps_the_order_of_its_rows():
    made = batch_of(numbered(5), np.array([3, 1]))
    assert isinstance(made, Batch)
    assert made.x[:, 0].tolist() == [3, 1]


def test_examples_move_to_a_device_as_a_whole():
    moved = to_device(Examples.labelled(torch.eye(2), torch.arange(2), np.arange(2), 2, true=torch.arange(2)), "meta")
    assert {moved.x.device.type, moved.y.device.type, moved.true.device.type} == {"meta"}


def test_no_unlearner_sees_true_labels_or_further_columns():
    y = torch.zeros(4).long()
    known = Examples.labelled(torch.zeros(4, 1), y, np.arange(4), 2, true=y + 1, columns={"name": np.arange(4)})
    posed = Problem(Classification(), known, known, valid=known)
    assert [(e.true, e.columns) for e in (posed.forget, posed.retain, posed.valid)] == [(None, {})] * 3
