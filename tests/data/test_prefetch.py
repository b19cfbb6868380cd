"""Things made ahead come in order, with their errors, and leave no thread behind."""

import threading
import time

import pytest

from untrain.data.prefetch import prefetch


def threads():
    return [t for t in threading.enumerate() if t.name == "untrain-ahead"]


def test_all_comes_in_order_and_the_thread_ends():
    assert list(prefetch(iter(range(50)))) == list(range(50))
    assert list(prefetch(iter([]))) == []
    assert threads() == []


def test_an_error_comes_in_its_turn():
    def source():
        yield 1
        yield 2
        raise ValueError("third")

    found = prefetch(source())
    assert (next(found), next(found)) == (1, 2)
    with pytest.raises(ValueError, match="third"):
        next(found)
    assert threads() == []


def test_who_stops_early_leaves_no_thread_and_no_more_than_depth_was_made():
    made = []

    def source():
        for i in range(1000):
            made.append(i)
            yield i

    for got in prefetch(source(), depth=3):
        if got == 4:
            break
    assert threads() == []
    assert len(made) <= 4 + 1 + 3 + 2


def test_the_next_thing_is_made_while_this_one_is_used():
    def source():
        for i in range(5):
            time.sleep(0.04)
            yield i

    started = time.perf_counter()
    for _ in prefetch(source()):
        time.sleep(0.04)
    assert time.perf_counter() - started < 0.36
