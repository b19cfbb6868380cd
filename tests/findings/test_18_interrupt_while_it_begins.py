"""Ctrl-C while modules are imported: one line and exit code 130, as later; no traceback."""

import os
import signal
import subprocess
import sys
import time

from untrain.core.interrupts import STOPPED

COMMAND = "from untrain.__main__ import main; main()"
RUN = ["run", "Digits(request=Random(fraction=0.05))", "DEL", "--seeds", "2", "--oracles", "4", "--store", "runs", "--out", "page"]


def interrupted(folder, wait):
    """Exit code and standard error of a run that is interrupted after a while."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *RUN],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    return process.returncode, error


def test_an_interrupt_is_one_line_however_early(tmp_path):
    codes = []
    for at, wait in enumerate((0.15, 0.3, 0.6, 1.0, 1.5, 2.2, 3.5)):
        (tmp_path / str(at)).mkdir()
        code, error = interrupted(tmp_path / str(at), wait)
        codes.append(code)
        # Before Python itself has begun the system ends it, without a word.
        assert "Traceback" not in error
        assert code in (130, 0, -signal.SIGINT)
        if code == 130:
            assert error.strip().splitlines()[-1] == f"untrain: {STOPPED}"
    assert 130 in codes  # however fast or slow the machine is, one of them met a run under way


def test_an_interrupt_in_a_module_that_swallows_it_ends_all_the_same(tmp_path):
    (tmp_path / "slow_module.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    [None for _ in range(10**6)]\n"
        "except BaseException:\n    pass\n"
    )
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from untrain.core.interrupts import stop_in_imports\nstop_in_imports()\nimport slow_module\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (130, f"untrain: {STOPPED}\n")
