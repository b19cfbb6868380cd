"""Several processes make the same mask and the same model as one, and end cleanly when one of them does not go on."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import BadInput
from untrain.models.wrappers import unwrap

SCRIPT = Path(__file__).with_name("crew.py")
TOLERANCE = 1e-5  # float32, relative to the length of each tensor, after three epochs


def crew():
    """The module that the processes run."""
    spec = importlib.util.spec_from_file_location("crew", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def begin(folder, *works, size=2):
    """The processes, which meet in a file of ``folder``."""
    made = []
    for rank in range(size):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": 1}
        told |= {
            "LOCAL_WORLD_SIZE": size,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": 29999,
        }  # accelerate wants them, and connects to none
        command = [sys.executable, str(SCRIPT), str(rank), str(size), str(folder), *works]
        log = (folder / f"{rank}.log").open("w")
        env = os.environ | {name: str(value) for name, value in told.items()}
        made.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        log.close()
    return made


def end(folder, processes, limit=150):
    """What each process left, in order; none is left running."""
    try:
        for process in processes:
            process.wait(limit)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    files = [folder / f"{rank}.pt" for rank in range(len(processes))]
    missing = [f.with_suffix(".log").read_text()[-2000:] for f in files if not f.exists()]
    assert not missing, missing
    found = [torch.load(file, weights_only=False) for file in files]
    wanted = [{work for work in WORKS if work != "one_fails"} <= each.keys() for each in found]
    assert all(wanted), [each.get("error") for each in found]
    return found


WORKS = ("answers", "batchnorm", "frozen", "different", "budget", "past", "wrapped", "sharded", "one_fails")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes found."""
    folder = tmp_path_factory.mktemp("two")
    return end(folder, begin(folder, *WORKS))


@pytest.fixture(scope="module")
def alone():
    """What one process finds."""
    return crew().answers()


def near(mine, one):
    """Whether each tensor is the other's but for rounding."""
    return all(float((mine[n].double() - one[n].double()).norm()) <= TOLERANCE * float(one[n].double().norm()) for n in one)


def equal(mine, other):
    """Whether tensors are the same, bit for bit."""
    return mine.keys() == other.keys() and all(torch.equal(mine[n].to(other[n].dtype), other[n]) for n in other)


@pytest.mark.parametrize("net", ["dense", "conv"])
@pytest.mark.parametrize("name", list(crew().LOCALIZERS))
def test_two_processes_make_the_mask_of_one(found, alone, net, name):
    for each in found:
        assert equal(each["answers"][f"{net} {name}"], alone[f"{net} {name}"])


@pytest.mark.parametrize("net", ["dense", "conv"])
@pytest.mark.parametrize("name", [*crew().METHODS, *crew().CLOSED])
def test_two_processes_make_the_model_of_one(found, alone, net, name):
    first, second = (each["answers"][f"{net} {name}"] for each in found)
    assert equal(first, second)
    assert near(first, alone[f"{net} {name}"])


@pytest.mark.parametrize("name", list(crew().METHODS))
def test_the_cost_is_that_of_all_processes(found, alone, name):
    # Where a share is empty, an example that counts nothing goes through in its place.
    mine, one = (at[f"conv {name} cost"] for at in (found[0]["answers"], alone))
    assert one["forward"] <= mine["forward"] <= 1.1 * one["forward"]
    assert found[0]["answers"][f"conv {name} cost"] == found[1]["answers"][f"conv {name} cost"]


def test_batch_statistics_are_the_same_on_all_processes_and_the_difference_is_told(found):
    first, second = (each["batchnorm"] for each in found)
    assert equal(first["model"], second["model"])
    assert ["batch norm" in note for note in first["notes"]] == [True]
    one = crew().batchnorm()
    assert not any("process" in note for note in one["notes"])
    assert not near(first["model"], one["model"])
    assert all(float((first["model"][n] - t).norm()) < 0.5 * float(t.norm()) for n, t in one["model"].items() if t.ndim > 1)


def test_frozen_batch_statistics_make_the_model_of_one(found):
    assert near(found[0]["frozen"]["model"], crew().frozen()["model"])
    assert found[0]["frozen"]["notes"] == ()


@pytest.mark.parametrize("which", ["forget", "seed", "model", "method"])
def test_processes_that_were_given_different_things_are_refused_in_one_line(found, which):
    for each in found:
        told = each["different"][which]
        assert told.startswith("BadInput: the processes were not given the same")
        assert which in told
        assert "\n" not in told


def test_a_budget_is_refused(found):
    assert found[0]["budget"]["told"].startswith("BadInput: a budget")


def test_a_loss_that_cannot_be_weighed_is_refused(found):
    assert found[0]["past"]["told"].startswith("ModelError: shares of retain and forget differ")


