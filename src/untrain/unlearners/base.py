"""The role of an unlearner: makes a model forget."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, final

from torch import nn

from untrain.attribution.estimation import Estimation
from untrain.core.errors import MaskError, ModelError, SpecError
from untrain.core.foreign import foreign
from untrain.core.mask import Head, Mask
from untrain.core.metering import add_note, metered
from untrain.core.precision import channels_last
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.localizers.base import Localizer
from untrain.models import state
from untrain.models.compatibility import check_fit
from untrain.models.wrappers import unwrap
from untrain.training import guard as guard_module
from untrain.training.problem import Problem
from untrain.training.process_group import process_group, total_cost
from untrain.unlearners.guarantee import Release, in_words
from untrain.unlearners.outcome import Outcome


class Unlearner(Spec, role=True):
    """Makes a model forget: ``unlearner(model, problem)`` returns a new model and leaves its input alone.

    ``needs`` names all that it may see of a problem: 'forget', 'labels', 'retain', 'valid', 'kept:KEEPER', 'effects' and, of
    methods that are upper bounds, 'oracles'. The role hides the rest, so a method without 'retain' works without it. 'forget' alone
    is never hidden: inputs and ids of the forget set are there also where it is not named. A signal among the needs, such as
    'correct', an ability, 'random_targets', 'divergence' or 'fisher', or 'classes' requires a task that has it. ``works_on`` is the
    kind of model that it changes; an unlearner that writes a memory instead of parameters names the memory's class, one that
    repeats parts of training the class of what was so trained, and masks do not confine these.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "run", "__matmul__")
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "valid"})
    works_on: ClassVar[type] = nn.Module

    @property
    def oracles(self) -> int:
        """Number of models retrained without the forget set that it imitates; a run makes these apart from those that judge."""
        return 0

    @property
    def estimation(self) -> Estimation | None:
        """Settings to estimate the effects that it subtracts; None for a method that subtracts none."""
        return None

    @abstractmethod
    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module | Release:
        """Change ``model``, which is a copy in eval mode, or make another; return the model that forgot, or a release of it."""

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True if a model that did not move is a fair result: only when it takes no step."""
        steps = getattr(self, "steps", None)
        return steps is not None and problem.epochs(steps) == 0

    def needed(self) -> frozenset[str]:
        """All that it needs of a problem; it may depend on its fields, and who re-estimates statistics needs the retain set."""
        reestimates = getattr(getattr(self, "steps", None), "buffers", None) == "reestimate"
        return self.needs | {"retain"} if reestimates else self.needs

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
            BrokenPromise: the input changed, nothing moved, something outside the mask did, or the process was left changed.
            NotFinite: a loss or a weight is NaN or infinite.
            ModelError: the model is not of the kind that the method works on.
            MaskError: the mask was made for another forget set or another model.
        """
        with foreign(self, model, problem.task):
            return self._run(model, problem)

    @final
    def _run(self, model: nn.Module, problem: Problem) -> Outcome:
        self.check_kind(unwrap(model))
        if problem.mask is not None and self.works_on is not nn.Module:
            raise MaskError(self._unmasked())
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
                # A method that writes to its masks changes copies: what it is measured by, and the user's own, it never has.
                mask, trainable = problem.mask, problem.trainable
                made = self.unlearn(copy, process_group().weigh(with_copied_masks(problem)))
                forgot, certificate, kept = (
                    (made.model, made.certificate, made.kept) if isinstance(made, Release) else (made, None, {})
                )
                if certificate is not None:
                    certificate = replace(certificate, recorded=problem.recorded)
                    add_note(in_words(certificate.published()))
                cost = total_cost(meter.read())
            guard = guard_module.measure_changes(before, forgot, trainable, mask)
            guard_module.check_promises(name, guard, self.may_be_unchanged(problem), forgot)
        for n, p in forgot.named_parameters():
            p.requires_grad_(flags.get(n, True))
            p.grad = None
        for n, part in forgot.named_modules():
            part.training = modes.get(n, modes[""])
        if copy is not model:
            guard_module.check_untouched(name, before, model)
        return Outcome(forgot, guard, cost, mask, tuple(meter.notes), certificate, kept)

    @final
    def _unmasked(self) -> str:
        kind = self.works_on.__name__
        return f"{type(self).__name__} changes a {kind} in its own way, which masks do not cover: take it without a localizer"

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
            raise SpecError(self._unmasked())
        return Localized(unlearner=self, localizer=localizer)


