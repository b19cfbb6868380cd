"""Every method found keeps its promises, and each promise catches a planted fault."""

from __future__ import annotations

import random
import re
from copy import deepcopy
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest
import torch
import typer

import methods
import untrain
from untrain.commands import promises
from untrain.commands.cli.check import _show
from untrain.core import discovery as names
from untrain.core.errors import NotFinite, SpecError
from untrain.core.metering import leave_uncounted
from untrain.core.spec import Spec, parse
from untrain.data.examples import batch_of
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo
from untrain.localizers import contract as localizers
from untrain.localizers.base import Localizer
from untrain.localizers.randommask import RandomMask
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.maths import selection
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.convnet import ConvNet
from untrain.training import toy
from untrain.training.base import Learner
from untrain.training.descend import descend
from untrain.training.learners.train import Train
from untrain.training.steps import SGD, AdamW, Steps
from untrain.unlearners import contract as unlearners
from untrain.unlearners.base import Unlearner
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.nothing import Nothing

NEEDS = {
    "Ids": "Ids(ids=(1, 2))",
    "IdFile": "IdFile(path='ids.csv')",
    "Where": "Where(rule='y == 1')",
    "Owner": "Owner(owners=('ann',))",
    "Relabel": "Relabel(ids=(1,), labels=(2,))",
    "Corrections": "Corrections(parts=(Relabel(ids=(1,), labels=(2,)),))",
    "ReplaceFeatures": "ReplaceFeatures(features=(0,))",
    "ReplaceTokens": "ReplaceTokens(tokens=(1,), fill=0)",
    "HuggingFace": "HuggingFace(kind='vit')",
    "HuggingFaceLM": "HuggingFaceLM(kind='llama')",
    "HuggingFaceText": "HuggingFaceText(kind='bert')",
    "LoRA": "LoRA(model=MLP())",
    "Pretrained": "Pretrained(model=ConvNet(width=4), weights='before.safetensors')",
}


# Methods by libraries that are not on every machine.
LIBRARIES = {"LoRA": "peft"}


def found() -> list[Spec]:
    """One object of every name with a spelling; scenarios are tried where they are tested."""
    roles = (
        "unlearner",
        "recipe",
        "localizer",
        "evaluator",
        "observer",
        "attributor",
        "learner",
        "architecture",
        "request",
        "noise",
        "augment",
        "task",
        "part",
        "choice",
        "teaching",
        "criterion",
    )
    made = []
    for place in names.of_role(*roles):
        if place.name in LIBRARIES and find_spec(LIBRARIES[place.name]) is None:
            continue
        try:
            made.append(parse(NEEDS[place.name]) if place.name in NEEDS else methods.example(place.name))
        except SpecError as error:
            made.append(pytest.param(error, id=place.name))
    return made


LONG = [pytest.param(promises.example(names.load(name)), marks=pytest.mark.slow, id=f"{name} by default") for name in methods.SHORT]
# Of these promises, and of all that these methods make, one in so many is tried by default, along diagonals: each such method is
# tried for some of them, and each of them on some methods. Costly promises of heavy methods are slow, as the whole product is.
TURNS = 4
COSTLY = {*promises.slow_promises(), unlearners.it_works_on_a_transformer}
HEAVY = {"AMUN", "L2UL", "LogisticMIA", "Potion", "REM", "SVCMIA", "ThresholdMIA", "TRAK", "UNSIR"}


def in_turn(made: Spec, at: int) -> list[str]:
    """The promises of the method at a place among all that are tried by default."""
    every = enumerate(promises.checks_for(made), at)
    heavy = type(made).__name__ in HEAVY
    return [
        name for turn, (name, ask) in every if not (heavy or ask in COSTLY) or (turn % TURNS == 0 and not (heavy and ask in COSTLY))
    ]


@pytest.mark.parametrize(
    ("at", "made"), list(enumerate(found())), ids=lambda made: "" if isinstance(made, int) else type(made).__name__
)
def test_every_method_keeps_its_promises_each_costly_one_in_turn(at, made):
    assert isinstance(made, Spec), made
    assert [v for v in promises.verdicts(made, in_turn(made, at)) if v.error] == []