@pytest.mark.parametrize("how", ["torch", "accelerate"])
def test_a_wrapped_model_is_taken_for_what_it_wraps(found, alone, how):
    if how not in found[0]["wrapped"]:
        pytest.skip("accelerate is not installed")
    for each in found:
        assert each["wrapped"][f"{how} kind"] == "DistributedDataParallel"
        assert equal(each["wrapped"][how], alone["dense channels"])
        assert near(each["wrapped"][f"{how} model"], alone["dense DEL"])


@pytest.mark.parametrize("name", ["channels", "weights", "deep"])
def test_a_sharded_model_has_the_mask_of_a_whole_one(found, alone, name):
    for each in found:
        assert equal(each["sharded"][name], alone[f"dense {name}"])
    rows = [each["sharded"][f"{name} local"]["1.weight"].shape for each in found]
    assert rows == [(17, 36), (16, 36)]


def test_of_a_sharded_model_a_budget_that_holds_nothing_says_what_would_do(found):
    for each in found:
        assert re.fullmatch(
            r"ModelError: a budget of 0 of \d+ weights holds no whole channel, the largest has 36: keep at least 0.0\d+, or let .*",
            each["sharded"]["nothing"],
        )


def test_of_a_sharded_model_what_a_budget_leaves_unspent_is_told_as_of_a_whole_one(found):
    module = crew()
    wanted = module.unspent(*module.posed("dense"))
    assert any(wanted)
    assert not all(wanted)
    assert [each["sharded"]["unspent"] for each in found] == [wanted, wanted]


@pytest.mark.parametrize("name", ["DEL", "NegGrad uneven", "RandomLabel", "Finetune", "clipped", "lone"])
def test_a_sharded_model_forgets_as_a_whole_one(found, alone, name):
    assert near(found[0]["sharded"][name], alone[f"dense {name}"])
    guards = [each["sharded"][f"{name} guard"] for each in found]
    assert guards[0] == guards[1]
    assert guards[0]["outside_mask_max"] == 0
    assert 0 < guards[0]["moved_share"] <= guards[0]["may_move"]


SHARDLESS = ("elements", "examples", "random", "neurons", "tensors", "copied")


@pytest.mark.parametrize("what", [*SHARDLESS, "WoodFisher", "FisherNoise", "SSD", "SCRUB", "BadTeacher", "L1Sparse"])
def test_what_is_not_done_on_shards_is_refused_in_one_line(found, what):
    told = found[0]["sharded"][what if what == "copied" else f"{what} error"]
    assert told.startswith("BadInput: ")
    assert "\n" not in told


def test_a_sharded_model_is_put_back_when_the_work_fails(found):
    assert found[0]["sharded"]["diverged"].startswith("NotFinite")
    assert found[0]["sharded"]["restored"]


def test_when_one_process_fails_the_other_ends_with_one_line(found):
    first, second = found
    assert second["error"].startswith("KeyError")
    assert first["error"].startswith("RunFailed: another process failed, ended or does not answer")
    assert "\n" not in first["error"]
    # The process that failed was there for four seconds more: the other did not wait for its end.
    assert first["seconds"] < second["seconds"] + 2


def test_when_one_process_is_killed_the_other_ends_with_one_line(tmp_path):
    processes = begin(tmp_path, "endless")
    try:
        until = time.monotonic() + 60
        while not all((tmp_path / f"{rank}.ready").exists() for rank in (0, 1)) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        processes[1].send_signal(signal.SIGKILL)
        processes[0].wait(30)
        first = torch.load(tmp_path / "0.pt", weights_only=False)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert first["error"].startswith("RunFailed: another process failed, ended or does not answer")


def launched(tmp_path, *command):
    """What a script printed that a launcher started twice."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import crew, torch, untrain as ut\n"
        "model, problem = crew.posed()\n"
        "with ut.distributed() as all:\n"
        "    mask = ut.WeightedGrad(keep=0.4)(model, problem)\n"
        "if all.rank == 0:\n"
        "    print('chosen', all.size, sum(int(b.sum()) for b in mask.bits.values()))\n"
    )
    env = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    done = subprocess.run([*command, str(script), str(SCRIPT.parent)], capture_output=True, text=True, timeout=150, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def chosen(alone):
    """What the script ought to print."""
    return f"chosen 2 {sum(int(b.sum()) for b in alone['dense channels'].values())}"


@pytest.mark.slow
def test_torchrun_launches(tmp_path, alone):
    told = launched(tmp_path, sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert chosen(alone) in told


@pytest.mark.slow
def test_accelerate_launches(tmp_path, alone):
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    # With --cpu it starts one process and no more; this way it is torchrun's, and goes without a GPU.
    command = (
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
    )
    told = launched(
        tmp_path, sys.executable, *command, "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"
    )
    assert chosen(alone) in told


def test_without_several_processes_nothing_is_together():
    with pytest.raises(BadInput, match="torchrun"), ut.distributed():
        pass


def test_a_plain_model_is_unwrapped_to_itself():
    model = nn.Linear(1, 1)
    assert unwrap(model) is model
