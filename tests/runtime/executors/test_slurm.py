import os
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is not installed")

from untrain.commands import run
from untrain.core.errors import BadInput, RunFailed
from untrain.runtime.executors.base import each
from untrain.runtime.executors.slurm import SlurmCrew

HERE = Path(__file__).parents[2]


def test_jobs_give_results_and_their_own_errors_and_leave_nothing(labours, tmp_path):
    crew = SlurmCrew(tmp_path / "jobs", workers=2, threads=2, cluster="local")
    (found,) = each(crew, labours.threads, {"count": ()})
    assert found[0] == "count"
    assert found[1][0] == 2
    crew.submit("bad", labours.raising, "mine")
    with pytest.raises(KeyError, match="mine"):
        crew.finished()
    crew.close()
    assert not (tmp_path / "jobs").exists()


def test_a_killed_job_is_queued_again_alone(labours, log, tmp_path):
    told = []
    with closing(SlurmCrew(tmp_path / "jobs", workers=2, cluster="local")) as crew:
        crew.on_progress = told.append
        crew.submit("fine", labours.square, 5, log, "fine")
        crew.submit("mortal", labours.mortal, 3, log, "mortal", 1)
        assert dict(crew.finished() for _ in range(2)) == {"fine": 25, "mortal": 9}
    assert labours.begun(log) == {"fine": 1, "mortal": 2}
    assert told[0].startswith("the worker of mortal died")
    assert len(told) == 1


@pytest.mark.slow
def test_a_job_that_dies_three_times_is_named(labours, log, tmp_path):
    with closing(SlurmCrew(tmp_path / "jobs", cluster="local")) as crew:
        crew.submit("cursed", labours.mortal, 3, log, "cursed", 99)
        with pytest.raises(RunFailed, match=r"'cursed': its worker died 3 times .* what is finished is stored"):
            crew.finished()
    assert labours.begun(log) == {"cursed": 3}


@pytest.mark.slow
def test_a_task_that_takes_too_long_counts_as_died_and_closing_ends_jobs(labours, log, tmp_path):
    told = []
    with closing(SlurmCrew(tmp_path / "jobs", cluster="local", minutes=0.2)) as crew:

        def on_progress(note):
            told.append(note)
            crew.minutes = 10.0

        crew.on_progress = on_progress
        crew.submit("endless", labours.slow_square, 1, log, "endless", 1000)
        crew.submit("short", labours.square, 3)
        assert crew.finished() == ("short", 9)
        while not told:
            for name, (job, task, _) in crew._running.items():
                crew._running[name] = job, task, time.monotonic() - 1000  # it began long ago
            crew.submit("other", labours.square, 4)
            assert crew.finished() == ("other", 16)
    assert "longer than 0.2 minutes" in told[0]
    pids = [int(line) for line in (log / "endless").read_text().split()] if (log / "endless").exists() else []
    assert not any(map(labours.alive, pids))


def test_a_run_by_jobs_equals_the_serial_one_bit_for_bit(tmp_path):
    asks = ("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1, batch=64))", "Finetune(steps=Steps(lr=0.05, epochs=1))")
    jobs, here = (
        run.run(*asks, tmp_path / on, seeds=1, oracles=2, workers=2, on=on, images=False) for on in ("slurm-local", "here")
    )
    assert jobs["run"] == here["run"]
    assert [(r["scores"], r["guard"], r["error"]) for r in jobs["results"]] == [
        (r["scores"], r["guard"], r["error"]) for r in here["results"]
    ]
    assert list((tmp_path / "slurm-local" / "tmp").iterdir()) == []


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="no command `sbatch`"):
        SlurmCrew(tmp_path / "jobs").submit("any", print)


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
    crew = SlurmCrew(tmp_path / "jobs", threads=3, gpus=1, partition="night", minutes=90)
    crew.submit("any", labours.square, 2)
    crew.close()
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
    crew = SlurmCrew(tmp_path / "jobs", partition="night")
    with pytest.raises(RunFailed, match=r"Slurm did not take task 'any': .*invalid partition"):
        crew.submit("any", labours.square, 2)
    crew.close()


def test_no_job_of_this_machine_outlives_its_crew(labours, log, tmp_path):
    crew = SlurmCrew(tmp_path / "jobs", workers=1, cluster="local")
    crew.submit("endless", labours.slow_square, 1, log, "endless", 1000)
    while not labours.begun(log):
        time.sleep(0.1)
    crew.close()
    assert labours.gone([(log / "endless").read_text().strip()])
    assert subprocess.run(["pgrep", "-f", str(tmp_path / "jobs")], capture_output=True, check=False).stdout == b""
