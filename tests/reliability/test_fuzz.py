"""A part of the fuzzed inputs of ``reliability/``: every reader and parser gives a right result or refuses in one line."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2] / "reliability"
KINDS = (
    "spec", "where", "ids", "scores", "arrays", "columns", "checkpoints", "parquet", "images", "lines", "records",
    "index", "mark", "results", "ledgers", "certificates",
)  # fmt: skip
TRIES = 60


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """What did not hold, by kind: the number that repeats the try, the verdict, and what was seen."""
    log = tmp_path_factory.mktemp("reliability") / "log"
    chosen = [word for kind in KINDS for word in ("--only", kind)]
    line = [sys.executable, str(SUITE), *chosen, "--tries", str(TRIES), "--processes", "1", "--log", str(log)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stderr
    assert re.search(rf"^all +{len(KINDS) * TRIES:,} ", done.stdout, re.MULTILINE), done.stdout  # an empty table would hold nothing
    found = defaultdict(list)
    for kind, *failure in map(json.loads, log.read_text().splitlines()):
        found[kind].append(failure)
    assert done.returncode == int(bool(found)), done.stdout
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_fuzzed_inputs_give_a_right_result_or_one_line(kind, failures):
    assert failures[kind] == []
