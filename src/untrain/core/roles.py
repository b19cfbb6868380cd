"""Roles: what a method can be. A role does the chores, a method the mathematics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError, MaskError, ModelError, SpecError
from untrain.core.metering import metered
from untrain.core.population import Ensemble
from untrain.core.precision import channels_last
from untrain.core.records import Data, Examples, Head, Mask, Outcome, Problem
from untrain.core.spec import Spec
from untrain.models.compatibility import check_fit
from untrain.training import guard as guards
from untrain.training.process_group import join, summed, weighed


@contextmanager
def own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """torch's global random state seeded within, and afterwards as it was."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield


@contextmanager
def sealed(model: nn.Module, seed: int | None = None) -> Iterator[None]:
    """torch's global random state as it was afterwards; seeded within when ``seed`` is given."""
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(d for d in devices if d is not None)):
        if seed is not None:
            torch.manual_seed(seed)
        yield


class Unlearner(Spec, role=True):
    """Makes a model forget: ``unlearner(model, problem)`` gives a new model and leaves its input alone."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "run", "__matmul__")

    @abstractmethod
    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """Change ``model``, which is a copy in eval mode, or make another; return the model that forgot."""

    def may_stay(self, problem: Problem) -> bool:
        """Whether a model that did not move is a fair result: only when no step was asked for."""
        steps = getattr(self, "steps", None)
        return steps is not None and problem.epochs(steps) == 0

    def focus(self, model: nn.Module, problem: Problem) -> Problem:
        """The problem, with a mask where this unlearner brings one."""
        return problem

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot."""
        return self.run(model, problem).model

    @final
    def run(self, model: nn.Module, problem: Problem) -> Outcome:
        """The model that forgot, with its guard and its cost.

        Raises:
            BrokenPromise: the input changed, nothing moved, or something outside the mask did.
            NotFinite: a loss or a weight is NaN or infinite.
            MaskError: the mask was made for another forget set or another model.
        """
        name, model = repr(self), join(repr(self), model, problem)
        before = guards.state(model)
        flags = {n: p.requires_grad for n, p in model.named_parameters()}
        modes = {n: part.training for n, part in model.named_modules()}
        with guards.own(model, before) as copy:
            for p in copy.eval().parameters():
                p.grad = None
            check_fit(copy, problem.task, problem.forget)
            with sealed(model, problem.seed), metered() as meter, channels_last(copy):
                problem = settle(copy, self.focus(copy, problem))
                forgot = self.unlearn(copy, weighed(problem))
                cost = summed(meter.read())
            seen = guards.watch(before, forgot, problem.mask, problem.located)
            guards.judge(name, seen, self.may_stay(problem), forgot)
        for n, p in forgot.named_parameters():
            p.requires_grad_(flags.get(n, True))
            p.grad = None
        for n, part in forgot.named_modules():
            part.training = modes.get(n, modes[""])
        if copy is not model:
            guards.untouched(name, before, model)
        return Outcome(forgot, seen, cost, problem.located, tuple(meter.notes))

    @final
    def __matmul__(self, localizer: Localizer) -> Localized:
        """Confine this unlearner to what ``localizer`` finds."""
        if not isinstance(localizer, Localizer):
            return NotImplemented
        if isinstance(self, Localized):
            raise SpecError(f"{self!r} is confined already: join one unlearner and one localizer")
        return Localized(unlearner=self, localizer=localizer)


def settle(model: nn.Module, problem: Problem) -> Problem:
    """The problem as a method sees it: ``mask`` is all that may move, ``located`` the mask without the head."""
    located = problem.located or problem.mask
    if located is not None and located.digest and located.digest != problem.digest:
        raise MaskError(f"the mask was made for the forget set {located.digest}, this request is {problem.digest}: localize again")
    # A head that moves where the mask says needs no name.
    named = problem.head == "frozen" or (located is not None and problem.head == "full")
    names = problem.task.head(model, problem.forget.classes) if named else ()
    moves = guards.union(model, located, problem.head, names)
    if moves is not None and (located is not None or problem.head == "frozen"):
        # A head that stays frozen is not reset either.
        held = moves.bits if located is None else {n: b.to(moves.bits[n].device) & moves.bits[n] for n, b in located.bits.items()}
        located = Mask(held, problem.digest)
    return replace(problem, mask=moves, located=located)


