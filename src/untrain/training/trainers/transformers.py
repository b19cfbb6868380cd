"""A callback for the trainer of Hugging Face transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from untrain.core.errors import SpecError
from untrain.core.paths import user_path
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Optimizer, Schedule, Steps, Triangular
from untrain.training.trainers._recorder import TrainingRecorder, rows_in, spelled
from untrain.training.training_record import FOLDER


class TransformersCallback(TrainerCallback):
    """Keeps what unlearning needs later: ``Trainer(..., callbacks=[TransformersCallback(ids=table["person"])])``.

    It writes a folder ``untrain-training`` in the trainer's output folder: how the model was trained, seeds, ids, digests of the
    final weights and an earlier checkpoint. ``untrain forget`` finds it there. Keep it as safe as the data: it holds ids, and a
    model that may have seen what is to be forgotten.

    Args:
        ids: id of each training example, in the order of the data set; None writes none.
        at: number of epochs after which a checkpoint is kept for methods such as ``MSA``; 0 is the model that training begins with,
            None keeps none.
        folder: where to write; None is ``untrain-training`` in the output folder.
    """

    def __init__(self, ids: Sequence[Any] | None = None, at: int | None = 0, folder: str | Path | None = None):
        self._recorder = TrainingRecorder(ids, at)
        self._folder = None if folder is None else user_path(folder)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        """Check the ids, and keep the first checkpoint."""
        if state.is_world_process_zero:
            folder = self._folder or Path(args.output_dir) / FOLDER
            self._recorder.begin(model, folder, rows_in(more.get("train_dataloader")), state.global_step > 0)

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        """Keep a checkpoint, where this is the epoch."""
        if state.is_world_process_zero and state.epoch is not None:
            self._recorder.epoch_ended(model, round(state.epoch))

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        """Write the record."""
        if state.is_world_process_zero:
            notes: list[str] = []
            steps = spelled(lambda: _steps(args, state, more.get("optimizer")), notes)
            seeds = {"seed": args.seed} | ({} if args.data_seed is None else {"data_seed": args.data_seed})
            self._recorder.end(model, steps, seeds, notes)


def _steps(args: Any, state: Any, optimizer: Any) -> Steps:
    """The steps of the arguments, after a check that they made the final weights.

    Raises:
        SpecError: weights of an earlier step were taken, the user's own optimizer moved them, or ``Steps`` lacks their kind.
    """
    best = getattr(state, "best_global_step", None)
    if args.load_best_model_at_end and best not in (None, state.global_step):
        raise SpecError(f"the weights are those of step {best} of {state.global_step}, the best")
    steps = steps_of(args, state.max_steps, state.epoch)
    inner = getattr(optimizer, "optimizer", optimizer)
    if inner is not None:
        sizes = {float(group.get("initial_lr", group["lr"])) for group in inner.param_groups}
        if type(inner).__name__ != type(steps.optimizer).__name__ or sizes != {float(args.learning_rate)}:
            raise SpecError(f"an optimizer that the arguments do not name, {type(inner).__name__}")
    return steps


def steps_of(args: Any, most: int, epochs: float | None) -> Steps:
    """The steps of ``TrainingArguments``.

    Args:
        args: the arguments.
        most: number of steps in all.
        epochs: number of epochs that were trained.

    Raises:
        SpecError: they are of a kind that ``Steps`` lacks.
    """
    if epochs is None or round(epochs) < 1 or abs(epochs - round(epochs)) > 0.01:
        raise SpecError(f"{epochs} epochs, and a whole number is needed")
    warm = float(args.get_warmup_steps(most)) / max(1, most)
    kind = str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type))
    schedules: dict[str, tuple[Schedule, float]] = {
        "linear": (Triangular(peak=warm), 0.0), "cosine": (Cosine(floor=0.0), warm),
        "constant": (Constant(), 0.0), "constant_with_warmup": (Constant(), warm),
    }  # fmt: skip
    if kind not in schedules:
        raise SpecError(f"the schedule {kind!r}")
    schedule, warmup = schedules[kind]
    batch = args.train_batch_size * args.gradient_accumulation_steps * max(1, args.world_size)
    return Steps(
        lr=args.learning_rate, epochs=round(epochs), batch=batch, optimizer=_optimizer(args), schedule=schedule, warmup=warmup,
        clip=args.max_grad_norm or None, smoothing=args.label_smoothing_factor,
    )  # fmt: skip


def _optimizer(args: Any) -> Optimizer:
    name = str(getattr(args.optim, "value", args.optim))
    if name.startswith("adamw_torch"):
        return AdamW(beta1=args.adam_beta1, beta2=args.adam_beta2, decay=args.weight_decay, decay_on="weights")
    if name == "sgd":
        return SGD(momentum=0.0, decay=args.weight_decay, decay_on="weights")
    raise SpecError(f"the optimizer {name!r}")