def test_each_costly_promise_has_its_turn_on_some_method():
    tried = {name for at, made in enumerate(found()) if isinstance(made, Spec) for name in in_turn(made, at)}
    assert tried >= {name for name, _, ask in promises.all_promises() if ask in COSTLY}


@pytest.mark.slow
@pytest.mark.parametrize("made", found() + LONG, ids=lambda made: type(made).__name__)
def test_every_method_keeps_every_promise(made):
    assert isinstance(made, Spec), made
    assert [v for v in promises.verdicts(made) if v.error] == []


@pytest.mark.parametrize("spelling", ["DEL(reference=False)", "Finetune @ RandomMask", "NegGrad(steps=Steps(optimizer=AdamW()))"])
def test_an_expression_keeps_the_promises_of_an_unlearner(spelling):
    assert [v for v in promises.verdicts(parse(spelling)) if v.error] == []


def test_an_abstract_role_cannot_be_checked():
    with pytest.raises(SpecError, match="Unlearner is not a method"):
        promises.verdicts(Unlearner)


def test_checking_leaves_the_global_random_state():
    before = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["pos"], random.getstate()  # noqa: NPY002
    promises.verdicts(Nothing)
    after = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["pos"], random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_a_promise_is_named_in_words():
    assert "it moves some parameter" in [name for name, _ in promises.checks_for(Finetune)]


def test_every_role_has_promises_beside_its_spelling():
    of_every = len(promises.checks_for(Steps))
    for made in (Nothing(), WeightedGrad(), Train(model=ConvNet())):
        assert len(promises.checks_for(made)) > of_every


# Planted faults.

STEPS = Steps(lr=0.05, epochs=2, batch=16)


class TeacherStepped(Unlearner):
    """A published SCRUB: the teacher is stepped and the student returned. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        teacher = deepcopy(model)
        descend(teacher, lambda b: problem.task.loss(teacher, b).mean(), problem.retain_batches(STEPS), STEPS)
        return model


class OnlyBuffers(Unlearner):
    """Batch-norm buffers move and nothing else.

    Source: planted.
    """

    def unlearn(self, model, problem):
        model.train()
        with torch.no_grad():
            model(problem.retain.x)
        return model


class MaskedGradient(Unlearner):
    """A loop of its own that masks gradients and forgets weight decay. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
        for (batch,) in problem.retain_batches(STEPS).draw(0):
            optimizer.zero_grad()
            problem.task.loss(model, batch).mean().backward()
            for name, p in model.named_parameters():
                if problem.trainable is not None:
                    p.grad *= problem.trainable.bits[name]
            optimizer.step()
        return model


class InputChanged(Unlearner):
    """Labels of the forget set are overwritten where they lie. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        problem.forget.y.zero_()
        return Finetune(steps=STEPS).unlearn(model, problem)


class ReachedBehind(Unlearner):
    """The model that was given is reached behind the role's back. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        LENT[0].train()
        return Finetune(steps=STEPS).unlearn(model, problem)


LENT: list[torch.nn.Module] = []


class Reseeded(Unlearner):
    """numpy's global generator is seeded. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        np.random.seed(0)  # noqa: NPY002
        return Finetune(steps=STEPS).unlearn(model, problem)


class Drifting(Unlearner):
    """Noise from a generator that nobody seeded. Buffers move.

    Source: planted.
    """

    def unlearn(self, model, problem):
        state = random.getstate()
        jitter = random.random()
        random.setstate(state)
        with torch.no_grad():
            for name, p in model.named_parameters():
                p += jitter * (1 if problem.trainable is None else problem.trainable.bits[name])
        return model


class Deaf(Unlearner):
    """Steps are taken without regard to the loss. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        clean = float(torch.nan_to_num(problem.retain.x).mean())
        with torch.no_grad():
            for name, p in model.named_parameters():
                p += (0.1 + clean) * (1 if problem.trainable is None else problem.trainable.bits[name])
        return model


