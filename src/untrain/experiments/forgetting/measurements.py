"""Measurements of a model before and after it forgot, and the alarm that compares them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from untrain.data.examples import Examples
from untrain.maths.damage import allowed_fall, allowed_rise, allowed_unseen_rise
from untrain.maths.unseen_aim import Aim, even_aim
from untrain.maths.unseen_likeness import Likeness, likeness
from untrain.models.inference import predict
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]
Finding = dict[str, Any]


@dataclass(frozen=True, eq=False)
class OutputMeasures:
    """Losses and hits of a model on some examples.

    Args:
        loss: of each example in nats, (n,).
        correct: 1 where its label is the likeliest class, else 0, (n,); of an answer, where each of its tokens is the likeliest.
        by_loss: whether targets are rows of tokens, of which the loss says more than the share that is right.
    """

    loss: Array
    correct: Array
    by_loss: bool = False

    @property
    def accuracy(self) -> float:
        """Share of the examples that the model gets right."""
        return float(self.correct.mean())

    def document(self) -> Finding:
        """Means, for JSON."""
        return {"rows": len(self.loss), "accuracy": self.accuracy, "loss": float(self.loss.mean())}


def measure(model: nn.Module, examples: Examples, task: Task) -> OutputMeasures:
    """Loss and correctness of a model on each of some examples.

    Raises:
        NotFinite: an output is NaN or infinite.
    """
    outputs = {name: array[None] for name, array in predict(model, examples, task).items()}
    y = np.asarray(examples.y[:].cpu().numpy())
    loss, correct = (np.asarray(task.signal(outputs, y, name)[0], dtype=np.float64) for name in ("loss", "correct"))
    return OutputMeasures(loss, correct, y.ndim > 1)


@dataclass(frozen=True)
class Tolerance:
    """The largest loss of quality that is allowed; None for what the noise of the measurement allows.

    Args:
        fall: of accuracy, as a share.
        rise: of the mean loss on retained examples, in nats.
    """

    fall: float | None = None
    rise: float | None = None


@dataclass(frozen=True, eq=False)
class Sides:
    """Examples by which a model is judged.

    Args:
        held_out: on which its accuracy is watched.
        retain: on which its loss is watched.
        forget: that it is to forget.
        unseen: that it has never seen; None where there are none.
    """

    held_out: Examples
    retain: Examples
    forget: Examples
    unseen: Examples | None


@dataclass(frozen=True, eq=False)
class Judgement:
    """A model on all sides.

    Args:
        held_out: on the examples whose accuracy is watched.
        retain: on those that stay.
        forget: on those to forget.
        unseen: on those that it has never seen; None where there are none.
        alike: how much forgotten rows look like unseen ones; None where there are none of these.
    """

    held_out: OutputMeasures
    retain: OutputMeasures
    forget: OutputMeasures
    unseen: OutputMeasures | None
    alike: Likeness | None


def judge(model: nn.Module, sides: Sides, task: Task) -> Judgement:
    """Measure a model on all sides.

    Raises:
        NotFinite: an output is NaN or infinite.
    """
    held_out, retain, forget = (measure(model, each, task) for each in (sides.held_out, sides.retain, sides.forget))
    if sides.unseen is None:
        return Judgement(held_out, retain, forget, None, None)
    unseen = held_out if sides.unseen is sides.held_out else measure(model, sides.unseen, task)
    classes = [classes_of(each) for each in (sides.forget, sides.unseen)]
    return Judgement(held_out, retain, forget, unseen, likeness(forget.loss, unseen.loss, *classes))


def classes_of(examples: Examples) -> Array:
    """Numbers of classes, (n,); one for all where targets are rows of tokens."""
    y = np.asarray(examples.y[:].cpu().numpy())
    return y if y.ndim == 1 else np.zeros(len(y), dtype=np.int64)


def alarms(before: Judgement, after: Judgement, tolerance: Tolerance, retrained: bool = False) -> list[Finding]:
    """Numbers that got worse by more than is allowed: which one, before, after, the change and what was allowed.

    Of language models the loss on unseen texts is watched instead of an accuracy.

    Args:
        before: the original model.
        after: the one that forgot.
        tolerance: what may be lost.
        retrained: whether it was trained again: by its own recipe it may end with another loss on what it learned from, which
            does no damage where it does as well on rows that it has not seen.
    """
    found = []
    if before.held_out.by_loss:
        change = after.held_out.loss - before.held_out.loss
        most = allowed_unseen_rise(change) if tolerance.rise is None else tolerance.rise
        if float(change.mean()) > most:
            found.append(_alarm("validation loss", float(before.held_out.loss.mean()), float(after.held_out.loss.mean()), most))
    hits, rows = int(before.held_out.correct.sum()), len(before.held_out.correct)
    most = allowed_fall(hits, rows) if tolerance.fall is None else tolerance.fall
    fall = before.held_out.accuracy - after.held_out.accuracy
    if fall > most and not before.held_out.by_loss:
        found.append(_alarm("validation accuracy", before.held_out.accuracy, after.held_out.accuracy, most))
    was, now = float(before.retain.loss.mean()), float(after.retain.loss.mean())
    unseen = math.nan if before.alike is None else float(before.held_out.loss.mean())
    most = allowed_rise(was, unseen) if tolerance.rise is None else tolerance.rise
    if now - was > most and not (retrained and after.alike is not None):
        found.append(_alarm("retain loss", was, now, most))
    return found


def _alarm(what: str, before: float, after: float, allowed: float) -> Finding:
    return {"what": what, "before": before, "after": after, "change": after - before, "allowed": allowed}


def alarm_text(alarm: Finding) -> str:
    """One alarm in words.

    >>> alarm_text({"what": "validation accuracy", "before": 0.81, "after": 0.68, "change": -0.13, "allowed": 0.04})
    'validation accuracy fell from 0.810 to 0.680, and a fall of 0.040 is allowed'
    """
    falls = alarm["change"] < 0
    verb, noun = ("fell", "fall") if falls else ("rose", "rise")
    moved = f"{alarm['what']} {verb} from {alarm['before']:.3f} to {alarm['after']:.3f}"
    return f"{moved}, and a {noun} of {alarm['allowed']:.3f} is allowed"


def alike_document(alike: Likeness | None, most: float, aim: Aim | None = None) -> Finding | None:
    """Likeness of forgotten rows to unseen ones, for JSON; None where that is not known.

    Args:
        alike: how much they look alike.
        most: how far from the aim the area may be.
        aim: area that is expected of a model which never saw the forgotten rows; None takes one half for granted.
    """
    if alike is None or not alike.compared:
        return None
    aim = even_aim(alike) if aim is None else aim
    numbers = {name: None if math.isnan(value) else value for name, value in alike._asdict().items()}
    aims = {"aim": aim.area, "aim_error": aim.error, "granted": aim.granted}
    return {**numbers, **aims, "most": most, "met": aim.met(alike, most), "within": aim.within(most)}