def with_copied_masks(problem: Problem) -> Problem:
    """The problem with masks in memory of their own."""
    masks = {name: mask.copied() for name in ("mask", "trainable") if (mask := getattr(problem, name)) is not None}
    return replace(problem, **masks)


def resolve_trainable(model: nn.Module, problem: Problem) -> Problem:
    """Resolve mask, head and frozen parameters into ``trainable``, all that may move; the problem as a method sees it.

    Raises:
        MaskError: the mask was made for another forget set.
    """
    mask = problem.mask
    if mask is not None and mask.digest and mask.digest != problem.digest:
        raise MaskError(f"the mask was made for the forget set {mask.digest}, this request is {problem.digest}: localize again")
    # A head that moves where the mask says needs no name.
    named = problem.head == "frozen" or (mask is not None and problem.head == "full")
    names = problem.task.head(model) if named else ()
    trainable = guard_module.resolve_mask(model, mask, problem.head, names)
    if trainable is not None and (mask is not None or problem.head == "frozen"):
        # A head that stays frozen is not reset either.
        may = trainable.bits
        mask = Mask(may if mask is None else {n: b.to(may[n].device) & may[n] for n, b in mask.bits.items()}, problem.digest)
    return replace(problem, mask=mask, trainable=trainable)


class Wrapping(Unlearner, role=True):
    """An unlearner around another one: what the inner one needs and imitates, it needs and imitates too."""

    unlearner: Unlearner

    def needed(self) -> frozenset[str]:
        """As the unlearner's."""
        return self.unlearner.needed()

    @property
    def oracles(self) -> int:
        """As many as the unlearner imitates."""
        return self.unlearner.oracles

    @property
    def estimation(self) -> Estimation | None:
        """That of the unlearner."""
        return self.unlearner.estimation

    def may_be_unchanged(self, problem: Problem) -> bool:
        """As the unlearner says."""
        return self.unlearner.may_be_unchanged(problem)


class Localized(Wrapping):
    """``unlearner @ localizer``: the unlearner, confined to the localizer's mask.

    >>> from untrain.core.spec import parse
    >>> parse("Finetune @ Gradient(keep=0.5)").needed() == {"forget", "retain", "labels"}
    True

    Args:
        unlearner: moves the weights.
        localizer: says which.

    Source: DEL, arXiv 2412.02432, section 2: localization strategy and unlearning algorithm as separate parts.
    """

    unlearner: Unlearner
    localizer: Localizer

    def spell(self, spell: Callable[[Any], str]) -> str:
        """``A() @ B()``."""
        return f"{spell(self.unlearner)} @ {spell(self.localizer)}"

    def needed(self) -> frozenset[str]:
        """Names of all that either part needs."""
        return self.unlearner.needed() | self.localizer.needed()

    def with_mask(self, model: nn.Module, problem: Problem) -> Problem:
        """The problem with the localizer's mask."""
        if problem.mask is not None:
            raise MaskError(f"the problem brings a mask and {self!r} would make another: use one of the two")
        strict: tuple[Head, ...] = ("frozen", "masked", "full")
        head = min(problem.head, self.localizer.classifier, key=strict.index)
        return replace(problem, mask=self.localizer(model, problem), head=head)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module | Release:
        """As the unlearner does."""
        return self.unlearner.unlearn(model, problem)


class Recipe(Spec, role=True):
    """A paper's name for an expression made of parts; ``expand`` returns the expression."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "run", "__matmul__")

    @abstractmethod
    def expand(self) -> Unlearner:
        """The expression."""

    def needed(self) -> frozenset[str]:
        """Names of all that the expression needs."""
        return self.expand().needed()

    @property
    def oracles(self) -> int:
        """As many as the expression imitates."""
        return self.expand().oracles

    @property
    def estimation(self) -> Estimation | None:
        """That of the expression."""
        return self.expand().estimation

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot."""
        return self.expand()(model, problem)

    @final
    def run(self, model: nn.Module, problem: Problem) -> Outcome:
        """The model that forgot, with its guard and its cost."""
        return self.expand().run(model, problem)