class Silent(Unlearner):
    """What becomes of batch statistics is not said.

    Source: planted.
    """

    def unlearn(self, model, problem):
        return Finetune(steps=STEPS).unlearn(model, problem)


class Thawed(Unlearner):
    """A loop of its own in train mode, whatever its steps say. Buffers move.

    Args:
        steps: length and step size.

    Source: planted.
    """

    steps: Steps = STEPS

    def unlearn(self, model, problem):
        with torch.no_grad():
            problem.task.forward(model.train(), batch_of(problem.retain, np.arange(16)))
        batches = problem.retain_batches(self.steps)
        return descend(model, lambda b: problem.task.loss(model, b).mean(), batches, self.steps, problem.trainable)


class ImagesAlone(Unlearner):
    """The model is called by what a batch of images holds. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        loss = torch.nn.functional.cross_entropy
        return descend(model, lambda b: loss(model(b.x.float()), b.y), problem.retain_batches(STEPS), STEPS, problem.trainable)


class SizesOfImages(Localizer):
    """The model is called by the inputs of a batch of images.

    Source: planted.
    """

    def localize(self, model, problem):
        model(problem.forget.x)
        return ones(model)


class Sourceless(Architecture):
    """Where it comes from is not said."""

    def build(self, shape, classes):
        return torch.nn.Identity()


class OutOfOrder(Architecture):
    """Fields are told in another order.

    Args:
        second: told first.
        first: told second.

    Source: planted.
    """

    first: int = 1
    second: int = 2

    def build(self, shape, classes):
        return torch.nn.Identity()


class Misspelled(Architecture):
    """Its spelling hides a field.

    Args:
        field: hidden.

    Source: planted.
    """

    field: int = 1

    def build(self, shape, classes):
        return torch.nn.Identity()

    def spell(self, spell):
        return f"{__name__}.Misspelled(field=2)"


def ones(model):
    """A mask of ones."""
    return {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}


class Greedy(Localizer):
    """Keeps everything, whatever was asked for.

    Args:
        keep: ignored.

    Source: planted.
    """

    keep: float = 0.3

    def localize(self, model, problem):
        return ones(model)


class Stingy(Localizer):
    """Keeps one weight fewer than asked for, though single weights compete.

    Args:
        keep: share.
        per: always 'weight'.

    Source: planted.
    """

    keep: float = 0.3
    per: str = "weight"

    def localize(self, model, problem):
        total = sum(p.numel() for p in model.parameters())
        flat = torch.arange(total) < int(self.keep * total) - 1
        return dict(zip(ones(model), selection.split(flat, list(model.parameters())), strict=True))


class Misshapen(Localizer):
    """Masks are one float a row.

    Source: planted.
    """

    def localize(self, model, problem):
        return {n: torch.ones(len(p)) for n, p in model.named_parameters()}


class Forgetful(Localizer):
    """The same random weights, whatever is to be forgotten.

    Args:
        keep: share.

    Source: planted.
    """

    keep: float = 0.3

    def localize(self, model, problem):
        draw = torch.Generator().manual_seed(0)
        return {n: torch.rand(p.shape, generator=draw) < self.keep - 0.1 for n, p in model.named_parameters()}


class Overshooting(Localizer):
    """The official random control: up to a channel too many in each tensor.

    Args:
        like: whose counts are to be matched.

    Source: planted.
    """

    like: Localizer = WeightedGrad()

    def ignores_forget_set(self):
        return True

    def localize(self, model, problem):
        bits = RandomMask(like=self.like).localize(model, problem)
        return {n: b | (torch.arange(len(b)) == 0).reshape(-1, *[1] * (b.ndim - 1)) for n, b in bits.items()}


class Ticklish(Localizer):
    """Draws from numpy's global generator.

    Source: planted.
    """

    def localize(self, model, problem):
        at = np.random.rand()  # noqa: NPY002
        return {n: torch.full_like(p, at < 0.5, dtype=torch.bool) for n, p in model.named_parameters()}


class Sly(Localizer):
    """Draws from numpy's global generator, and puts its state back.

    Source: planted.
    """

    def localize(self, model, problem):
        state = np.random.get_state()  # noqa: NPY002
        at = np.random.rand()  # noqa: NPY002
        np.random.set_state(state)  # noqa: NPY002
        return {n: torch.full_like(p, at < 0.5, dtype=torch.bool) for n, p in model.named_parameters()}


class ReachedLocalizer(Localizer):
    """A weight of the model that was given is written behind torch's back.

    Source: planted.
    """

    def localize(self, model, problem):
        next(model.parameters()).data.add_(1)
        return ones(model)


class Seedless(Learner):
    """The seed is ignored.

    Source: planted.
    """

    def init(self, examples, seed):
        return torch.nn.Linear(1, 1)

    def learn(self, examples, seed):
        return Train(model=ConvNet(width=4), steps=STEPS)(examples, 0)


class Fickle(Learner):
    """It is said to be deterministic, and follows its seed.

    Source: planted.
    """

    @property
    def deterministic(self):
        return True

    def init(self, examples, seed):
        return torch.nn.Linear(1, 1)

    def learn(self, examples, seed):
        return Train(model=ConvNet(width=4), steps=STEPS)(examples, seed)


class Uncounted(Learner):
    """Another library does the work, and that is not said.

    Source: planted.
    """

    def init(self, examples, seed):
        return torch.nn.Linear(1, 1)

    def learn(self, examples, seed):
        leave_uncounted("another library did the work")
        return Train(model=ConvNet(width=4), steps=STEPS)(examples, seed)


class Unseeded(Learner):
    """Fresh entropy each time, which no seed of torch's reaches.

    Source: planted.
    """

    def init(self, examples, seed):
        return torch.nn.Linear(1, 1)

    def learn(self, examples, seed):
        model = torch.nn.Linear(3, 3)
        torch.nn.init.constant_(model.bias, np.random.default_rng().random())
        return model


class Relabelling(Learner):
    """Labels of the training set are overwritten where they lie.

    Source: planted.
    """

    def init(self, examples, seed):
        return torch.nn.Linear(1, 1)

    def learn(self, examples, seed):
        examples.y.zero_()
        return Train(model=ConvNet(width=4), steps=STEPS)(examples, seed)


def told(*names, ideal="0"):
    """A glossary of gaps in fractions."""
    return {n: ScoreInfo("made up", "fraction", ideal, "none", low=-1.0) for n in names}


def right(seen):
    """1 where the label has the largest logit, (m, n)."""
    return (seen.logits.argmax(-1) == seen.labels).astype(float)


def gap(trial, of="forget"):
    """Oracles' mean minus the unlearned models' on a side."""
    here = trial.side == of
    return Measure((Part(1, "oracle", of, trial.oracle[:, here]), Part(-1, "unlearned", of, trial.unlearned[:, here])))


class Unexplained(Evaluator):
    """Gives a score that its glossary lacks.

    Source: planted.
    """

    scores: ClassVar = told("known")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        return {"known": gap(trial), "unknown": gap(trial)}


class SideSwapped(Evaluator):
    """The unlearned models' forget set against the oracles' test set.

    Source: planted.
    """

    scores: ClassVar = told("difference")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        theirs, ours = trial.oracle[:, trial.side == "test"] * 0.5, trial.unlearned[:, trial.side == "forget"]
        return {"difference": Measure((Part(1, "oracle", "test", theirs), Part(-1, "unlearned", "forget", ours)))}


class FirstModel(Evaluator):
    """Looks at the first model alone.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        ours, theirs = (p[:1, trial.side == "forget"] for p in (trial.unlearned, trial.oracle))
        return {"gap": Measure((Part(1, "oracle", "forget", theirs), Part(-1, "unlearned", "forget", ours)))}


