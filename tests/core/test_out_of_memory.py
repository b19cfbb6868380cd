"""When memory runs out: batches are halved, the result stays, and it is told."""

import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch
from torch import nn

from untrain.core.errors import OutOfMemory
from untrain.core.metering import metered
from untrain.core.out_of_memory import out_of_memory
from untrain.data.examples import Batch
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.convnet import ConvNet
from untrain.models.inference import logits
from untrain.models.tasks.choice import Choice
from untrain.training.descend import descend, pieces, uneven
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small

STEPS = Steps(lr=0.05, epochs=2, batch=12)


class Norm(nn.Sequential):
    """A net without batch statistics."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 10))


def poor(loss, room, error=torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")):
    """The loss on a machine whose memory holds ``room`` examples."""

    def limited(*batches):
        if sum(len(b.y) for b in batches if b is not None) > room:
            raise error
        return loss(*batches)

    return limited


def walked(room, alpha=0.9, net=Norm):
    """Weights and notes after NegGrad's steps with room for so many examples."""
    torch.manual_seed(0)
    _, problem = small()
    model = net() if net is Norm else net.build((1, 6, 6), 10)
    problem = replace(problem, recipe=Train(model=Norm, steps=STEPS))

    def loss(retain, forget):
        return alpha * problem.task.loss(model, retain).mean() - (1 - alpha) * problem.task.loss(model, forget).mean()

    with metered() as meter:
        descend(model, poor(loss, room), problem.paired_batches(STEPS), STEPS)
    return dict(model.named_parameters()), list(meter.notes), meter


def test_with_halved_batches_the_model_is_the_same_and_it_is_told():
    whole, none, _ = walked(1000)
    halved, told, _ = walked(12)
    assert none == []
    assert told == ["out of memory: each batch is cut into 2 pieces whose gradients are added up"]
    for name, p in whole.items():
        torch.testing.assert_close(halved[name], p, rtol=1e-4, atol=1e-5)


def test_batches_are_halved_again_until_they_fit():
    assert walked(4)[1][-1] == "out of memory: each batch is cut into 8 pieces whose gradients are added up"


def test_batch_norm_is_told_of():
    assert walked(12, net=ConvNet(width=4))[1] == [
        "out of memory: each batch is cut into 2 pieces whose gradients are added up; batch norm normalises each piece by itself"
    ]


def test_examples_are_counted_once_however_many_pieces_they_come_in():
    assert walked(12)[2].forward == walked(1000)[2].forward


def test_memory_for_not_even_one_example_ends_in_one_line():
    with pytest.raises(OutOfMemory, match=r"out of memory with one example at a time \(CUDA out of memory"):
        walked(0)


def test_other_errors_are_not_taken_for_it():
    _, problem = small()
    loss = poor(None, 0, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        descend(Norm(), loss, problem.retain_batches(STEPS), STEPS)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("x"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("could not create a memory object"),
        RuntimeError("could not create a primitive"),
        RuntimeError("could not execute a primitive"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_the_ways_in_which_torch_tells_of_it_are_known(error):
    assert out_of_memory(error)


@pytest.mark.parametrize("text", ["size mismatch", "could not create a primitive descriptor for a convolution", "memory format"])
def test_what_cannot_be_computed_at_all_is_no_lack_of_memory(text):
    assert not out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("sizes", [(12,), (12, 12), (12, 5), (7, 3), (8, 1), (12, 11)])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_shares_add_up_and_pieces_hold_each_example_of_the_largest_once(sizes, count):
    batches = [Batch.labelled(torch.arange(n), torch.arange(n)) for n in sizes]
    cut = list(pieces(batches, count))
    assert sum(share for share, _ in cut) == pytest.approx(1)
    assert torch.cat([piece[0].y for _, piece in cut]).tolist() == list(range(sizes[0]))
    assert all(len(b.y) for _, piece in cut for b in piece)


@pytest.mark.parametrize(("sizes", "count"), [((12, 4), 4), ((12, 5), 2), ((16, 3), 2), ((16, 3), 4), ((7, 3), 2), ((8, 1), 8)])
def test_pieces_make_the_mean_of_the_whole_also_of_a_small_batch(sizes, count):
    batches = [Batch.labelled(torch.randn(n), torch.zeros(n)) for n in sizes]
    assert not uneven(batches, count)
    for at in (0, 1):
        mean = sum(share * piece[at].x.mean() for share, piece in pieces(batches, count))
        torch.testing.assert_close(mean, batches[at].x.mean())


def test_batches_that_cannot_be_cut_evenly_are_known():
    assert uneven([Batch.labelled(torch.zeros(12), torch.zeros(12)), Batch.labelled(torch.zeros(11), torch.zeros(11))], 2)
    assert not uneven([Batch.labelled(torch.zeros(11), torch.zeros(11)), None], 2)


def test_localization_and_answers_go_on_with_less_at_a_time():
    model, problem = small()
    whole, answers = WeightedGrad()(model, problem), logits(model, problem.retain, problem.task)

    class Poor(Choice):
        """The problem's task on a machine whose memory holds five examples."""

        classes: int | None = None
        head_names: tuple[str, ...] = ()

        def resolve(self, examples):
            return self

        def forward(self, model, batch):
            if len(batch) > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return problem.task.forward(model, batch)

    poor = replace(problem, task=Poor())
    with metered() as meter:
        found = WeightedGrad()(model, poor)
        torch.testing.assert_close(logits(model, problem.retain, poor.task), answers)
    assert all(torch.equal(found.bits[n], bits) for n, bits in whole.bits.items())
    assert "out of memory: localization takes 4 examples at a time" in meter.notes
    assert "out of memory: asking the model takes 4 examples at a time" in meter.notes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does")
@pytest.mark.slow
def test_a_process_whose_memory_is_really_limited_goes_on_in_pieces():
    script = """
        import resource, warnings
        warnings.simplefilter("error")
        import torch
        from torch import nn
        from untrain.core.metering import metered
        from untrain.data.examples import Examples
        from untrain.training.batch_plan import Plan
        from untrain.data.examples import Batch
        from untrain.training.steps import Steps
        from untrain.training.descend import descend
        from untrain.models.tasks.classification import Classification
        import numpy as np
        torch.set_num_threads(1)
        model = nn.Sequential(nn.Linear(10, 20000), nn.ReLU(), nn.Linear(20000, 2))
        x, y = torch.randn(4096, 10), torch.zeros(4096).long()
        examples = Examples.labelled(x, y, np.arange(4096), 2)
        plan = Plan(1, lambda epoch: iter([(Batch.labelled(x, y),)]), examples, Classification())
        task = Classification()
        step = lambda batch: task.loss(model, batch).mean()
        descend(model, lambda b: step(b[:8]), plan, Steps(lr=0.1, epochs=1))
        pages = int(open("/proc/self/statm").read().split()[0])
        room = pages * resource.getpagesize() + 500 * 2**20  # one layer's answers alone are 330 MB, and there are several
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        with metered() as meter:
            descend(model, step, plan, Steps(lr=0.1, epochs=1))
        print(list(meter.notes))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "out of memory: each batch is cut into" in done.stdout
