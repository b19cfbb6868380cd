"""Foreign code gives the process back as it was, in every role, and cheaply."""

import os
import random
import signal
import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import BrokenPromise, RunFailed
from untrain.core.foreign import foreign, was_spoiled
from untrain.core.patches import Bindings
from untrain.data.requests.base import Request
from untrain.data.requests.resolve import request
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.evaluation.scoring.assessment import assess, reference_of
from untrain.localizers.base import Localizer
from untrain.models.architectures.convnet import ConvNet
from untrain.training.base import Learner
from untrain.training.keepers.base import Keeper
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.retrain import Retrain

BRIEF = Steps(lr=0.05, epochs=1, batch=16)


def spoil():
    torch.set_default_dtype(torch.float64)


def clean():
    assert torch.get_default_dtype() == torch.float32
    assert was_spoiled()


class Finds(Localizer):
    """Source: planted."""

    def localize(self, model, problem):
        spoil()
        return {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}


class Learns(Learner):
    """Source: planted."""

    def init(self, examples, seed):
        return ConvNet(width=2).build(tuple(examples.x.shape[1:]), 3)

    def learn(self, examples, seed):
        spoil()
        return self.init(examples, seed).eval()


class Writes(Learner):
    """Source: planted."""

    def init(self, examples, seed):
        return ConvNet(width=2).build(tuple(examples.x.shape[1:]), 3)

    def learn(self, examples, seed):
        examples.x.mul_(0)
        return self.init(examples, seed).eval()


class Draws(Learner):
    """Source: planted."""

    def init(self, examples, seed):
        return nn.Linear(2, 1)

    def learn(self, examples, seed):
        model = nn.Linear(2, 1)
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[np.random.rand(), random.random()]]))  # noqa: NPY002
        return model


class Keeps(Keeper):
    """Source: planted."""

    def keep(self, model, examples, learner):
        spoil()
        return {"one": torch.ones(1)}


class Looks(Observer):
    """Source: planted."""

    scores: ClassVar = {"looked": ScoreInfo("a", "b", "c", "d")}

    def look(self, model, sight):
        sight.forget.x.mul_(0)
        sight.original["logits"][:] = 7
        spoil()
        return np.ones(1)

    def compare(self, trial):
        return {}


class Careless(Request):
    """Source: planted."""

    def draw(self, examples):
        np.random.seed(0)  # noqa: NPY002
        spoil()
        return np.arange(2)


class Judges(Evaluator):
    """Accuracy by another name, in the wrong way.

    Args:
        fault: what it does.
        verb: when.

    Source: planted.
    """

    fault: str = "spoil"
    verb: str = "evaluate"
    scores: ClassVar = {"judged": ScoreInfo("a", "b", "c", "d", margin=0.1)}

    def _do(self, verb):
        if verb == self.verb:
            {"spoil": spoil, "exit": sys.exit, "fail": lambda: 1 / 0, "patch": lambda: setattr(F, "relu", F.gelu)}[self.fault]()

    def prepare(self, observation):
        self._do("prepare")
        return np.asarray(observation.signal("correct"), dtype=float)

    def evaluate(self, trial):
        self._do("evaluate")
        forget = trial.side == "forget"
        return {"judged": Measure((Part(1.0, "unlearned", "forget", trial.unlearned[:, forget]),))}


def test_a_localizer_is_named_within_its_unlearner():
    model, problem = small()
    with pytest.raises(BrokenPromise, match=r"Finds\(\) left torch's default dtype \(torch.float64\) changed, which was put back"):
        (Finetune(steps=BRIEF) @ Finds())(model, problem)
    clean()


@pytest.mark.parametrize("learner", [Learns(), Train(model=ConvNet(width=2), steps=BRIEF, keepers=(Keeps(),))], ids=repr)
def test_a_learner_and_a_keeper_are_named(learner):
    _, problem = small()
    with pytest.raises(BrokenPromise, match=r"(Learns|Keeps)\(\) left torch's default dtype"):
        learner.run(problem.forget, 0)
    clean()


def test_a_learner_that_writes_to_the_data_is_named():
    _, problem = small()
    with pytest.raises(BrokenPromise, match="wrote to the examples that were lent to it"):
        Writes()(problem.forget, 0)