class FirstRows(Evaluator):
    """A threshold from the first ten retain rows, as they happen to lie.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        sure = seen.logits.max(-1)
        return (sure > sure[:, np.flatnonzero(seen.side == "retain")[:10]].mean(1, keepdims=True)).astype(float)

    def evaluate(self, trial):
        return {"gap": gap(trial)}


class Pooled(Evaluator):
    """A threshold from all models at once: who else is measured decides.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        sure = seen.logits.max(-1)
        return (sure > sure.mean()).astype(float)

    def evaluate(self, trial):
        return {"gap": gap(trial)}


class Hasty(Evaluator):
    """Scores many splits at once, and as if all were alike.

    Source: planted.
    """

    scores: ClassVar = {"gap": ScoreInfo("made up", "fraction", "0", "none", low=-1.0, margin=0.1)}

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        return {"gap": gap(trial)}

    def in_splits(self, splits):
        return {"gap": np.full(len(splits), 9.0)}


class Blind(Evaluator):
    """Looks at the test set alone, and roughly.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        return np.ones(seen.logits.shape[:2])

    def evaluate(self, trial):
        return {"gap": gap(trial, "test")}


class NoZero(Evaluator):
    """A ratio, whose ideal is told to be 0.7, which nothing is known about.

    Source: planted.
    """

    scores: ClassVar = told("gap_like", ideal="0.7")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        return {"gap_like": Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"]),))}


class Stepping(Unlearner):
    """Plain steps of a loop of its own, with the faults that its fields plant; buffers stay.

    Args:
        steps: step size and length.
        frozen: whether each epoch has the order of the first.
        seeded: whether its seed is its own.
        stale: whether the first batch's labels are those of all.
        summed: whether gradients are never cleared.

    Source: planted.
    """

    needs: ClassVar = frozenset({"retain", "labels"})
    steps: Steps = Steps(lr=0.01, epochs=2, batch=16)
    frozen: bool = False
    seeded: bool = False
    stale: bool = False
    summed: bool = False

    def unlearn(self, model, problem):
        rng, first = np.random.default_rng(0 if self.seeded else problem.seed), None
        orders = [rng.permutation(len(problem.rest)) for _ in range(problem.epochs(self.steps))]
        for order in orders:
            for rows in np.split(orders[0] if self.frozen else order, 3):
                x, y = problem.rest.x[:][rows], problem.rest.y[:][rows]
                first = y if first is None else first
                if not self.summed:
                    model.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x), first if self.stale else y)
                if not torch.isfinite(loss):
                    raise NotFinite("the loss is NaN")
                loss.backward()
                with torch.no_grad():
                    for name, p in model.named_parameters():
                        bits = None if problem.trainable is None else problem.trainable.bits[name]
                        step = self.steps.lr * (torch.zeros_like(p) if p.grad is None else p.grad)
                        p -= step if bits is None else step * bits
        model.zero_grad()
        return model


class Learning(Unlearner):
    """Finetunes on the retain set, and does with the forget set what its field plants; buffers follow the steps.

    Args:
        fault: 'unchanged' trains on the forget set by the labels that it has, as relabelling that relabels nothing; 'sign' goes
            down its loss where it should go up; 'none' goes up.
        steps: step size and length.

    Source: planted.
    """

    needs: ClassVar = frozenset({"forget", "retain", "labels"})
    fault: str = "none"
    steps: Steps = Steps(lr=0.01, epochs=2, batch=16)

    def unlearn(self, model, problem):
        weight = {"unchanged": 1.0, "sign": 0.05, "none": -0.05}[self.fault]

        def loss(retain, forget):
            return problem.task.loss(model, retain).mean() + weight * problem.task.loss(model, forget).mean()

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)


class InSample(Evaluator):
    """Calls a model unlearned where an example's margin lies on the side of the mean of the models that are called; 0.5 is due.

    Source: planted.
    """

    scores: ClassVar = told("called", ideal="0.5")

    def prepare(self, seen):
        return seen.signal("margin")

    def evaluate(self, trial):
        ours, theirs = (table[:, trial.side == "forget"] for table in (trial.unlearned, trial.oracle))
        middle = (ours.mean(0) + theirs.mean(0)) / 2
        more = np.sign(ours.mean(0) - theirs.mean(0))
        calls = [(more * (table - middle) > 0).astype(float) for table in (ours, theirs)]
        parts = Part(0.5, "unlearned", "forget", calls[0]), Part(-0.5, "oracle", "forget", calls[1] - 1)
        return {"called": Measure(parts, joint=True)}


class Exchanged(Evaluator):
    """Accuracy on the forget set by the name of that on the test set.

    Source: planted.
    """

    scores: ClassVar = told("test_accuracy", ideal="the oracles' value")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        return {"test_accuracy": Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"]),))}


class Cut(Evaluator):
    """Accuracy on the first 20 forget examples.

    Source: planted.
    """

    scores: ClassVar = told("cut", ideal="the oracles' value")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        return {"cut": Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"][:, :20]),))}


class WrongWay(Evaluator):
    """The error, which falls with memory, called memory.

    Source: planted.
    """

    scores: ClassVar = {"wrong": ScoreInfo("error", "fraction", "the oracles' value", "none", above="remembers: more")}

    def prepare(self, seen):
        return 1 - right(seen)

    def evaluate(self, trial):
        return {"wrong": Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"]),))}


class Drawing(Evaluator):
    """Draws from numpy's global generator while it prepares.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        np.random.rand()  # noqa: NPY002
        return right(seen)

    def evaluate(self, trial):
        return {"gap": gap(trial)}


