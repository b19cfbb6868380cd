"""Training from scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.core.foreign import foreign
from untrain.core.seeds import seeded
from untrain.data.augmentations.base import Augment
from untrain.data.batching import count
from untrain.data.examples import Batch, Examples, walk
from untrain.models.architectures.base import Architecture
from untrain.models.compatibility import check_fit
from untrain.models.newness import check_new
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.models.wrappers import unwrap
from untrain.training.base import Learner
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.keepers.base import Keeper, epoch_ended
from untrain.training.label_smoothing import smoothed_loss
from untrain.training.steps import Steps, epochs_of


class Train(Learner):
    """Minimise the mean loss over the training set, from a fresh initialisation.

    Args:
        model: an architecture, or any callable without arguments that makes a torch module.
        steps: step size, length, optimizer, schedule.
        task: what a batch holds and what the loss is, such as ``Classification(head_names=("fc.weight", "fc.bias"))``.
        augment: how training images are changed each time they are seen, one after the other.
        keepers: what is saved in training for unlearners that need it, such as ``InputCovariance()``.

    Source: empirical risk minimisation; the set-up of DEL, arXiv 2412.02432, section 5.
    """

    model: Architecture | Callable[[], nn.Module]  # type: ignore[misc]
    steps: Steps = Steps(lr=0.1, epochs=30)
    task: Task = Classification()
    augment: tuple[Augment, ...] = ()
    keepers: tuple[Keeper, ...] = ()

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before training, on the device of the examples."""
        shape = self.task.input_shape(examples)
        with seeded(examples.x.device, seed):
            needed = self.task.outputs_needed(examples)
            if isinstance(self.model, Architecture):
                made = self.model.build(shape, needed)
            else:
                if isinstance(self.model, nn.Module):
                    raise ModelError(
                        f"model is a {type(self.model).__name__} that is made already: give what makes a new one each time, such "
                        f"as lambda: {type(self.model).__name__}(...)"
                    )
                with foreign(f"model={_name(self.model)}", draws=True):
                    made = self.model()
        if not isinstance(made, nn.Module):
            raise ModelError(f"model made {type(made).__name__}; a torch.nn.Module is needed")
        return unwrap(check_new(made, f"model={_name(self.model)}")).to(examples.x.device)

    @property
    def begins_alike(self) -> bool:
        """Return whether its architecture does."""
        return isinstance(self.model, Architecture) and self.model.begins_alike()

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained model."""
        model = self.init(examples, seed)
        return fit(model, examples, self.steps, self.task_for(model, examples), seed, self.augment)

    def task_for(self, model: nn.Module, examples: Examples) -> Task:
        """The task with its settings from the data, after a check that the model takes the examples, augmented and as they are.

        Raises:
            ModelError: it does not.
        """
        self._check_size(examples)
        task = self.task.resolve(examples)
        check_fit(model.eval(), task, examples)
        return task

    def _check_size(self, examples: Examples) -> None:
        """Refuse augmentation after which the model sees images of another size than at prediction."""
        given = changed = tuple(examples.x.shape[1:])
        # What is of another shape is no image, which whoever is to change it tells.
        if len(given) != 3 or not isinstance(self.model, Architecture):
            return
        for change in self.augment:
            changed = change.gives(changed)
        asked, taught = self.model.sees(given), self.model.sees(changed)
        if asked != taught:
            raise ModelError(
                f"augmented images reach the model as {taught} and images to predict as {asked}: keep their size, or "
                f"have the model see that of both, such as Preprocessed(model=..., crop={taught[-1]})"
            )


def _name(made: Architecture | Callable[[], nn.Module]) -> str:
    return str(getattr(made, "__qualname__", None) or repr(made))


def fit(model: nn.Module, examples: Examples, steps: Steps, task: Task, seed: int, augment: Sequence[Augment] = ()) -> nn.Module:
    """Train ``model`` in place on ``examples``; the order of batches depends on ``seed`` alone."""

    epochs = epochs_of(steps, None)

    def draw(epoch: int) -> Iterator[tuple[Batch, ...]]:
        if epoch > 0:
            epoch_ended(model, epoch, epochs)
        rng = np.random.default_rng((seed, epoch))
        return ((batch,) for batch in walk(examples, steps.batch, rng, augment, steps.alike))

    def loss(batch: Batch) -> torch.Tensor:
        return smoothed_loss(task, model, batch, steps.smoothing).mean()

    plan = Plan(epochs, draw, examples, task, count(len(examples), steps.batch))
    descend(model, loss, plan, replace(steps, smoothing=0.0))
    epoch_ended(model, epochs, epochs)
    return model
