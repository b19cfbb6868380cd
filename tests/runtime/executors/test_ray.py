import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import torch

pytest.importorskip("ray", reason="ray is not installed")

import ray

from untrain import parse
from untrain.commands import run
from untrain.core.errors import BadInput, MissingExtra, RunFailed, SpecError
from untrain.experiments.comparison import Comparison
from untrain.experiments.results import results
from untrain.runtime.executors._ray_pool import RayPool
from untrain.runtime.executors.base import Resources
from untrain.runtime.executors.ray import Ray
from untrain.runtime.store import Store

HERE = Path(__file__).parents[2]
RUN = ("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1, batch=64))", "Finetune(steps=Steps(lr=0.05, epochs=1))")


@pytest.fixture(scope="module")
def labours():
    sys.path.insert(0, str(HERE))
    import labours

    yield labours
    sys.path.remove(str(HERE))
    sys.modules.pop("labours", None)


@pytest.fixture(scope="module")
def pool(labours):
    """Two cores of this machine."""
    with Ray().open(Resources(workers=2)) as opened:
        yield opened


def rows(entry, store):
    return [[row[k] for k in ("method", "scores", "guard", "layers", "error")] for row in results(entry, store)["results"]]


def marked(mark, session=0):
    """Processes, zombies left out, that carry a mark in what they inherited, or are of a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            # Some of Ray's rename themselves, which writes over what they inherited.
            if state != "Z" and (int(its) == session or mark.encode() in (folder / "environ").read_bytes()):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80]
        except OSError:
            continue
    return found


def none_left(mark, session, within=20.0):
    """What is left of them after some time to end."""
    until = time.monotonic() + within
    while (left := marked(mark, session)) and time.monotonic() < until:
        time.sleep(0.2)
    return left


def test_tasks_give_results_and_their_own_errors_with_threads_of_their_own(pool, labours):
    assert pool.size == 2
    assert dict(pool.run_all(labours.square, {str(i): (i,) for i in range(5)})) == {str(i): i * i for i in range(5)}
    with pytest.raises(KeyError, match="mine"):
        pool.submit(labours.raising, "mine").result()
    threads, pid = pool.submit(labours.threads).result()
    assert threads == 1
    assert pid != os.getpid()


def test_a_pool_leaves_what_sigterm_does(pool):
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.slow
def test_a_killed_worker_costs_its_task_alone(pool, labours, log, capfd):
    told = []
    pool.on_retry = told.append
    long = pool.submit(labours.slow_square, 5, log, "long", 1.0, name="long")
    mortal = pool.submit(labours.mortal, 3, log, "mortal", 2, name="mortal")
    assert (long.result(), mortal.result()) == (25, 9)
    assert labours.begun(log) == {"long": 1, "mortal": 3}
    assert [each.split(" died")[0] for each in told] == ["the worker of mortal"] * 2
    cursed = pool.submit(labours.mortal, 3, log, "cursed", 99, name="cursed")
    with pytest.raises(RunFailed, match=r"'cursed': its worker died 3 times .* what is finished is stored"):
        cursed.result()
    time.sleep(0.5)
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_run_on_ray_with_a_killed_worker_equals_the_serial_one_bit_for_bit(pool, labours, tiny, log, compare, tmp_path):
    told, store = [], Store(tmp_path / "store")
    mortal = f"labours.Mortal(folder={str(log)!r})"
    asks = Comparison(parse(tiny.scenario), tuple(map(parse, (*tiny.methods, mortal))), 2, 4)
    (entry,) = compare([asks], store, pool, told.append)
    assert list(labours.begun(log).values()) == [2, 2]
    assert sum("tried again" in (at.note or "") for at in told) == 2
    whole = Store(tmp_path / "whole")
    (calm,) = compare([asks], whole)
    assert entry.key == calm.key
    assert rows(entry, store) == rows(calm, whole)
    for row in whole.entries():
        if row["kind"] != "run" and "weights.safetensors" in whole.get(row["key"]).record["files"]:
            ours, theirs = (at.get(row["key"]).record["files"] for at in (store, whole))
            assert ours == theirs
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_cluster_is_joined_by_its_address_and_outlives_who_joined(pool, tmp_path):
    address = ray.get_runtime_context().gcs_address
    where = ["--seeds", "1", "--oracles", "2", "--executor", f"Ray(address='{address}')", "--json", "--precision", "float32"]
    command = [sys.executable, "-m", "untrain", "run", *RUN, *where, "--store", str(tmp_path / "s"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["error"] is None
    here = run.run(RUN[0], RUN[1], tmp_path / "here", seeds=1, oracles=2)
    assert here["results"][0]["scores"] == json.loads(done.stdout)["results"][0]["scores"]
    assert ray.is_initialized()
    assert len(ray.nodes()) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "no.such.host.invalid:6379"])
def test_an_address_where_nothing_answers_is_told_soon(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    began = time.monotonic()
    with pytest.raises(BadInput, match="nothing answers at Ray's address"):
        RayPool(address).submit(print)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("address", ["somewhere", "host:port", ":6379"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(SpecError, match="HOST:PORT is needed"):
        Ray(address)


def test_a_task_that_no_machine_can_hold_is_refused(pool):
    with pytest.raises(BadInput, match="no machine of the Ray cluster has 64 cores"):
        RayPool(threads=64).submit(print)


def test_the_client_s_extra_is_named(monkeypatch):
    from untrain.runtime.executors import _ray_pool as adapter

    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.setattr(adapter, "_answers", lambda *_: True)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(MissingExtra, match=r"ray\[client\]"):
        RayPool("ray://127.0.0.1:10001").submit(print)


def begin(tmp_path, mark, *more):
    """A run on Ray in a process group of its own, long enough to be disturbed."""
    options = ["--oracles", "12", "--executor", "Ray(workers=1)", "--json", *more]
    command = [sys.executable, "-m", "untrain", "run", *RUN, *options]
    where = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    env = os.environ | {"UNTRAIN_TEST_MARK": mark}
    process = subprocess.Popen(
        [*command, *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    until = time.monotonic() + 120
    while len(kept(tmp_path)) < 2 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    return process


def ended(process):
    """What it said, once it has ended; if it does not, it is killed."""
    try:
        return process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def kept(tmp_path):
    return {f.parent.name: json.loads(f.read_text())["made"] for f in (tmp_path / "store").glob("objects/*/*/record.json")}


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [False, True])
def test_an_interrupt_leaves_no_process_and_the_same_command_goes_on(tmp_path, whole_group):
    mark = uuid.uuid4().hex
    process = begin(tmp_path, mark)
    assert "ray::" in str(marked(mark, process.pid).values())
    # A terminal sends it to the whole group, `kill` to the one.
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    out, err = ended(process)
    assert (process.returncode, out) == (130, "")
    assert "the same command continues from there" in err.splitlines()[-1]
    assert none_left(mark, process.pid) == {}
    before = kept(tmp_path)
    assert 2 <= len(before) < 18
    process = begin(tmp_path, mark)
    out, err = ended(process)
    assert json.loads(out)["results"][0]["error"] is None
    assert before.items() <= kept(tmp_path).items()
    assert none_left(mark, process.pid) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["gcs_server", "raylet/raylet"])
def test_a_lost_head_is_one_line_and_leaves_no_process(tmp_path, part):
    mark = uuid.uuid4().hex
    process = begin(tmp_path, mark)
    for pid, command in marked(mark).items():
        if part in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
            os.kill(pid, signal.SIGKILL)
            killed = command
    assert killed
    began = time.monotonic()
    out, err = ended(process)
    assert (process.returncode, out) == (1, "")
    assert time.monotonic() - began < 45
    assert "untrain: the Ray cluster's head is lost" in err.splitlines()[-1]
    assert "what is finished is stored" in err.splitlines()[-1]
    assert none_left(mark, process.pid) == {}
    assert len(kept(tmp_path)) >= 2


def test_threads_of_this_process_stay_as_they_are(pool, labours):
    before = torch.get_num_threads()
    pool.submit(labours.square, 1).result()
    assert torch.get_num_threads() == before
