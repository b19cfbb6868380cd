import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
import torch

from untrain import parse
from untrain.commands import demo, run
from untrain.core.errors import BadInput, MissingExtra, RunFailed
from untrain.experiments.comparison import Comparison
from untrain.experiments.remote_job import do_remotely
from untrain.experiments.results import results
from untrain.runtime.executors import base, processes
from untrain.runtime.executors._retry import TaskOutcome
from untrain.runtime.executors.base import Pool, Resources
from untrain.runtime.executors.processes import Processes, begin
from untrain.runtime.executors.ray import Ray
from untrain.runtime.executors.serial import Serial
from untrain.runtime.executors.slurm import Slurm
from untrain.runtime.store import Store

HERE = Path(__file__).parents[2]


def comparison(tiny, *methods, seeds=2, oracles=4):
    return Comparison(parse(tiny.scenario), tuple(map(parse, methods or tiny.methods)), seeds, oracles)


def rows(entry, store):
    return [[row[k] for k in ("method", "scores", "guard", "layers", "error")] for row in results(entry, store)["results"]]


def test_an_executor_is_a_spec_and_the_pool_that_it_opens_another_object():
    for text in ("Serial()", "Processes(workers=4)", "Ray(address='10.0.0.1:6379')", "Slurm(partition='gpu', local=True)"):
        assert repr(parse(text)) == text
    one = Processes(2)
    with one.open() as pool, one.open() as other:
        assert pool is not other
        assert (pool.size, other.size) == (2, 2)
    assert one == Processes(workers=2)


def test_what_an_executor_says_comes_before_what_the_run_says_and_that_before_the_cores(monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 7)
    assert Processes(3).open(Resources(workers=2)).size == 3
    assert Processes().open(Resources(workers=2)).size == 2
    assert Processes().open(Resources(threads=2)).size == 3
    assert Slurm(local=True).open(Resources(workers=5)).size == 5
    assert Slurm().open().size == 100
    assert Serial().open(Resources(workers=9)).size == 1
    assert [one.count_workers(6) for one in (Serial(), Processes(), Processes(2), Ray(), Ray(workers=3))] == [1, 6, 2, 6, 3]


def test_serial_works_in_order_with_its_own_threads_and_errors(labours):
    pool = Serial().open(Resources(threads=2))
    assert list(pool.run_all(labours.square, {"a": (2,), "b": (3,)})) == [("a", 4), ("b", 9)]
    assert pool.submit(labours.threads).result() == (2, os.getpid())
    assert torch.get_num_threads() == 1
    with pytest.raises(KeyError, match="mine"):
        pool.submit(labours.raising, "mine").result()
    assert len(list(pool.as_completed())) == 2  # both are handed out, whoever waited for them
    with pytest.raises(BadInput, match="no task"):
        pool.advance()


def test_tasks_that_are_submitted_while_others_are_waited_for_are_waited_for_too(labours):
    with Serial().open() as pool:
        pool.submit(labours.square, 2)
        results = []
        for future in pool.as_completed():
            results.append(future.result())
            if len(results) < 4:
                pool.submit(labours.square, results[-1])
    assert results == [4, 16, 256, 65536]


def test_where_one_task_fails_the_others_are_not_the_next_caller_s(labours):
    with Serial().open() as pool:
        with pytest.raises(KeyError, match="mine"):
            dict(pool.run_all(labours.raising, {"bad": ("mine",), "worse": ("yours",)}))
        assert dict(pool.run_all(labours.square, {"a": (2,)})) == {"a": 4}


def test_processes_give_results_and_the_work_s_own_errors_with_where_they_arose(labours):
    with Processes(2).open() as pool:
        assert dict(pool.run_all(labours.square, {str(i): (i,) for i in range(7)})) == {str(i): i * i for i in range(7)}
        with pytest.raises(KeyError, match="mine") as caught:
            pool.submit(labours.raising, "mine").result()
        assert "in raising" in caught.value.__notes__[0]
        with pytest.raises(RunFailed, match="Odd: this and that"):
            pool.submit(labours.odd).result()
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            pool.submit(labours.unsendable).result()
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            pool.submit(lambda: 1)
        assert len(list(pool.as_completed())) == 3
        with pytest.raises(BadInput, match="no task"):
            pool.advance()