def test_a_learner_may_draw_from_any_generator_and_follows_its_seed():
    _, problem = small()
    before = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    one, same, other = (Draws()(problem.forget, seed).weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert random.getstate() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_factory_is_named():
    def careless():
        spoil()
        return ConvNet(width=2).build((1, 6, 6), 3)

    _, problem = small()
    with pytest.raises(BrokenPromise, match=r"model=.*careless left torch's default dtype"):
        Train(model=careless, steps=BRIEF)(problem.forget, 0)
    clean()


def test_an_observer_is_named_and_what_it_wrote_to_is_a_copy():
    model, problem = small()
    logits = np.zeros((1, 12, 3), dtype=np.float32)
    sight = ObserverContext(problem.task, problem.forget, problem.retain, problem.init, {"logits": logits})
    before = problem.forget.x.clone()
    with pytest.raises(BrokenPromise, match=r"Looks\(\) left torch's default dtype"):
        Looks()(model, sight)
    clean()
    assert torch.equal(problem.forget.x, before)
    assert not logits.any()


def test_a_request_is_named():
    _, problem = small()
    with pytest.raises(BrokenPromise, match=r"Careless\(\) left torch's default dtype"):
        request(problem.retain, Careless())
    clean()


@pytest.mark.parametrize("verb", ["prepare", "evaluate"])
@pytest.mark.parametrize(
    ("fault", "said"), [("spoil", "default dtype"), ("exit", "SystemExit"), ("fail", "by zero"), ("patch", "relu")]
)
def test_an_evaluator_that_fails_has_a_reason_and_spoils_no_other_score(verb, fault, said):
    from untrain.evaluation import contract

    ours, oracle = (contract.planted(seed, 0.5).of_models(range(4)) for seed in (1, 2))
    alone, _ = assess(reference_of([Accuracy()], oracle), ours, draws=20)
    both, verdict = assess(reference_of([Judges(fault=fault, verb=verb), Accuracy()], oracle), ours, draws=20)
    assert both["judged"].value is None
    assert said in both["judged"].reason
    assert {n: both[n].value for n in alone} == {n: s.value for n, s in alone.items()}
    assert "judged" not in verdict["tested"]
    assert torch.get_default_dtype() == torch.float32


def test_prints_go_to_stderr_and_output_cannot_be_closed(capsys):
    with foreign("Loud()"):
        print("noise")  # noqa: T201
        sys.stdout.write("more")
        sys.stdout.close()
        sys.stdout.flush()
    print("result")  # noqa: T201
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "noise\nmore"


def lose_the_folder():
    os.chdir("/")
    raise KeyError("x")


def test_a_failure_that_comes_of_what_was_changed_names_both():
    with pytest.raises(BrokenPromise, match=r"left the working folder .*, and failed: KeyError: 'x'"), foreign("Lost()"):
        lose_the_folder()


def test_an_error_alone_is_raised_as_it_is():
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised, foreign("Wrong()"):
        raise error
    assert raised.value is error


def test_an_interrupt_from_outside_is_one_and_a_raised_one_is_a_failure():
    with pytest.raises(RunFailed, match="tried to end the process: KeyboardInterrupt"), foreign("Own()"):
        raise KeyboardInterrupt
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), foreign("Outer()"), foreign("Inner()"):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is handler


def test_torch_may_wrap_its_own_functions():
    class Fresh(torch.optim.SGD):
        pass

    with foreign("Trains()"):  # torch hooks into the step of a class when its first optimizer is made
        weight = nn.Parameter(torch.ones(1))
        for kind in (torch.optim.Rprop, torch.optim.Adamax, Fresh):
            optimizer = kind([weight], lr=0.1)
            weight.sum().backward()
            optimizer.step()


def test_a_library_may_be_imported_and_sets_what_it_needs():
    script = "import xml.dom.minidom, wave"
    with foreign("Imports()"):
        exec(script)


def test_caches_and_counters_are_no_patches():
    names = Bindings()
    before = replace  # a name of ours is rebound to the same
    assert before is replace
    assert names.patches() == []


def test_retraining_within_an_unlearner_may_draw():
    model, problem = small()
    problem = replace(problem, recipe=Train(model=ConvNet(width=4), steps=BRIEF))
    Retrain()(model, problem)


def test_the_inner_block_names_who_replaced_a_function(monkeypatch):
    before = torch.optim.SGD.step
    with foreign("Outer()"), pytest.raises(BrokenPromise, match=r"^Inner\(\) left the function .*step"), foreign("Inner()"):
        torch.optim.SGD.step = lambda self, closure=None: None
    assert torch.optim.SGD.step is before
