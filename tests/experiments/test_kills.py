"""A demo that is killed again and again ends with the results of one that was left alone."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import time

import pytest

KILLS = 20


def start(folder, name, sizes):
    """Begin a demo in a process of its own."""
    where = ["--store", str(folder / name), "--out", str(folder / f"out-{name}")]
    command = [sys.executable, "-m", "untrain", "demo", *where, "--seeds", str(sizes[0]), "--oracles", str(sizes[1])]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def found(folder, name):
    """Scores and guards by run and method, and the digest of each model's weights by key."""
    whole = json.loads((folder / f"out-{name}" / "results.json").read_text())
    scores = [[(row["method"], row["scores"], row["guard"]) for row in run["results"]] for run in whole["runs"]]
    files = (folder / name).glob("objects/*/*/weights.safetensors")
    return scores, {f.parent.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(5, 10)])
def test_twenty_kills_at_random_moments_change_nothing(tmp_path, sizes):
    began = time.monotonic()
    assert start(tmp_path, "calm", sizes).wait() == 0
    whole = time.monotonic() - began
    draw, kills, counts = random.Random(11), 0, []
    while kills < KILLS:
        process = start(tmp_path, "hurt", sizes)
        try:
            # A start-up costs seconds; a run's share beyond it keeps most kills in the middle of work.
            assert process.wait(draw.uniform(0.5, 10 + 2 * whole / KILLS)) == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            counts.append(len(list((tmp_path / "hurt").glob("objects/*/*/record.json"))))
    assert start(tmp_path, "hurt", sizes).wait() == 0
    print(f"undisturbed {whole:.0f} s; entries after each of {kills} kills: {counts}")  # noqa: T201
    assert kills >= KILLS // 2
    assert counts == sorted(counts)
    assert found(tmp_path, "calm") == found(tmp_path, "hurt")