class Loosened(Evaluator):
    """New tensors of torch are float64 for all who come after it.

    Source: planted.
    """

    scores: ClassVar = told("gap")

    def prepare(self, seen):
        return right(seen)

    def evaluate(self, trial):
        torch.set_default_dtype(torch.float64)
        return {"gap": gap(trial)}


FAULTS = [
    (Drawing, "it leaves the process as it was", "random state of numpy"),
    (Loosened, "it leaves the process as it was", "left .* changed"),
    (Exchanged, "a score of one side reads that side", "names are exchanged"),
    (Cut, "every forget example counts", "forget example 29"),
    (WrongWay, "scores that say remembers rise with memory", "wrong way"),
    (Learning(fault="unchanged"), "it does not learn the labels of the forget set", "makes them likelier"),
    (Learning(fault="sign"), "it does not learn the labels of the forget set", "makes them likelier"),
    (InSample, "a score that is one half for retrained models is that on average", "fitted on what it is tried on"),
    (Stepping(frozen=True), "its batches follow the seed and the epoch", "same order in two epochs"),
    (Stepping(seeded=True), "its batches follow the seed and the epoch", "ignores the seed"),
    (Stepping(stale=True), "it reads the labels of all it needs", "whatever the label"),
    (Stepping(summed=True), "longer steps go the same way", "are gradients cleared"),
    (TeacherStepped, "it moves some parameter", "moved no parameter"),
    (OnlyBuffers, "it moves some parameter", "moved no parameter"),
    (MaskedGradient, "it leaves what is outside the mask", "outside its mask"),
    (InputChanged, "it leaves its input alone", "labels 0"),
    (ReachedBehind, "it leaves its input alone", "mode of"),
    (Reseeded, "it leaves the global random state", "numpy"),
    (Drifting, "the same seed gives the same model", "two models for one seed"),
    (Deaf, "it raises when the loss is not finite", "NotFinite was due"),
    (Silent, "it says what becomes of buffers", "buffers"),
    (Sourceless, "it names its source", "Source:"),
    (OutOfOrder, "its args list its fields in order", r"\['second', 'first'\]"),
    (Misspelled, "its spelling makes it again", "field=2"),
    (Greedy, "it keeps the share that was asked for", "may be"),
    (Stingy, "it keeps the share that was asked for", "single weights"),
    (Misshapen, "its mask has the shapes of the weights", "no fitting mask"),
    (Forgetful, "it finds a planted neuron", "does not find unit"),
    (Overshooting, "it keeps the share that was asked for", "keeps"),
    (Ticklish, "it leaves the random state", "numpy"),
    (Sly, "the same seed gives the same mask", "two masks"),
    (ReachedLocalizer, "it leaves the model alone", "changed"),
    (Thawed, "it leaves frozen statistics alone", "running_mean, .*running_var although its steps say buffers='freeze'"),
    (ImagesAlone, "it works on a transformer", "attention_mask.*; to mend it, ask the model by `problem.task.forward"),
    (SizesOfImages, "it marks weights of a transformer", "TypeError.*; to mend it, ask the model by"),
    (Seedless, "the same seed trains the same model", "ignores its seed"),
    (Fickle, "the same seed trains the same model", "trains two models for two seeds, and says"),
    (Unseeded, "the same seed trains the same model", "two models for one seed"),
    (Uncounted, "it says whether its operations are counted", "has `counted` True, and training it gives False"),
    (Relabelling, "it leaves the examples and the random state", "wrote to the examples"),
    (Unexplained, "every score is explained", r"lacks: \['unknown'\]"),
    (SideSwapped, "it is ideal when unlearned is the oracle", "difference"),
    (FirstModel, "it is blind to the order of models", "order of models"),
    (FirstRows, "it is blind to the order of examples", "order of examples"),
    (Pooled, "a batch of models gives what its models give one by one", "with others"),
    (Hasty, "splits at once score as each by itself", "gap of a split that evaluate gives"),
    (Blind, "it tells the original from the oracle", "hold on to the forget set"),
]


