import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
import torch

from untrain import parse
from untrain.commands import arguments, demo, run
from untrain.core.errors import BadInput, MissingExtra, RunFailed
from untrain.experiments.comparison import Comparison
from untrain.experiments.results import results
from untrain.experiments.scheduler import conduct
from untrain.experiments.setting import Setting
from untrain.runtime.executors import processes
from untrain.runtime.executors.base import each
from untrain.runtime.executors.local import Serial
from untrain.runtime.executors.processes import Processes, begin
from untrain.runtime.store import Store

HERE = Path(__file__).parents[2]


def comparison(tiny, *methods, seeds=2, oracles=4):
    return Comparison(parse(tiny.scenario), tuple(map(parse, methods or tiny.methods)), seeds, oracles)


def rows(entry, store):
    return [[row[k] for k in ("method", "scores", "guard", "layers", "error")] for row in results(entry, store)["results"]]


def test_here_works_in_order_with_its_own_threads_and_errors(labours):
    crew = Serial(threads=2)
    assert dict(each(crew, labours.square, {"a": (2,), "b": (3,)})) == {"a": 4, "b": 9}
    crew.submit("count", labours.threads)
    assert crew.finished() == ("count", (2, os.getpid()))
    assert torch.get_num_threads() == 1
    crew.submit("bad", labours.raising, "mine")
    with pytest.raises(KeyError, match="mine"):
        crew.finished()
    with pytest.raises(BadInput, match="no task"):
        crew.finished()


def test_processes_give_results_and_the_work_s_own_errors_with_where_they_arose(labours):
    with closing(Processes(2)) as crew:
        assert dict(each(crew, labours.square, {str(i): (i,) for i in range(7)})) == {str(i): i * i for i in range(7)}
        crew.submit("bad", labours.raising, "mine")
        with pytest.raises(KeyError, match="mine") as caught:
            crew.finished()
        assert "in raising" in caught.value.__notes__[0]
        crew.submit("odd", labours.odd)
        with pytest.raises(RunFailed, match="Odd: this and that"):
            crew.finished()
        crew.submit("unsendable", labours.unsendable)
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            crew.finished()
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            crew.submit("lambda", lambda: 1)
        with pytest.raises(BadInput, match="no task"):
            crew.finished()


def test_a_killed_worker_costs_its_task_alone(labours, log):
    told = []
    with closing(Processes(2)) as crew:
        crew.on_progress = told.append
        crew.submit("long", labours.slow_square, 5, log, "long", 2.0)
        crew.submit("mortal", labours.mortal, 3, log, "mortal", 2)
        for i in range(4):
            crew.submit(f"short {i}", labours.square, i, log, f"short {i}")
        found = dict(crew.finished() for _ in range(6))
    assert found == {"long": 25, "mortal": 9, **{f"short {i}": i * i for i in range(4)}}
    assert labours.begun(log) == {"long": 1, "mortal": 3, **{f"short {i}": 1 for i in range(4)}}
    assert told == [f"the worker of mortal died (killed by SIGKILL): tried again, {n} of 3" for n in (2, 3)]


def test_a_task_that_kills_three_workers_is_named(labours, log):
    with closing(Processes(2)) as crew:
        crew.submit("fine", labours.square, 3)
        crew.submit("cursed", labours.mortal, 3, log, "cursed", 99)
        assert crew.finished() == ("fine", 9)
        with pytest.raises(RunFailed, match=r"'cursed': its worker died 3 times .*SIGKILL.* what is finished is stored"):
            crew.finished()
    assert labours.begun(log) == {"cursed": 3}


def test_a_worker_killed_while_idle_is_replaced(labours):
    with closing(Processes(1)) as crew:
        crew.submit("first", labours.threads)
        _, (_, pid) = crew.finished()
        os.kill(pid, signal.SIGKILL)
        assert labours.gone([pid])
        crew.submit("second", labours.square, 4)
        assert crew.finished() == ("second", 16)


