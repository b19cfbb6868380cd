"""A callback for Lightning's trainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from untrain.core.environment import variables
from untrain.core.errors import MissingExtra, SpecError
from untrain.core.paths import user_path
from untrain.training.steps import SGD, AdamW, Constant, Optimizer, Steps
from untrain.training.trainers._recorder import TrainingRecorder, rows_in, spelled
from untrain.training.training_record import FOLDER

Callback: Any
try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        Callback = None


class LightningCallback(Callback or object):  # type: ignore[misc]
    """Keeps what unlearning needs later: ``Trainer(callbacks=[LightningCallback(ids=table["person"])])``.

    It writes a folder ``untrain-training`` in the trainer's root folder, as ``TransformersCallback`` does in its output folder.
    Save the checkpoint beside it, or name it, ``untrain forget --kept FOLDER``. Keep it as safe as the data.

    Args:
        ids: id of each training example, in the order of the data set; None writes none.
        at: number of epochs after which a checkpoint is kept for methods such as ``MSA``; 0 is the model that training begins with,
            None keeps none.
        folder: where to write; None is ``untrain-training`` in ``default_root_dir``.

    Raises:
        MissingExtra: Lightning is not installed.
    """

    def __init__(self, ids: Sequence[Any] | None = None, at: int | None = 0, folder: str | Path | None = None):
        if Callback is None:
            raise MissingExtra("LightningCallback needs lightning, which is not installed: pip install lightning")
        super().__init__()
        self._recorder = TrainingRecorder(ids, at)
        self._folder = None if folder is None else user_path(folder)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Check the ids, and keep the first checkpoint."""
        if trainer.is_global_zero:
            folder = self._folder or Path(trainer.default_root_dir) / FOLDER
            self._recorder.begin(pl_module, folder, rows_in(trainer.train_dataloader), trainer.global_step > 0)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Keep a checkpoint, where this is the epoch."""
        if trainer.is_global_zero:
            self._recorder.epoch_ended(pl_module, trainer.current_epoch + 1)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the record."""
        if trainer.is_global_zero:
            notes: list[str] = []
            steps = spelled(lambda: steps_of(trainer), notes)
            seed = variables().get("PL_GLOBAL_SEED", "")
            self._recorder.end(pl_module, steps, {"seed": int(seed)} if seed.isdigit() else {}, notes)


def steps_of(trainer: Any) -> Steps:
    """The steps of a trainer with one optimizer and a constant step size.

    Raises:
        SpecError: it has several, a schedule, or an optimizer that ``Steps`` lacks.
    """
    if len(trainer.optimizers) != 1 or len(trainer.optimizers[0].param_groups) != 1:
        raise SpecError("several optimizers or groups of parameters")
    if trainer.lr_scheduler_configs:
        raise SpecError("a schedule of the module's own")
    if trainer.gradient_clip_val and getattr(trainer.gradient_clip_algorithm, "value", trainer.gradient_clip_algorithm) == "value":
        raise SpecError("gradients that are clipped by value")
    (group,) = trainer.optimizers[0].param_groups
    size = getattr(trainer.train_dataloader, "batch_size", None)
    if not isinstance(size, int):
        raise SpecError("batches of no one size")
    return Steps(
        lr=float(group["lr"]), epochs=trainer.current_epoch, batch=size * trainer.accumulate_grad_batches * trainer.world_size,
        optimizer=_optimizer(type(trainer.optimizers[0]).__name__, group), schedule=Constant(),
        clip=trainer.gradient_clip_val or None,
    )  # fmt: skip


def _optimizer(name: str, group: dict[str, Any]) -> Optimizer:
    if name == "AdamW" or (name == "Adam" and not group["weight_decay"]):
        beta1, beta2 = group["betas"]
        return AdamW(beta1=beta1, beta2=beta2, decay=group["weight_decay"])
    if name == "SGD" and not group["dampening"]:
        return SGD(momentum=group["momentum"], decay=group["weight_decay"], nesterov=group["nesterov"])
    raise SpecError(f"the optimizer {name}")
