"""A command that is asked to stop cleans up, says so in one line and ends with the code of the signal."""

import os
import signal
import subprocess
import sys
import time

import pytest

from untrain.commands.cli.signals import stops
from untrain.core.foreign import foreign
from untrain.runtime.store import Store


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_ends_in_one_line_and_leaves_nothing_half_done(tmp_path, number):
    place = tmp_path / "temporary"
    place.mkdir()
    argv = ["run", "Digits", "Nothing", "--workers", "2", "--store", str(tmp_path / "s"), "--out", str(tmp_path / "o")]
    process = subprocess.Popen(
        [sys.executable, "-m", "untrain", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(place)}, start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # which nohup would have ignored
    )  # fmt: skip
    began = time.monotonic()
    while not list((tmp_path / "s").glob("tmp/mark.*")) and process.poll() is None and time.monotonic() - began < 120:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (128 + number, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "untrain: stopped; finished work is stored, and the same command continues from there"
    assert Store(tmp_path / "s").verify() == []
    assert list((tmp_path / "s" / "tmp").glob("mark.*")) == []
    assert list(place.glob("untrain-*")) == []


def test_within_a_signal_interrupts_once_and_afterwards_handlers_are_those_of_before():
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    with stops() as stop:
        assert stop.code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # while cleaning up
        signal.raise_signal(signal.SIGHUP)
        assert stop.code == 143
    assert {each: signal.getsignal(each) for each in before} == before


def test_a_signal_within_foreign_code_is_nobodys_fault():
    with stops() as stop:
        with pytest.raises(KeyboardInterrupt), foreign("a method"):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # while cleaning up
        assert stop.code == 143


def test_a_signal_that_is_ignored_stays_so(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.code == 130
    finally:
        signal.signal(signal.SIGHUP, before)