def test_a_killed_worker_costs_its_task_alone(labours, log):
    told = []
    with Processes(2).open() as pool:
        pool.on_retry = told.append
        pool.submit(labours.slow_square, 5, log, "long", 2.0, name="long")
        pool.submit(labours.mortal, 3, log, "mortal", 2, name="mortal")
        for i in range(4):
            pool.submit(labours.square, i, log, f"short {i}", name=f"short {i}")
        found = {future.name: future.result() for future in pool.as_completed()}
    assert found == {"long": 25, "mortal": 9, **{f"short {i}": i * i for i in range(4)}}
    assert labours.begun(log) == {"long": 1, "mortal": 3, **{f"short {i}": 1 for i in range(4)}}
    assert told == [f"the worker of mortal died (killed by SIGKILL): tried again, {n} of 3" for n in (2, 3)]


@pytest.mark.slow
def test_a_task_that_kills_three_workers_is_named(labours, log):
    with Processes(2).open() as pool:
        fine, cursed = pool.submit(labours.square, 3), pool.submit(labours.mortal, 3, log, "cursed", 99, name="cursed")
        assert next(pool.as_completed()) is fine
        assert (fine.done(), cursed.done()) == (True, False)
        with pytest.raises(RunFailed, match=r"'cursed': its worker died 3 times .*SIGKILL.* what is finished is stored"):
            cursed.result()
        assert pool.submit(labours.square, 4).result() == 16
    assert labours.begun(log) == {"cursed": 3}


def test_a_worker_killed_while_idle_is_replaced(labours):
    with Processes(1).open() as pool:
        _, pid = pool.submit(labours.threads).result()
        os.kill(pid, signal.SIGKILL)
        assert labours.gone([pid])
        assert pool.submit(labours.square, 4).result() == 16


@pytest.mark.slow
def test_closing_ends_work_and_the_pool_may_begin_again(labours, log):
    pool = Processes(2).open(Resources(threads=2))
    threads, pid = pool.submit(labours.threads).result()
    assert threads == 2
    pool.submit(labours.slow_square, 1, log, "endless", 1000)
    pool.submit(labours.slow_square, 1, log, "endless", 1000)
    while not labours.begun(log):
        time.sleep(0.1)
    pids = {pid, *map(int, (log / "endless").read_text().split())}
    pool.close()
    assert labours.gone(pids, 1.0)
    assert pool.submit(labours.square, 5).result() == 25
    pool.close()


SCRIPT = """
import multiprocessing, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job in the background would ignore
sys.path.insert(0, {here!r})
import labours
from untrain.runtime.executors.processes import Processes
{guard}
    pool = Processes(1).open()
    {first}
    {then}
"""
FIRST = "print(pool.submit(labours.threads).result()[1], flush=True)"