@pytest.mark.parametrize(("fault", "promise", "said"), FAULTS, ids=lambda v: v.__name__ if isinstance(v, type) else None)
def test_a_planted_fault_is_caught(fault, promise, said, monkeypatch):
    def lent(*_):
        made = toy.small(*_)
        LENT[:] = [made[0]]
        return made

    for module in (unlearners, localizers):
        monkeypatch.setattr(module, "small", lent)
    (tried,) = promises.verdicts(fault, {promise})
    assert (tried.promise, tried.tried) == (promise, True)
    assert re.search(said, str(tried.error))


def test_steps_without_a_planted_fault_keep_every_promise():
    assert [v.promise for v in promises.verdicts(Stepping(), fast=True) if v.error] == ["it works on a transformer"]  # for images
    assert [v for v in promises.verdicts(Learning(), fast=True) if v.error] == []


@pytest.mark.slow
def test_methods_that_break_on_texts_or_statistics_alone_keep_every_other_promise_about_steps():
    broken = {each.promise for fault in (Thawed, ImagesAlone) for each in promises.verdicts(fault) if each.error}
    assert {"it leaves frozen statistics alone", "it works on a transformer"} <= broken
    assert not {"it moves some parameter", "it leaves its input alone", "the same seed gives the same model"} & broken


