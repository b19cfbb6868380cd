"""From training data, a request and a learner to the problem that an unlearner sees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import RequestError
from untrain.core.mask import Head, Mask
from untrain.core.notebook import html_facts
from untrain.core.seeds import UNSAID
from untrain.data import batching
from untrain.data.examples import Batch as Batch
from untrain.data.examples import Examples, copied, prototype, take, walk
from untrain.data.fingerprint import request_digest
from untrain.data.readers.convert import examples
from untrain.data.requests.base import ForgetSet, Request
from untrain.data.requests.ids import Ids, ids_of
from untrain.data.requests.resolve import remaining, request
from untrain.data.requests.verbs import everywhere
from untrain.models.tasks.base import Task
from untrain.models.wrappers import make_unwrapped
from untrain.training.base import Learner
from untrain.training.batch_plan import Plan
from untrain.training.effects import Effects
from untrain.training.needs import check_kept, check_retain, check_signals
from untrain.training.steps import Steps, epochs_of


def problem(
    train: Any,
    forget: Request | ForgetSet | Sequence[Any],
    learner: Learner,
    valid: Any = None,
    seed: int = UNSAID,
    origin: int | None = None,
    kept: Mapping[str, Mapping[str, Tensor]] | None = None,
    oracles: Sequence[nn.Module] = (),
    effects: Effects | None = None,
) -> Problem:
    """Pose the problem of forgetting part of some training data.

    >>> from untrain.training.learners.train import Train
    >>> from untrain.models.architectures.mlp import MLP
    >>> posed = problem(([[0.0], [1.0], [2.0]], [0, 1, 0]), [1], Train(model=MLP()))
    >>> posed.forget.ids.tolist(), posed.rest.ids.tolist()
    ([1], [0, 2])

    All examples in it are copies: a method that writes to them changes nothing for others.

    Args:
        train: the data the model was trained on: Examples, or anything that ``examples`` takes.
        forget: a request such as ``Random(fraction=0.1)``, or ids; an id names every row that has it.
        learner: trained the model, such as ``Train(model=Net, steps=Steps(...))``.
        valid: held-out data to tune on; a request that changes features everywhere changes them here too, a ForgetSet does not.
        seed: of every draw that a method makes; without one noise that hides something comes of the operating system.
        origin: seed of the model's own initialisation, where known.
        kept: tensors that the learner's keepers saved in training, by name, by the keeper's class.
        oracles: models retrained without the forget set, for methods that imitate these.
        effects: of the forget set on outputs, for methods that subtract them.

    Warns:
        UserWarning: how the request was read, where something was skipped, guessed or converted.

    Raises:
        RequestError: ``forget`` is neither a request nor a list of ids, an id is not in the data or is named
            twice, or nothing would be left.
    """
    data = train if isinstance(train, Examples) else examples(train)
    # What makes a fresh model needs shapes and classes: in a closure over the data a method would find all that is hidden.
    blank = prototype(data)
    held_out = valid if valid is None or isinstance(valid, Examples) else examples(valid)
    if not isinstance(forget, ForgetSet):
        by = forget if isinstance(forget, Request) else Ids(ids=ids_of(forget))
        forget = request(data, by)
        for note in forget.notes:
            warnings.warn(note, stacklevel=2)
        (held_out,) = (None,) if held_out is None else everywhere(by, (held_out,), forget.replacement)
    return Problem(
        task=learner.task,
        forget=take(data, np.asarray(forget.rows)),
        retain=remaining(data, forget),
        valid=None if held_out is None else copied(held_out),
        init=lambda s: learner.init(blank, s),
        recipe=learner,
        digest=forget.digest,
        seed=seed,
        origin=origin,
        replacement=None if forget.replacement is None else copied(forget.replacement),
        kept=kept or {},
        oracles=tuple(oracles),
        effects=effects,
    )


def _on(saved: Mapping[str, Tensor], device: torch.device | None) -> Mapping[str, Tensor]:
    return {name: value.to(device) for name, value in saved.items()}


@dataclass(frozen=True, eq=False)
class Problem:
    """All that an unlearner may see: neither the test set nor an oracle is in it.

    What a method does not name among its needs is hidden from it, but for ``forget``: its inputs and ids are always there.

    Args:
        task: the model's task.
        forget: examples to forget.
        retain: the rest of the training data, corrected examples included; None where it is gone.
        valid: held-out examples to tune on, where there are any.
        init: seed -> a freshly initialised model of the same shape; that of ``problem`` knows shapes and classes, and no example.
        recipe: the learner that made the model; ``Retrain`` repeats it.
        mask: the localizer's, which a reset touches; None where none confines the method.
        trainable: weights that may move: mask, head and frozen parameters resolved into one by the role; None lets all move.
        head: whether the classifier head may move 'full', where 'masked' only, or stays 'frozen'.
        digest: fingerprint of what is to be forgotten, and of what replaces it; a mask made for others is refused.
        seed: of every draw that a method makes; noise that hides something is of it only where it was given.
        origin: seed of the model's own initialisation, where known.
        replacement: examples that replace those to forget, where the request corrects and does not delete.
        kept: tensors that keepers saved when the model was trained, by name, by the keeper's class. A method finds them on
            the model's device. A run reads them from its store, where bfloat16 becomes float32, which has each of its values.
        oracles: models that were retrained without the forget set, in eval mode; hidden but from methods that name them, which
            are upper bounds and nothing to use: who has these has no need to unlearn.
        effects: estimated effects of the forget set on outputs, where an attributor has estimated them.
        recorded: whether the seed is on record beside the results, as in a run: its noise hides nothing from their readers.
    """

    task: Task
    forget: Examples
    retain: Examples | None = None
    valid: Examples | None = None
    init: Callable[[int], nn.Module] | None = None
    recipe: Learner | None = None
    mask: Mask | None = None
    trainable: Mask | None = None
    head: Head = "full"
    digest: str = ""
    seed: int = UNSAID
    origin: int | None = None
    replacement: Examples | None = None
    kept: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    oracles: tuple[nn.Module, ...] = ()
    effects: Effects | None = None
    recorded: bool = False

    def __post_init__(self) -> None:
        if len(self.forget) == 0:
            raise RequestError("the forget set is empty: name at least one example")
        object.__setattr__(self, "task", self.task.resolve(self.forget))
        if self.retain is not None:
            check_retain(self.task, self.forget, self.retain)
        if self.replacement is not None and len(self.replacement):
            self.task.check_examples(self.replacement)  # a request may put in what the model has no place for, such as a token
        for name in ("forget", "retain", "valid", "replacement"):
            # True labels and other columns are for requests and reports: no unlearner may see them.
            part = getattr(self, name)
            if part is not None:
                object.__setattr__(self, name, replace(part, true=None, columns={}))
        if not self.digest:
            object.__setattr__(self, "digest", request_digest(self.forget, self.replacement))

    def _repr_html_(self) -> str:
        parts = {name: getattr(self, name) for name in ("forget", "retain", "valid", "replacement")}
        sizes: dict[str, str | None] = {name: f"{len(part):,} examples" for name, part in parts.items() if part is not None}
        more = {"task": repr(self.task), "mask": None if self.mask is None else "yes", "digest": self.digest}
        return html_facts("Problem of forgetting", sizes | more)

    def only(self, needs: frozenset[str], device: torch.device | None = None) -> Problem:
        """Restrict the problem to what ``needs`` names: 'labels', 'retain', 'valid', 'kept:KEEPER', 'oracles', 'effects'.

        'forget' may be named and need not be: inputs and ids of the forget set, and what stands in its place, are always there.
        Names of signals, such as 'correct', of abilities, such as 'divergence', and 'classes' require a task that has them.

        Args:
            needs: all that a method may see.
            device: where what keepers saved goes, which is where the model is; None leaves it where it is.

        Raises:
            RequestError: a part that it names is missing.
            SpecError: the task does not give a signal.
        """
        check_signals(needs, self.task)
        if "retain" in needs and self.retain is None:
            raise RequestError("the problem has no retain set, and this method needs one: take a method that works without")
        keepers = check_kept(needs, self.kept)
        if "oracles" in needs and not self.oracles:
            raise RequestError("this method imitates retrained models, and the problem has none: give Problem(oracles=(model,))")
        parts: dict[str, Any] = {
            "forget": self.forget, "replacement": self.replacement,
            "retain": self.retain if "retain" in needs else None, "valid": self.valid if "valid" in needs else None,
        }  # fmt: skip
        if "labels" not in needs:
            parts = {name: None if part is None else part.without_targets() for name, part in parts.items()}
        if self.init is not None:
            parts["init"] = partial(make_unwrapped, self.init)
        parts["oracles"] = tuple(deepcopy(o).eval().requires_grad_(False) for o in self.oracles if "oracles" in needs)
        parts["effects"] = self.estimated.to(device) if "effects" in needs else None
        return replace(self, **parts, kept={name: _on(self.kept[name], device) for name in keepers})

    @property
    def rest(self) -> Examples:
        """The retain set.

        Raises:
            RequestError: there is none.
        """
        if self.retain is None:
            raise RequestError("this method needs the retain set, and the problem has none")
        return self.retain

    @property
    def estimated(self) -> Effects:
        """The estimated effects of the forget set.

        Raises:
            RequestError: there are none.
            DataError: they are on other examples.
        """
        if self.effects is None:
            raise RequestError("this method subtracts estimated effects, and the problem has none: give Problem(effects=...)")
        self.effects.check_covers(self.forget, self.retain)
        return self.effects

    def epochs(self, steps: Steps) -> int:
        """Number of epochs of ``steps``; a percentage is relative to the recipe's."""
        return epochs_of(steps, getattr(self.recipe, "steps", None))

    def retain_batches(self, steps: Steps, full: bool = False) -> Plan:
        """Plan epochs once through the retain set, each in a new order: batches ``(retain,)``.

        Args:
            steps: length and size of batches.
            full: whether to leave out the last batch of an epoch where it is not full.

        Raises:
            RequestError: ``full`` leaves no batch.
        """
        if not full:
            return self._plan(steps, lambda rng: ((b,) for b in self._pass(self.rest, steps, rng)), self._count(steps, self.rest))
        count = len(self.rest) // steps.batch
        if not count and self.epochs(steps):
            raise RequestError(f"{len(self.rest)} examples are left and a full batch has {steps.batch}: take smaller batches")

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            # A single left-over example has joined the last batch.
            for batch in islice(self._pass(self.rest, steps, rng), count):
                yield (batch[: steps.batch],)

        return self._plan(steps, draw, count)

    def forget_batches(self, steps: Steps) -> Plan:
        """Plan epochs once through the forget set, each in a new order: batches ``(forget,)``."""
        return self._plan(steps, lambda rng: ((b,) for b in self._pass(self.forget, steps, rng)), self._count(steps, self.forget))

    def paired_batches(self, steps: Steps) -> Plan:
        """Plan epochs once through the retain set, paired with the forget set, reshuffled: ``(retain, forget)``."""

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            forget_batches = self._pass(self.forget, steps, rng)
            for retain in self._pass(self.rest, steps, rng):
                forget = next(forget_batches, None)
                if forget is None:
                    forget_batches = self._pass(self.forget, steps, rng)
                    forget = next(forget_batches)
                yield retain, forget

        return self._plan(steps, draw, self._count(steps, self.rest))

    def alternating_batches(self, steps: Steps) -> Plan:
        """Plan epochs through the forget set, then the retain set: ``(None, forget)`` and ``(retain, None)``."""

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            for forget in self._pass(self.forget, steps, rng):
                yield None, forget
            for retain in self._pass(self.rest, steps, rng):
                yield retain, None

        return self._plan(steps, draw, self._count(steps, self.forget, self.rest))

    def _pass(self, examples: Examples, steps: Steps, rng: np.random.Generator) -> Iterator[Batch]:
        # A generator draws nothing before its first batch: who draws first is part of a method.
        yield from walk(examples, steps.batch, rng, getattr(self.recipe, "augment", ()), steps.alike)

    @staticmethod
    def _count(steps: Steps, *walked: Examples) -> int:
        return sum(batching.count(len(e), steps.batch) for e in walked)

    def _plan(self, steps: Steps, draw: Callable[[np.random.Generator], Iterator[tuple[Batch | None, ...]]], length: int) -> Plan:
        epochs = self.epochs(steps)
        return Plan(epochs, lambda epoch: draw(np.random.default_rng((self.seed, epoch))), self.retain, self.task, length)
