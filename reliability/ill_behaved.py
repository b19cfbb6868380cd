"""Methods that do what no method may do; ``ill_behaved.Bad(how='...')`` is one, and what has to come of each stands beside it."""

from __future__ import annotations

import builtins
import gc
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from untrain.core.mask import Mask
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo
from untrain.localizers.base import Localizer
from untrain.unlearners.base import Unlearner

Fault = Callable[[nn.Module, Any], Any]
FAILS = "its row has to be an error"
NAMED = "its row has to say so, in an error or a note"
FINE = "it may be so, where nothing else changes"


def moved(model: nn.Module) -> nn.Module:
    """The model, a little moved where it may move: what a good method gives."""
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.01)
    return model


def and_moved(work: Fault) -> Fault:
    """A fault, after which the model moves as by a good method."""

    def whole(model: nn.Module, problem: Any) -> nn.Module:
        work(model, problem)
        return moved(model)

    return whole


def raising(error: BaseException) -> Fault:
    """A fault that raises."""

    def raises(model: nn.Module, problem: Any) -> None:
        raise error

    return raises


RAISED: dict[str, BaseException] = {
    "sys_exit_0": SystemExit(0), "sys_exit_1": SystemExit(1), "sys_exit_text": SystemExit("bye"), "os_error": OSError(28, "full"),
    "memory_error": MemoryError(), "recursion_error": RecursionError("deep"), "key_error": KeyError("x"), "no_words": ValueError(),
    "many_lines": RuntimeError("a\nb\n\x1b[31mc"), "generator_exit": GeneratorExit(), "stop_iteration": StopIteration(),
    "base_exception": BaseException("base"), "surrogate": ValueError("\ud800"), "assertion": AssertionError(),
    "file_not_found": FileNotFoundError(2, "no such file", "x"), "unicode_error": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "words_of_an_interrupt": RuntimeError("KeyboardInterrupt"), "broken_pipe": BrokenPipeError(32, "broken pipe"),
}  # fmt: skip


def doubled_step(model: nn.Module, problem: Any) -> None:
    """Each step of gradient descent is taken twice."""
    right = torch.optim.SGD.step
    torch.optim.SGD.step = lambda self, *a, **k: [right(self, *a, **k), right(self, *a, **k)][0]  # type: ignore[assignment]


def broken_open(model: nn.Module, problem: Any) -> None:
    """No file can be opened."""

    def refuse(*given: Any, **named: Any) -> Any:
        raise OSError("patched")

    builtins.open = refuse


def loud(model: nn.Module, problem: Any) -> None:
    """Print in two ways."""
    print("a line", "{", flush=True)
    os.write(1, b"raw bytes\n")


def seeded(model: nn.Module, problem: Any) -> None:
    """Seed all random states."""
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)


def warned(model: nn.Module, problem: Any) -> None:
    """Warn and log."""
    warnings.warn("beware", stacklevel=1)
    logging.getLogger().warning("a log line")


def rung(model: nn.Module, problem: Any) -> None:
    """Leave an alarm behind."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.alarm(1)


def first(model: nn.Module) -> torch.Tensor:
    """The first parameter's values."""
    return next(iter(model.parameters())).data


def shrunk(model: nn.Module, problem: Any) -> nn.Module:
    """The model with one output."""
    layer = [m for m in moved(model).modules() if isinstance(m, nn.Linear)][-1]
    layer.weight, layer.bias = nn.Parameter(layer.weight[:1].detach()), nn.Parameter(layer.bias[:1].detach())
    return model


def widened(model: nn.Module, problem: Any) -> None:
    """Let the mask be all, in place."""
    for held in (problem.mask, problem.trainable):
        for bits in held.bits.values():
            bits.fill_(True)


def emptied(model: nn.Module, problem: Any) -> None:
    """Write to the data."""
    for examples in (problem.forget, problem.retain):
        examples.x.zero_()


def odd_layers(module: nn.Module, given: Any, output: Any) -> Any:
    """A hook that makes each linear layer's output larger."""
    return output * 1.5 if isinstance(module, nn.Linear) else None