def test_closing_ends_work_and_the_crew_may_begin_again(labours, log):
    crew = Processes(2, threads=2)
    crew.submit("first", labours.threads)
    _, (threads, pid) = crew.finished()
    assert threads == 2
    crew.submit("endless", labours.slow_square, 1, log, "endless", 1000)
    crew.submit("waiting", labours.slow_square, 1, log, "endless", 1000)
    while not labours.begun(log):
        time.sleep(0.1)
    pids = {pid, *map(int, (log / "endless").read_text().split())}
    crew.close()
    assert labours.gone(pids, 1.0)
    crew.submit("again", labours.square, 5)
    assert crew.finished() == ("again", 25)
    crew.close()


SCRIPT = """
import multiprocessing, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job in the background would ignore
sys.path.insert(0, {here!r})
import labours
from untrain.runtime.executors.processes import Processes
{guard}
    crew = Processes(1)
    {first}
    {then}
"""
FIRST = "crew.submit('first', labours.threads); print(crew.finished()[1][1], flush=True)"


def script(tmp_path, then="", guard="if __name__ == '__main__':", first=True, **more):
    """Begin a script that uses processes, and says that of a first worker."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.format(here=str(HERE), then=then, guard=guard, first=FIRST if first else "pass"))
    return subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_a_crew_that_nobody_closes_keeps_no_script_from_ending(labours, tmp_path):
    out, err = script(tmp_path).communicate(timeout=60)
    assert err == ""
    assert labours.gone([int(out)])


@pytest.mark.parametrize("end", ["idle", "at work", "left alone"])
def test_a_bar_of_progress_in_a_worker_leaves_nothing_to_complain_of(labours, log, tmp_path, end):
    then = {
        "idle": f"crew.submit('bar', labours.bar, {str(log)!r}, 0); crew.finished(); crew.close()",
        "at work": f"crew.submit('bar', labours.bar, {str(log)!r}, 1000); sys.stdin.readline(); crew.close()",
        "left alone": f"crew.submit('bar', labours.bar, {str(log)!r}, 1000); crew.finished()",
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
def test_a_worker_that_is_interrupted_while_it_begins_ends_without_a_word(labours, tmp_path, nth):
    another = "crew.close(); crew.submit('another', labours.threads); print('', flush=True); time.sleep(60)"
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
        "crew.tell = lambda note: print(note, file=sys.stderr); crew.submit('alone', labours.square, 3)\n"
        "    print(*(process.pid for process in multiprocessing.active_children()), flush=True)\n"
        "    assert crew.finished() == ('alone', 9)"
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
    then = "crew.submit('endless', time.sleep, 1000); crew.finished()"
    with script(tmp_path, then) as process:
        pid = int(process.stdout.readline())
        assert labours.alive(pid)
        process.kill()
        process.wait()
        assert labours.gone([pid])


def test_a_script_without_a_guard_is_told_so_at_once(tmp_path):
    _, err = script(tmp_path, guard="if True:").communicate(timeout=60)
    assert "guard the call by: if __name__ == '__main__'" in err.splitlines()[-1]


def test_a_run_whose_workers_are_killed_ends_as_if_they_were_not(tiny, labours, log, tmp_path):
    told, store = [], Store(tmp_path / "store")
    mortal = f"labours.Mortal(folder={str(log)!r})"
    with closing(Processes(2)) as crew:
        (hurt,) = conduct([comparison(tiny, mortal, seeds=1, oracles=2)], store, Setting(), crew, told.append)
    assert list(labours.begun(log).values()) == [2]
    assert sum("tried again" in (at.note or "") for at in told) == 1
    assert [at.done for at in told if at.note is None] == [1, 2, 3, 4]
    whole = Store(tmp_path / "whole")
    (calm,) = conduct([comparison(tiny, mortal, seeds=1, oracles=2)], whole, Setting())
    assert calm.key == hurt.key
    assert rows(calm, whole) == rows(hurt, store)
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_run_that_fails_for_good_keeps_what_is_finished(tiny, labours, log, tmp_path):
    store = Store(tmp_path / "store")
    asks = comparison(tiny, f"labours.Mortal(folder={str(log)!r}, deaths=3)")
    with closing(Processes(1)) as crew:
        with pytest.raises(RunFailed, match=r"Mortal\(.*its worker died 3 times"):
            conduct([asks], store, Setting(), crew)
        kept = {row["key"]: row["made"] for row in store.entries()}
        assert len(kept) >= 2
        assert not crew._busy
        # The fourth attempt lives: the run goes on from where it was, for one model at least.
        with pytest.raises(RunFailed, match="its worker died"):
            conduct([asks], store, Setting(), crew)
    assert kept.items() <= {row["key"]: row["made"] for row in store.entries()}.items()


class Blind:
    """Work of another process, done here, where the store is not seen."""

    size, apart = 2, True

    def __init__(self, spoil=lambda answer: answer):
        self.tasks, self.answers, self.spoil = [], [], spoil

    def submit(self, name, work, key, scenario, asked, job, seed, setting, at, start):
        self.tasks.append((name, work, (key, scenario, asked, job, seed, setting, replace(at, word="another"), start)))

    def finished(self):
        name, work, args = self.tasks.pop(0)
        self.answers.append(work(*args))
        return name, self.spoil(self.answers[-1])

    def close(self):
        self.tasks = []


@pytest.fixture
def trained(monkeypatch):
    """The kinds of models that are made."""
    from untrain.experiments import jobs

    made, train, unlearn = [], jobs._train, jobs._unlearn
    monkeypatch.setattr(jobs, "_train", lambda *args: made.append("model") or train(*args))
    monkeypatch.setattr(jobs, "_unlearn", lambda *args: made.append("unlearned") or unlearn(*args))
    return made


def test_workers_that_do_not_see_the_store_get_and_send_whole_entries(tiny, tmp_path, trained):
    store, crew = Store(tmp_path), Blind()
    (entry,) = conduct([comparison(tiny)], store, Setting(), crew)
    assert entry.key == tiny.document["run"]
    assert rows(entry, store) == rows(Store(tiny.store).get(entry.key), Store(tiny.store))
    assert (trained.count("model"), trained.count("unlearned")) == (6, 8)
    assert sum(answer.wants for answer in crew.answers) <= 2
    assert store.verify() == []


def test_what_was_damaged_on_its_way_is_refused(tiny, tmp_path):
    def spoil(answer):
        return replace(answer, parcel=answer.parcel.replace(b"NUMPY", b"NUMPI", 1))

    store = Store(tmp_path)
    with pytest.raises(RunFailed, match=r"damaged.*run the same again"):
        conduct([comparison(tiny)], store, Setting(), Blind(spoil))
    assert store.entries() == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("rays", "did you mean 'ray'"), ("slrum", "did you mean 'slurm'"), ("ray=", "ray=HOST:PORT"), ("here=3", "there is here"),
        ("", "there is here"), ("slurm-local=x", "there is here"),
    ],
)  # fmt: skip
def test_a_word_for_no_crew_is_refused(on, told, tmp_path):
    with pytest.raises(BadInput, match=told):
        run.run("Digits", "Nothing", tmp_path / "store", on=on)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("on", "extra"),
    [("ray", "ray"), ("ray=10.0.0.1:6379", "ray"), ("ray://h:1", "ray"), ("slurm", "slurm"), ("slurm-local", "slurm")],
)
def test_a_library_that_is_not_there_is_named_with_its_extra(on, extra, tmp_path, monkeypatch):
    monkeypatch.setattr(arguments, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=rf"pip install 'untrain\[{extra}\]'"):
        demo.demo(tmp_path / "store", on=on)


def test_what_cannot_be_spelled_is_not_sent_away(tmp_path):
    with pytest.raises(BadInput, match="from its spelling"):
        run.run(parse("Digits"), odd_one(), tmp_path / "store", on="slurm-local")


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


def test_a_crew_of_one_s_own_does_the_work_and_stays_open(tiny, tmp_path):
    crew = Blind()
    document = run.run(tiny.scenario, "Nothing", tmp_path, seeds=1, oracles=2, on=crew)
    assert len(crew.answers) >= 4
    assert document["results"][0]["error"] is None


def test_a_worker_that_is_killed_while_it_sends_its_answer_costs_its_task_alone(labours, tmp_path):
    crew = Processes(1)
    try:
        crew.submit("large", labours.dies_while_it_answers, str(tmp_path / "mark"))
        time.sleep(3)  # nobody reads meanwhile, so that the pipe is full when the worker dies
        name, answer = crew.finished()
    finally:
        crew.close()
    assert (name, len(answer)) == ("large", 50 << 20)