def test_fast_leaves_out_what_takes_long_and_says_so(capsys):
    found = untrain.check(Thawed, fast=True)
    left_out = {each["promise"] for each in found if not each["tried"]}
    assert left_out == {ask.__name__.replace("_", " ") for ask in unlearners.SLOW}
    assert [each["promise"] for each in found if each["error"]] == ["it leaves frozen statistics alone"]
    named = untrain.check(Thawed, only="longer steps go the same way", fast=True)
    assert [(each["promise"], each["tried"]) for each in named] == [("longer steps go the same way", True)]
    with pytest.raises(typer.Exit):
        _show(found, {"as_json": False})
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last[0].endswith(" promises kept, 1 broken")
    assert last[1] == "left out by --fast: " + "; ".join(sorted(left_out))


def test_every_promise_has_a_planted_fault():
    promised = {name for fault, *_ in FAULTS for name, _ in promises.checks_for(fault)}
    assert promised == {promise for _, promise, _ in FAULTS}


def test_a_score_with_another_ideal_than_0_need_not_be_0_for_the_oracles():
    assert [v for v in promises.verdicts(NoZero) if v.error] == []


def test_an_error_of_any_kind_is_a_broken_promise_and_not_the_end():
    verdicts = promises.verdicts(Misshapen)
    assert len(verdicts) == len(promises.checks_for(Misshapen))


def test_parts_of_steps_are_checked_too():
    assert [v for part in (SGD(), AdamW()) for v in promises.verdicts(part) if v.error] == []


