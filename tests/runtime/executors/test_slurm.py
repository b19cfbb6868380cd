import os
import subprocess
import time

import pytest

pytest.importorskip("submitit", reason="submitit is not installed")

from untrain.commands import run
from untrain.core.errors import BadInput, RunFailed
from untrain.runtime.executors._slurm_pool import SlurmPool
from untrain.runtime.executors.base import Resources
from untrain.runtime.executors.slurm import Slurm


def test_the_spec_opens_a_pool_in_a_folder_of_its_own(tmp_path):
    spec = Slurm(partition="night", minutes=90.0)
    one, two = (spec.open(Resources(threads=3, gpus=1, folder=tmp_path)) for _ in range(2))
    assert (one.partition, one.minutes, one.threads, one.gpus, one.local) == ("night", 90.0, 3, 1, False)
    assert one.folder.parent == two.folder.parent == tmp_path
    assert one.folder != two.folder
    assert list(tmp_path.iterdir()) == []  # nothing is made before the first task


def test_jobs_give_results_and_their_own_errors_and_leave_nothing(labours, tmp_path):
    pool = SlurmPool(tmp_path / "jobs", workers=2, threads=2, local=True)
    ((name, (threads, _)),) = pool.run_all(labours.threads, {"count": ()})
    assert (name, threads) == ("count", 2)
    with pytest.raises(KeyError, match="mine"):
        pool.submit(labours.raising, "mine").result()
    pool.close()
    assert not (tmp_path / "jobs").exists()


@pytest.mark.slow
def test_a_killed_job_is_queued_again_alone(labours, log, tmp_path):
    told = []
    with SlurmPool(tmp_path / "jobs", workers=2, local=True) as pool:
        pool.on_retry = told.append
        pool.submit(labours.square, 5, log, "fine", name="fine")
        pool.submit(labours.mortal, 3, log, "mortal", 1, name="mortal")
        assert {future.name: future.result() for future in pool.as_completed()} == {"fine": 25, "mortal": 9}
    assert labours.begun(log) == {"fine": 1, "mortal": 2}
    assert told[0].startswith("the worker of mortal died")
    assert len(told) == 1


@pytest.mark.slow
def test_a_job_that_dies_three_times_is_named(labours, log, tmp_path):
    with SlurmPool(tmp_path / "jobs", local=True) as pool:
        cursed = pool.submit(labours.mortal, 3, log, "cursed", 99, name="cursed")
        with pytest.raises(RunFailed, match=r"'cursed': its worker died 3 times .* what is finished is stored"):
            cursed.result()
    assert labours.begun(log) == {"cursed": 3}


@pytest.mark.slow
def test_a_task_that_takes_too_long_counts_as_died_and_closing_ends_jobs(labours, log, tmp_path):
    told = []
    with SlurmPool(tmp_path / "jobs", minutes=0.2, local=True) as pool:

        def on_retry(note):
            told.append(note)
            pool.minutes = 10.0

        pool.on_retry = on_retry
        pool.submit(labours.slow_square, 1, log, "endless", 1000)
        assert pool.submit(labours.square, 3).result() == 9
        while not told:
            for future, (job, task, _) in pool._running.items():
                pool._running[future] = job, task, time.monotonic() - 1000  # it began long ago
            assert pool.submit(labours.square, 4).result() == 16
    assert "longer than 0.2 minutes" in told[0]
    pids = [int(line) for line in (log / "endless").read_text().split()] if (log / "endless").exists() else []
    assert not any(map(labours.alive, pids))


@pytest.mark.slow
def test_a_run_by_jobs_equals_the_serial_one_bit_for_bit(tmp_path):
    asks = ("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1, batch=64))", "Finetune(steps=Steps(lr=0.05, epochs=1))")
    jobs, here = (
        run.run(*asks, tmp_path / name, seeds=1, oracles=2, workers=2, executor=executor, images=False)
        for name, executor in (("jobs", "Slurm(local=True)"), ("here", None))
    )
    assert jobs["run"] == here["run"]
    assert [(r["scores"], r["guard"], r["error"]) for r in jobs["results"]] == [
        (r["scores"], r["guard"], r["error"]) for r in here["results"]
    ]
    assert list((tmp_path / "jobs" / "tmp").iterdir()) == []


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="no command `sbatch`"):
        SlurmPool(tmp_path / "jobs").submit(print)


SBATCH = """#!/bin/sh
cp "$1" {folder}/asked.sh
echo "Submitted batch job 7"
"""


def test_slurm_is_asked_for_cores_time_and_partition(labours, tmp_path, monkeypatch):
    command = tmp_path / "bin" / "sbatch"
    command.parent.mkdir()
    command.write_text(SBATCH.format(folder=tmp_path))
    command.chmod(0o755)
    for name in ("srun", "scancel", "sacct"):
        (command.parent / name).write_text("#!/bin/sh\n")
        (command.parent / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    pool = SlurmPool(tmp_path / "jobs", threads=3, gpus=1, partition="night", minutes=90)
    pool.submit(labours.square, 2, name="any")
    pool.close()
    asked = (tmp_path / "asked.sh").read_text()
    for line in ("--cpus-per-task=3", "--partition=night", "--time=90", "--gpus-per-node=1"):
        assert f"#SBATCH {line}" in asked


REFUSES = """#!/bin/sh
echo "sbatch: error: invalid partition specified: night" >&2
exit 1
"""


def test_what_slurm_refuses_is_one_line(labours, tmp_path, monkeypatch):
    for name, text in (("sbatch", REFUSES), ("srun", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    pool = SlurmPool(tmp_path / "jobs", partition="night")
    with pytest.raises(RunFailed, match=r"Slurm did not take task 'any': .*invalid partition"):
        pool.submit(labours.square, 2, name="any")
    pool.close()


def test_no_job_of_this_machine_outlives_its_pool(labours, log, tmp_path):
    pool = SlurmPool(tmp_path / "jobs", workers=1, local=True)
    pool.submit(labours.slow_square, 1, log, "endless", 1000)
    while not labours.begun(log):
        time.sleep(0.1)
    pool.close()
    assert labours.gone([(log / "endless").read_text().strip()])
    assert subprocess.run(["pgrep", "-f", str(tmp_path / "jobs")], capture_output=True, check=False).stdout == b""
