"""The role of an unlearner: makes a model forget."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

from torch import nn

from untrain.core.errors import MaskError, ModelError, SpecError
from untrain.core.mask import Head, Mask
from untrain.core.metering import Cost, metered
from untrain.core.precision import channels_last
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.localizers.base import Localizer
from untrain.models import state
from untrain.models.compatibility import check_fit
from untrain.training import guard as guard_module
from untrain.training.guard import Guard
from untrain.training.problem import Problem
from untrain.training.process_group import process_group, total_cost


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model that forgot, with what watched over it: guard, cost, the localizer's mask where there was one, and notes."""

    model: nn.Module
    guard: Guard
    cost: Cost
    mask: Mask | None = None
    notes: tuple[str, ...] = ()


class Unlearner(Spec, role=True):
    """Makes a model forget: ``unlearner(model, problem)`` gives a new model and leaves its input alone.

    ``needs`` names all that it may see of a problem: 'forget', 'labels', 'retain', 'valid' and 'kept:KEEPER'. The role hides the
    rest, so that a method without 'retain' is one that does without it. ``works_on`` is the kind of model that it changes; one that
    writes a memory, and no parameters, names that of the memory, and is not confined to masks. A signal among the needs, such as
    'correct', an ability, 'random_targets', 'divergence' or 'fisher', or 'classes' asks for a task that gives it.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "run", "__matmul__")
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "valid"})
    works_on: ClassVar[type] = nn.Module

    @abstractmethod
    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """Change ``model``, which is a copy in eval mode, or make another; return the model that forgot."""

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Whether a model that did not move is a fair result: only when no step was asked for."""
        steps = getattr(self, "steps", None)
        return steps is not None and problem.epochs(steps) == 0

    def needed(self) -> frozenset[str]:
        """All that it needs of a problem; it may depend on its fields."""
        return self.needs

    def with_mask(self, model: nn.Module, problem: Problem) -> Problem:
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
            ModelError: the model is not of the kind that the method works on.
            MaskError: the mask was made for another forget set or another model.
        """
        self.check_kind(model)
        if problem.mask is not None and self.works_on is not nn.Module:
            raise MaskError(f"{type(self).__name__} writes a memory, which masks do not cover: take it without a localizer")
        name, model = repr(self), process_group().check_agreement(repr(self), model, problem)
        before = state.state(model)
        flags = {n: p.requires_grad for n, p in model.named_parameters()}
        modes = {n: part.training for n, part in model.named_modules()}
        with guard_module.working_copy(model, before) as copy:
            for p in copy.eval().parameters():
                p.grad = None
            check_fit(copy, problem.task, problem.forget)
            with isolated_rng(model, problem.seed), metered() as meter, channels_last(copy):
                problem = resolve_trainable(copy, self.with_mask(copy, problem.only(self.needed(), next(copy.parameters()).device)))
                forgot = self.unlearn(copy, process_group().weigh(problem))
                cost = total_cost(meter.read())
            seen = guard_module.measure_changes(before, forgot, problem.trainable, problem.mask)
            guard_module.check_promises(name, seen, self.may_be_unchanged(problem), forgot)
        for n, p in forgot.named_parameters():
            p.requires_grad_(flags.get(n, True))
            p.grad = None
        for n, part in forgot.named_modules():
            part.training = modes.get(n, modes[""])
        if copy is not model:
            guard_module.check_untouched(name, before, model)
        return Outcome(forgot, seen, cost, problem.mask, tuple(meter.notes))

    @final
    def check_kind(self, model: nn.Module) -> None:
        """Refuse a model of another kind than the method works on.

        Raises:
            ModelError: it is one.
        """
        if not isinstance(model, self.works_on):
            kind = type(model).__name__
            raise ModelError(f"{type(self).__name__} works on models of kind {self.works_on.__name__}; {kind} is not one")

    @final
    def __matmul__(self, localizer: Localizer) -> Localized:
        """Confine this unlearner to what ``localizer`` finds."""
        if not isinstance(localizer, Localizer):
            return NotImplemented
        if isinstance(self, Localized):
            raise SpecError(f"{self!r} is confined already: join one unlearner and one localizer")
        if self.works_on is not nn.Module:
            raise SpecError(f"{type(self).__name__} writes a memory, which masks do not cover: take it without a localizer")
        return Localized(unlearner=self, localizer=localizer)


def resolve_trainable(model: nn.Module, problem: Problem) -> Problem:
    """The problem as a method sees it: ``trainable`` is all that may move: mask, head and what is frozen, resolved once."""
    located = problem.mask
    if located is not None and located.digest and located.digest != problem.digest:
        raise MaskError(f"the mask was made for the forget set {located.digest}, this request is {problem.digest}: localize again")
    # A head that moves where the mask says needs no name.
    named = problem.head == "frozen" or (located is not None and problem.head == "full")
    names = problem.task.head(model) if named else ()
    moves = guard_module.resolve_mask(model, located, problem.head, names)
    if moves is not None and (located is not None or problem.head == "frozen"):
        # A head that stays frozen is not reset either.
        held = moves.bits if located is None else {n: b.to(moves.bits[n].device) & moves.bits[n] for n, b in located.bits.items()}
        located = Mask(held, problem.digest)
    return replace(problem, mask=located, trainable=moves)


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

    def needed(self) -> frozenset[str]:
        """What both parts need."""
        return self.unlearner.needed() | self.localizer.needed()

    def may_be_unchanged(self, problem: Problem) -> bool:
        """As the unlearner says."""
        return self.unlearner.may_be_unchanged(problem)

    def with_mask(self, model: nn.Module, problem: Problem) -> Problem:
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

    def needed(self) -> frozenset[str]:
        """What the expression needs."""
        return self.expand().needed()

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot."""
        return self.expand()(model, problem)

    @final
    def run(self, model: nn.Module, problem: Problem) -> Outcome:
        """The model that forgot, with its guard and its cost."""
        return self.expand().run(model, problem)