FADE = '''"""A plug-in: the method that the design page makes up."""
from pydantic import NonNegativeFloat

from untrain.unlearners.base import Unlearner
from untrain.training.steps import Steps
from untrain.training.descend import descend


class Fade(Unlearner):
    """Minimise ``L(retain) + weight * KL(uniform || p(forget))``. {buffers}

    Args:
        weight: pull of the forget set towards the uniform prediction.
        steps: step size and length.

    Source: made up.
    """

    weight: NonNegativeFloat = 1.0
    steps: Steps = Steps(lr=0.01, epochs=5)

    def unlearn(self, model, problem):
        task = problem.task

        def loss(retain, forget):
            logp = task.forward(model, forget).log_softmax(1)
            return task.loss(model, retain).mean() - self.weight * logp.mean()

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)
'''


@pytest.mark.parametrize(
    ("module", "told", "broken"),
    [("fade_told", "Buffers follow steps.buffers.", []), ("fade_untold", "", ["it says what becomes of buffers"])],
)
def test_a_plug_in_is_held_to_the_same_promises(module, told, broken, tmp_path, monkeypatch):
    (tmp_path / f"{module}.py").write_text(FADE.format(buffers=told))
    monkeypatch.syspath_prepend(tmp_path)
    verdicts = promises.verdicts(names.load(f"{module}.Fade"))
    assert [v.promise for v in verdicts if v.error] == broken


def test_long_methods_are_tried_with_few_epochs():
    assert promises.example(Finetune(steps=Steps(epochs=5000))).steps.epochs == promises.EPOCHS
    assert promises.example(Finetune(steps=Steps(epochs=2))).steps.epochs == 2


def test_one_entry_takes_a_name_a_class_or_an_object():
    by_name, by_class, by_object = untrain.check("RandomMask"), untrain.check(RandomMask), untrain.check(RandomMask(draw="weight"))
    assert by_name == by_class
    assert [each["promise"] for each in by_object] == [each["promise"] for each in by_name]
    assert {each["method"] for each in by_name} == {"RandomMask"}
    assert {each["method"] for each in by_object} == {"RandomMask(draw='weight')"}
    assert all(each["error"] is None for each in by_name + by_object)


def test_an_object_is_checked_as_it_is():
    """The fields of the object count: a fault that the default hides is caught."""

    class Sometimes(Unlearner):
        """Leave the model as it is when told so.

        Args:
            still: whether to do nothing.

        Source: planted.
        """

        still: bool = False

        def unlearn(self, model, problem):
            return model if self.still else Finetune().unlearn(model, problem)

    broken = {each["promise"]: each["error"] for each in untrain.check(Sometimes(still=True)) if each["error"]}
    assert "it moves some parameter" in broken
    assert "it moves some parameter" not in {each["promise"] for each in untrain.check(Sometimes) if each["error"]}


def test_promises_that_are_named_are_tried_alone_and_come_to_what_they_come_to_among_all():
    whole = {each["promise"]: each for each in untrain.check(Deaf)}
    named = ["it says what becomes of buffers", "it raises when the loss is not finite"]
    assert untrain.check(Deaf, only=named[1]) == [whole[named[1]]]
    assert whole[named[1]]["error"] is not None
    assert {each["promise"]: each for each in untrain.check(Deaf, only=named)} == {name: whole[name] for name in named}


def test_a_promise_that_there_is_not_or_that_a_method_does_not_make_is_refused():
    with pytest.raises(SpecError, match="no promise 'it moves some parametre'; did you mean 'it moves some parameter'"):
        untrain.check(Nothing, only="it moves some parametre")
    with pytest.raises(SpecError, match="RandomMask does not promise that it moves some parameter"):
        untrain.check("RandomMask", only=("it moves some parameter",))


@pytest.mark.parametrize("given", [3, int, None, Unlearner])
def test_what_is_no_method_is_refused_by_check(given):
    with pytest.raises(SpecError, match="not a method"):
        untrain.check(given)