# What the method does before it moves the model as a good one would.
BESIDE: dict[str, tuple[Fault, str]] = {
    "grad_mode": (lambda m, p: torch.set_grad_enabled(False), NAMED),
    "inference_mode": (lambda m, p: torch.inference_mode().__enter__(), FINE),
    "default_dtype": (lambda m, p: torch.set_default_dtype(torch.float64), NAMED),
    "threads": (lambda m, p: torch.set_num_threads(2), NAMED),
    "deterministic": (lambda m, p: torch.use_deterministic_algorithms(True), NAMED),
    "flush_denormal": (lambda m, p: torch.set_flush_denormal(True), NAMED),
    "matmul_precision": (lambda m, p: torch.set_float32_matmul_precision("medium"), NAMED),
    "anomaly_mode": (lambda m, p: torch.autograd.set_detect_anomaly(True), NAMED),
    "autocast": (lambda m, p: torch.autocast("cpu", torch.bfloat16).__enter__(), NAMED),
    "working_folder": (lambda m, p: os.chdir("/"), NAMED),
    "umask": (lambda m, p: os.umask(0o777), NAMED),
    "environment": (lambda m, p: os.environ.update(UNTRAIN_HOME="/nowhere", OMP_NUM_THREADS="7"), NAMED),
    "signal_handler": (lambda m, p: signal.signal(signal.SIGINT, signal.SIG_IGN), NAMED),
    "alarm": (rung, NAMED),
    "standard_output": (lambda m, p: setattr(sys, "stdout", open(os.devnull, "w")), NAMED),  # noqa: SIM115
    "closed_output": (lambda m, p: os.close(1), FINE),
    "patched_torch": (doubled_step, NAMED),
    "patched_forward": (lambda m, p: setattr(nn.Linear, "forward", lambda self, x: x @ self.weight.T), NAMED),
    "patched_numpy": (lambda m, p: setattr(np, "mean", np.median), NAMED),
    "patched_open": (broken_open, NAMED),
    "global_hook": (lambda m, p: nn.modules.module.register_module_forward_hook(odd_layers), NAMED),
    "warnings_as_errors": (lambda m, p: warnings.simplefilter("error"), FINE),
    "collection_off": (lambda m, p: gc.disable(), NAMED),
    "recursion_limit": (lambda m, p: sys.setrecursionlimit(120), NAMED),
    "path_entry": (lambda m, p: sys.path.insert(0, "/nowhere"), NAMED),
    "nan_weights": (lambda m, p: first(m)[0].fill_(float("nan")), FAILS),
    "infinite_weights": (lambda m, p: first(m)[0].fill_(float("inf")), FAILS),
    "mask_in_place": (widened, FAILS),
    "mask_replaced": (lambda m, p: p.mask.bits.update({n: torch.ones_like(b) for n, b in p.mask.bits.items()}), FAILS),
    "beyond_the_mask": (lambda m, p: None, FAILS),
    "data_in_place": (emptied, FINE),
    "seeds": (seeded, FINE),
    "prints": (loud, FINE),
    "speaks": (warned, FINE),
    "thread_left": (lambda m, p: threading.Thread(target=time.sleep, args=(3600,), daemon=True).start(), FINE),
}
# What the method gives in place of a model that moved.
INSTEAD: dict[str, tuple[Fault, str]] = {
    "nothing_moved": (lambda m, p: m, FAILS),
    "no_result": (lambda m, p: None, FAILS),
    "another_kind": (lambda m, p: m.state_dict(), FAILS),
    "another_network": (lambda m, p: nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), FAILS),
    "wrong_shape": (shrunk, FAILS),
    "half_precision": (lambda m, p: moved(m).half(), FAILS),
}
FAULTS = {name: (and_moved(work), must) for name, (work, must) in BESIDE.items()} | INSTEAD
FAULTS |= {name: (raising(error), FAILS) for name, error in RAISED.items()}


class Bad(Unlearner):
    """Does what no method may do.

    Args:
        how: which fault.

    Source: made up for this suite.
    """

    how: str
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    def unlearn(self, model: nn.Module, problem: Any) -> Any:
        """Whatever the fault gives."""
        return FAULTS[self.how][0](model, problem)


class Sleeps(Unlearner):
    """Does not end by itself.

    Source: made up for this suite.
    """

    def unlearn(self, model: nn.Module, problem: Any) -> nn.Module:
        """Wait for an hour."""
        time.sleep(3600)
        return model


class BadLocalizer(Localizer):
    """A fault while it localizes.

    Args:
        how: which fault.

    Source: made up for this suite.
    """

    how: str

    def localize(self, model: nn.Module, problem: Any) -> Any:
        """Half of the weights, after the fault."""
        FAULTS[self.how][0](nn.Linear(1, 1), problem) if self.how not in ODD_MASKS else None
        bits = {n: torch.arange(p.numel()).reshape(p.shape) % 2 == 0 for n, p in model.named_parameters()}
        return ODD_MASKS[self.how](bits) if self.how in ODD_MASKS else bits


ODD_MASKS: dict[str, Callable[[Any], Any]] = {
    "mask_of_another_shape": lambda bits: {n: b.flatten()[:1] for n, b in bits.items()}, "mask_of_numbers": lambda bits:
    {n: b.float() * 0.5 for n, b in bits.items()}, "mask_lacks_names": lambda bits: dict(list(bits.items())[:1]),
    "mask_is_none": lambda bits: None, "mask_is_empty": lambda bits: {n: torch.zeros_like(b) for n, b in bits.items()},
    "mask_has_strangers": lambda bits: {**bits, "strange": torch.ones(1, dtype=torch.bool)},
    "mask_is_a_mask": lambda bits: Mask(bits, "x"),
}  # fmt: skip


class BadEvaluator(Evaluator):
    """A fault while it scores.

    Args:
        how: which fault.

    Source: made up for this suite.
    """

    how: str
    needs: ClassVar[frozenset[str]] = frozenset({"correct"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {"odd": ScoreInfo("a score", "fraction", "0", "nothing", low=0.0)}

    def prepare(self, observation: Any) -> Any:
        """Correctness."""
        return observation.signal("correct")

    def evaluate(self, trial: Any) -> Any:
        """The fault, and a score."""
        FAULTS[self.how][0](nn.Linear(1, 1), None)
        return {"odd": Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"]),))}