def script(tmp_path, then="", guard="if __name__ == '__main__':", first=True, **more):
    """Begin a script that uses processes, and says that of a first worker."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.format(here=str(HERE), then=then, guard=guard, first=FIRST if first else "pass"))
    return subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.slow
def test_a_pool_that_nobody_closes_keeps_no_script_from_ending(labours, tmp_path):
    out, err = script(tmp_path).communicate(timeout=60)
    assert err == ""
    assert labours.gone([int(out)])


@pytest.mark.parametrize("end", ["idle", "at work", "left alone"])
@pytest.mark.slow
def test_a_bar_of_progress_in_a_worker_leaves_nothing_to_complain_of(labours, log, tmp_path, end):
    then = {
        "idle": f"pool.submit(labours.bar, {str(log)!r}, 0).result(); pool.close()",
        "at work": f"pool.submit(labours.bar, {str(log)!r}, 1000); sys.stdin.readline(); pool.close()",
        "left alone": f"pool.submit(labours.bar, {str(log)!r}, 1000).result()",
    }
    with script(tmp_path, then[end], stdin=subprocess.PIPE) as process:
        process.stdout.readline()
        while not sum(labours.begun(log).values()) and process.poll() is None:
            time.sleep(0.1)
        if end == "left alone":
            process.kill()
        err = process.communicate("go on\n", timeout=60)[1]  # read until the tracker of locks has ended, after all workers
    assert err == ""
    assert process.returncode == (-signal.SIGKILL if end == "left alone" else 0)
    assert labours.begun(log) == {"bar": 1}


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.slow
def test_a_worker_that_is_interrupted_while_it_begins_ends_without_a_word(labours, tmp_path, nth):
    another = "pool.close(); pool.submit(labours.threads); print('', flush=True); time.sleep(60)"
    with script(tmp_path, another, first=nth == 2, start_new_session=True) as process:
        for _ in range(nth):
            process.stdout.readline()
        time.sleep(0.3)  # it imports now, for seconds
        os.killpg(process.pid, signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert "spawn" not in err
    assert err.count("Traceback") == 1  # the script's own
    assert err.endswith("KeyboardInterrupt\n")


def test_an_interrupt_of_a_worker_alone_waits_until_it_has_begun(labours, tmp_path):
    then = (
        "pool.on_retry = lambda note: print(note, file=sys.stderr); alone = pool.submit(labours.square, 3, name='alone')\n"
        "    print(*(process.pid for process in multiprocessing.active_children()), flush=True)\n"
        "    assert alone.result() == 9"
    )
    with script(tmp_path, then, first=False) as process:
        os.kill(int(process.stdout.readline()), signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert err == "the worker of alone died (killed by SIGINT): tried again, 2 of 3\n"


@pytest.mark.parametrize("at", ["tracker", "process"])
def test_an_interrupt_while_a_worker_is_started_leaves_none_and_lets_signals_through(monkeypatch, at):
    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    process = get_context("spawn").Process(target=time.sleep, args=(1000,))
    start = process.start
    if at == "tracker":
        monkeypatch.setattr(processes.resource_tracker, "ensure_running", interrupted)
    else:
        monkeypatch.setattr(SpawnProcess, "start", lambda self: (start(), interrupted()))
    before, handler = signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        begin(process)
    signal.signal(signal.SIGINT, handler)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    if at == "tracker":
        assert process.pid is None
    else:
        process.join(30)
        assert process.exitcode == -signal.SIGKILL


def test_workers_end_with_the_process_that_began_them_however_it_ends(labours, tmp_path):
    then = "pool.submit(time.sleep, 1000).result()"
    with script(tmp_path, then) as process:
        pid = int(process.stdout.readline())
        assert labours.alive(pid)
        process.kill()
        process.wait()
        assert labours.gone([pid])


def test_a_script_without_a_guard_is_told_so_at_once(tmp_path):
    _, err = script(tmp_path, guard="if True:").communicate(timeout=60)
    assert "guard the call by: if __name__ == '__main__'" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_run_whose_workers_are_killed_ends_as_if_they_were_not(tiny, labours, log, compare, tmp_path):
    told, store = [], Store(tmp_path / "store")
    mortal = f"labours.Mortal(folder={str(log)!r})"
    with Processes(2).open() as pool:
        (hurt,) = compare([comparison(tiny, mortal, seeds=1, oracles=2)], store, pool, told.append)
    assert list(labours.begun(log).values()) == [2]
    assert sum("tried again" in (at.note or "") for at in told) == 1
    assert [at.done for at in told if at.note is None and at.what is None] == [1, 2, 3, 4]
    whole = Store(tmp_path / "whole")
    (calm,) = compare([comparison(tiny, mortal, seeds=1, oracles=2)], whole)
    assert calm.key == hurt.key
    assert rows(calm, whole) == rows(hurt, store)
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_run_that_fails_for_good_keeps_what_is_finished(tiny, labours, log, compare, tmp_path):
    store = Store(tmp_path / "store")
    asks = comparison(tiny, f"labours.Mortal(folder={str(log)!r}, deaths=3)")
    with Processes(1).open() as pool:
        with pytest.raises(RunFailed, match=r"Mortal\(.*its worker died 3 times"):
            compare([asks], store, pool)
        kept = {row["key"]: row["made"] for row in store.entries()}
        assert len(kept) >= 2
        assert not pool._busy
        # The fourth attempt lives: the run goes on from where it was, for one model at least.
        with pytest.raises(RunFailed, match="its worker died"):
            compare([asks], store, pool)
    assert kept.items() <= {row["key"]: row["made"] for row in store.entries()}.items()


class Blind(Pool):
    """Work of another process, done here, where the store is not seen."""

    elsewhere = True
    size = 2

    def __init__(self, spoil=lambda result: result):
        super().__init__()
        self.tasks, self.results, self.spoil = [], [], spoil

    def _start(self, future, work, args):
        assert work is do_remotely
        (job,) = args
        self.tasks.append((future, replace(job, address=replace(job.address, word="another"))))

    def _wait(self):
        future, job = self.tasks.pop(0)
        self.results.append(do_remotely(job))
        future.settle(TaskOutcome(self.spoil(self.results[-1])))
        return future

    def _stop(self):
        self.tasks = []


@pytest.fixture
def trained(monkeypatch):
    """The kinds of models that are made."""
    from untrain.experiments import jobs

    made, train, unlearn = [], jobs._train, jobs._unlearn
    monkeypatch.setattr(jobs, "_train", lambda *args: made.append("model") or train(*args))
    monkeypatch.setattr(jobs, "_unlearn", lambda *args: made.append("unlearned") or unlearn(*args))
    return made


@pytest.mark.slow
def test_workers_that_do_not_see_the_store_get_and_send_whole_entries(tiny, tmp_path, compare, trained):
    store, pool = Store(tmp_path), Blind()
    (entry,) = compare([comparison(tiny)], store, pool)
    assert entry.key == tiny.document["run"]
    assert rows(entry, store) == rows(Store(tiny.store).get(entry.key), Store(tiny.store))
    assert (trained.count("model"), trained.count("unlearned")) == (6, 8)
    assert sum(result.needs_start for result in pool.results) <= 2
    assert store.verify() == []


def test_what_was_damaged_on_its_way_is_refused(tiny, compare, tmp_path):
    def spoil(result):
        return replace(result, parcel=result.parcel.replace(b"NUMPY", b"NUMPI", 1))

    store = Store(tmp_path)
    with pytest.raises(RunFailed, match=r"damaged.*run the same again"):
        compare([comparison(tiny)], store, Blind(spoil))
    assert store.entries() == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("Rays", "did you mean 'Ray'"), ("Slrum", "did you mean 'Slurm'"), ("Ray(address='')", "HOST:PORT is needed"),
        ("Ray(adress='h:1')", "did you mean 'address'"), ("Processes(0)", "workers=0"), ("", "cannot read"),
        ("Slurm(local='x')", "local='x'"), ("DEL", "is not an executor"), (3, "is not an executor"), ("ray=h:1", "cannot read"),
    ],
)  # fmt: skip
def test_what_is_not_an_executor_is_refused(executor, told, tmp_path):
    with pytest.raises(BadInput, match=told):
        run.run("Digits", "Nothing", tmp_path / "store", executor=executor)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("executor", "extra"),
    [
        ("Ray", "ray"),
        ("Ray('10.0.0.1:6379')", "ray"),
        ("Ray('ray://h:1')", "ray"),
        ("Slurm", "slurm"),
        (Slurm(local=True), "slurm"),
    ],
)
def test_a_library_that_is_not_there_is_named_with_its_extra(executor, extra, tmp_path, monkeypatch):
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=rf"pip install 'untrain\[{extra}\]'"):
        demo.demo(tmp_path / "store", executor=executor)


@pytest.mark.parametrize("executor", ["Slurm(local=True)", "Processes(2)"])
def test_what_cannot_be_spelled_is_not_sent_away(tmp_path, executor):
    with pytest.raises(BadInput, match="from its spelling"):
        run.run(parse("Digits"), odd_one(), tmp_path / "store", executor=executor)


def odd_one():
    """A method whose spelling names nothing."""
    from untrain.unlearners.base import Unlearner

    class Homeless(Unlearner):
        """Nothing.

        Source: made up.
        """

        def unlearn(self, model, problem):
            return model

    return Homeless()


def test_a_pool_of_one_s_own_does_the_work_and_stays_open(tiny, tmp_path):
    pool = Blind()
    document = run.run(tiny.scenario, "Nothing", tmp_path, seeds=1, oracles=2, executor=pool)
    assert len(pool.results) >= 4
    assert document["results"][0]["error"] is None


def test_a_worker_that_is_killed_while_it_sends_its_result_costs_its_task_alone(labours, tmp_path):
    with Processes(1).open() as pool:
        large = pool.submit(labours.dies_while_it_answers, str(tmp_path / "mark"))
        time.sleep(3)  # nobody reads meanwhile, so that the pipe is full when the worker dies
        assert len(large.result()) == 50 << 20