class Localizer(Spec, role=True):
    """Finds which weights hold the forget set: ``localizer(model, problem)`` gives a mask."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")

    @abstractmethod
    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """Parameter name -> bool tensor; ``model`` is in eval mode and may hold gradients afterwards."""

    def blind(self) -> bool:
        """Whether the mask does not depend on what is to be forgotten, as a control's."""
        return False

    @property
    def classifier(self) -> Head:
        """What becomes of the classifier head beside this mask."""
        return getattr(self, "head", "full")

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> Mask:
        """The mask; the model is left as it was.

        Raises:
            ModelError: the model is in train mode, where batch statistics cancel ``weight * gradient``, all of it is frozen,
                or it does not take the examples.
            NotFinite: the model holds NaN or infinite weights.
        """
        if model.training:
            raise ModelError(
                f"{type(self).__name__} needs the model in eval mode: in train mode weight * gradient vanishes by batch norm"
            )
        guards.check_shaped(model)
        model = join(repr(self), model, problem)
        with sealed(model, problem.seed), guards.lent(type(self).__name__, model):
            model.eval()  # no part of it is in train mode by itself: dropout would make scores random
            check_fit(model, problem.task, problem.forget)
            if not any(p.requires_grad for p in model.parameters()):
                raise ModelError("all parameters are frozen: none can be localized; let some ask for gradients again")
            bits = self.localize(model, problem)
        return Mask({n: bits[n].detach().to(p.device) for n, p in model.named_parameters()}, problem.digest)


class Localized(Unlearner):
    """``unlearner @ localizer``: the unlearner, confined to the localizer's mask.

    Args:
        unlearner: what moves the weights.
        localizer: what says which.

    Source: DEL, arXiv 2412.02432, section 2: localization strategy and unlearning algorithm as separate parts.
    """

    unlearner: Unlearner
    localizer: Localizer

    def spell(self, spell: Callable[[Any], str]) -> str:
        """``A() @ B()``."""
        return f"{spell(self.unlearner)} @ {spell(self.localizer)}"

    def may_stay(self, problem: Problem) -> bool:
        """As the unlearner says."""
        return self.unlearner.may_stay(problem)

    def focus(self, model: nn.Module, problem: Problem) -> Problem:
        """The problem with the localizer's mask."""
        if problem.mask is not None:
            raise MaskError(f"the problem brings a mask and {self!r} would make another: use one of the two")
        strict: tuple[Head, ...] = ("frozen", "masked", "full")
        head = min(problem.head, self.localizer.classifier, key=strict.index)
        return replace(problem, mask=self.localizer(model, problem), head=head)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """As the unlearner does."""
        return self.unlearner.unlearn(model, problem)


class Recipe(Spec, role=True):
    """A paper's name for an expression made of parts; its one verb returns the expression."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "run", "__matmul__")

    @abstractmethod
    def expand(self) -> Unlearner:
        """The expression."""

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot."""
        return self.expand()(model, problem)

    @final
    def run(self, model: nn.Module, problem: Problem) -> Outcome:
        """The model that forgot, with its guard and its cost."""
        return self.expand().run(model, problem)


class Learner(Spec, role=True):
    """Makes a model of data: ``learner(examples, seed)``; the same seed gives the same model."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")

    @abstractmethod
    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained model, in eval mode."""

    @abstractmethod
    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before training."""

    @final
    def __call__(self, examples: Examples, seed: int = 0) -> nn.Module:
        """The trained model, in eval mode, on the device where the examples are."""
        if len(examples) == 0:
            raise DataError("there is nothing to learn from: no examples were given")
        with own_randomness(examples.x.device, seed):
            return self.learn(examples, seed)


class Architecture(Spec, role=True):
    """A network's shape under a name."""

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for inputs of ``shape`` and ``classes`` answers."""

    def normalises(self) -> bool:
        """Whether it normalises its inputs itself, so that nobody is to do it before."""
        return False

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What its layers get of an input of ``shape``: the same, unless it crops or resizes it first."""
        return shape


class Request(Spec, role=True):
    """Chooses what to forget; drawn once, whatever the training seeds."""

    @abstractmethod
    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of ``train`` to forget, without repetition."""

    def named(self, given: Examples) -> np.ndarray[Any, Any]:
        """Rows that must not be set apart before training; none where whatever is left to train on is drawn from."""
        return self.draw(given)

    def ensemble(self) -> Ensemble | None:
        """The models that have to be asked before this can be drawn; None where the data are enough.

        What they tell is a column of the training data when ``draw`` gets them: ``core.population.MEMORIZATION``.
        """
        return None


class Noise(Spec, role=True):
    """Plants faults in training data before a model learns from it."""

    @abstractmethod
    def plant(self, train: Examples) -> Examples:
        """The examples with faults; ``true`` keeps the labels as they were."""


class Scenario(Spec, role=True):
    """Data, learner and request under a name."""

    @abstractmethod
    def load(self) -> Data:
        """Train, valid and test examples, noise planted."""

    @abstractmethod
    def learner(self) -> Learner:
        """What trains the original and the oracles."""

    @abstractmethod
    def asked(self) -> Request:
        """What is to be forgotten."""
