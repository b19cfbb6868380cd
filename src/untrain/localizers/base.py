"""The role of a localizer: finds which weights hold the forget set."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.foreign import foreign
from untrain.core.mask import Head, Mask
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.models import compatibility
from untrain.models.compatibility import check_fit
from untrain.training import guard
from untrain.training.problem import Problem
from untrain.training.process_group import process_group


class Localizer(Spec, role=True):
    """Finds which weights hold the forget set: ``localizer(model, problem)`` gives a mask."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    @abstractmethod
    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """Parameter name -> bool tensor; ``model`` is in eval mode and may hold gradients afterwards."""

    def needed(self) -> frozenset[str]:
        """All that it needs of a problem and its task, as an unlearner says it; it may depend on its fields."""
        return self.needs

    def ignores_forget_set(self) -> bool:
        """True if the mask does not depend on the forget set, as a control's."""
        return False

    @property
    def classifier(self) -> Head:
        """The treatment of the classifier head beside this mask."""
        return getattr(self, "head", "full")

    @final
    def __call__(self, model: nn.Module, problem: Problem) -> Mask:
        """The mask; the model is left as it was.

        Raises:
            ModelError: the model is in train mode, where batch statistics cancel ``weight * gradient``, all of it is frozen,
                or it does not take the examples.
            NotFinite: the model holds NaN or infinite weights.
            BrokenPromise: the model was written to, or the process was left changed.
        """
        with foreign(self, model, problem.task):
            return self._find(model, problem)

    @final
    def _find(self, model: nn.Module, problem: Problem) -> Mask:
        if model.training:
            raise ModelError(
                f"{type(self).__name__} needs the model in eval mode: in train mode weight * gradient vanishes by batch norm"
            )
        model = process_group().check_agreement(repr(self), model, problem)
        compatibility.check_shaped(model)
        with isolated_rng(model, problem.seed), guard.read_only(type(self).__name__, model):
            model.eval()  # no part of it is in train mode by itself: dropout would make scores random
            check_fit(model, problem.task, problem.forget)
            if not any(p.requires_grad for p in model.parameters()):
                raise ModelError("all parameters are frozen: none can be localized; let some ask for gradients again")
            bits = self.localize(model, problem.only(self.needed(), next(model.parameters()).device))
        return Mask({n: bits[n].detach().to(p.device) for n, p in model.named_parameters()}, problem.digest)
