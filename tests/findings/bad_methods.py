"""Methods that do what no method may, each in its own way; importable in workers."""

import builtins
import gc
import io
import json
import locale
import os
import random
import resource
import signal
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import sklearn
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook

import untrain.core.precision
import untrain.training.descend
from untrain.core.errors import BadInput, MissingExtra, StoreError
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.unlearners.base import Unlearner


def other(*args, **kwargs):
    """What functions are replaced by."""
    return args[0] if args else None


class Nobody(BaseException):
    """An error that is no Exception."""


class Mute(nn.Module):
    """Another model."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)


def endless():
    """Recursion without an end."""
    return endless()


def thrown(error):
    """Raise an error from an expression."""
    raise error


class Keep(torch.overrides.TorchFunctionMode):
    """A mode of torch that is left on."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


HELD = []


def entered(context):
    """Enter a context that nobody leaves; what is let go of would leave by itself."""
    HELD.append(context)
    context.__enter__()


def swapped_code():
    F.dropout.__code__ = other.__code__


def fewer_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))


# Name -> what it leaves behind, and the words by which it is named.
LEFT = {
    "grad mode": (lambda: torch.set_grad_enabled(False), "torch's grad mode"),
    "inference mode": (lambda: entered(torch.inference_mode()), "torch's inference mode"),
    "default dtype": (lambda: torch.set_default_dtype(torch.float64), r"torch's default dtype \(torch.float64\)"),
    "default device": (lambda: torch.set_default_device("meta"), "torch's default device"),
    "mode for functions": (lambda: entered(Keep()), "torch's modes for functions"),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "number of torch's threads"),
    "deterministic": (lambda: torch.use_deterministic_algorithms(True), "deterministic algorithms"),
    "precision": (lambda: torch.set_float32_matmul_precision("medium"), "precision of matrix products"),
    "kernels": (lambda: setattr(torch.backends.cudnn, "benchmark", True), "choice of kernels"),
    "autocast": (lambda: entered(torch.autocast("cpu", torch.bfloat16)), "torch's autocast"),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True), "anomaly detection"),
    "denormals": (lambda: torch.set_flush_denormal(True), "denormal"),
    "hook on modules": (lambda: nn.modules.module.register_module_forward_hook(lambda *_: None), "hooks on all modules"),
    "hook on optimizers": (
        lambda: register_optimizer_step_post_hook(lambda *_: None),
        "hooks on all modules or optimizers",
    ),
    "errors of numpy": (lambda: np.seterr(all="raise"), "numpy's handling of floating-point errors"),
    "scikit-learn": (lambda: sklearn.set_config(assume_finite=True), "scikit-learn's configuration"),
    "folder": (lambda: os.chdir("/"), "the working folder"),
    "environment": (lambda: os.environ.update(OMP_NUM_THREADS="7"), r"the environment \(OMP_NUM_THREADS\)"),
    "environment emptied": (lambda: os.environ.clear(), r"the environment \("),
    "path": (lambda: sys.path.insert(0, "/nowhere"), "the path of modules"),
    "interrupts ignored": (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), "signal handlers"),
    "signals blocked": (lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}), "blocked signals"),
    "timer": (lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 3600), "a timer"),
    "fewer files": (fewer_files, "limits of resources"),
    "mode of files": (lambda: os.umask(0o177), "mode of new files"),
    "recursion limit": (lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1), "recursion limit"),
    "profiling": (lambda: sys.setprofile(lambda *_: None), "tracing or hooks for errors"),
    "hook for errors": (lambda: setattr(sys, "excepthook", other), "tracing or hooks for errors"),
    "garbage": (gc.disable, "collection of garbage"),
    "locale": (lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"), "the locale"),
    "output replaced": (lambda: setattr(sys, "stdout", io.StringIO()), "standard output or error"),
    "error output replaced": (lambda: setattr(sys, "stderr", io.StringIO()), "standard output or error"),
    "numpy seeded": (lambda: np.random.seed(0), "global random state of numpy"),  # noqa: NPY002
    "python seeded": (lambda: random.seed(0), "global random state of python"),
    "function of torch": (lambda: setattr(F, "relu", F.gelu), "torch.nn.functional.relu"),
    "method of tensors": (lambda: setattr(torch.Tensor, "backward", other), "Tensor.backward"),
    "method in C": (lambda: setattr(torch.Tensor, "mul", other), "Tensor.mul"),
    "layer": (lambda: setattr(nn.Conv2d, "forward", lambda self, x: x), "Conv2d.forward"),
    "optimizer": (lambda: setattr(torch.optim.SGD, "step", other), "SGD.step"),
    "the loop": (lambda: setattr(untrain.training.descend, "descend", other), "untrain.training.descend.descend"),
    "an evaluator": (lambda: setattr(Accuracy, "evaluate", other), "Accuracy.evaluate"),
    "an attribute that hides a builtin": (lambda: setattr(untrain.training.descend, "sum", other), "descend.sum"),
    "code of a function": (swapped_code, "dropout.__code__"),
    "builtin": (lambda: setattr(builtins, "sorted", other), "builtins.sorted"),
    "generators": (lambda: setattr(np.random, "default_rng", other), "numpy.random.default_rng"),
    "module": (lambda: sys.modules.update(json=ModuleType("json")), "the module json"),
    "context": (lambda: untrain.core.precision._precision.set("bfloat16"), "the context variable precision"),
}
# Name -> what it does in the place of its work, and the words of its failure.
FAILS = {
    "exit 0": (lambda: sys.exit(0), r"tried to end the process: SystemExit\(0\)"),
    "exit with words": (lambda: sys.exit("done"), r"SystemExit\(done\)"),
    "interrupt": (lambda: thrown(KeyboardInterrupt()), "KeyboardInterrupt"),
    "generator's exit": (lambda: thrown(GeneratorExit()), "GeneratorExit"),
    "nobody": (lambda: thrown(Nobody("mine")), r"Nobody\(mine\)"),
    "memory": (lambda: thrown(MemoryError()), "MemoryError"),
    "system": (lambda: thrown(OSError(28, "No space left on device")), "OSError: .*No space left"),
    "file": (lambda: Path("/nowhere/at/all").read_text(), "FileNotFoundError"),
    "store": (lambda: thrown(StoreError("not yours")), "StoreError: not yours"),
    "extra": (lambda: thrown(MissingExtra("pip install it")), "MissingExtra: pip install it"),
    "import": (lambda: __import__("no_such_module"), "no_such_module"),
    "recursion": (endless, "RecursionError"),
    "onednn": (lambda: thrown(RuntimeError("could not create a primitive")), "could not create a primitive"),
    "iteration": (lambda: next(iter(())), "StopIteration"),
    "input": (lambda: thrown(BadInput("what you gave")), "what you gave"),
    "dead pipe": (lambda: thrown(BrokenPipeError()), "BrokenPipeError"),
    "no words": (lambda: thrown(Exception()), "Exception"),
    "many lines": (lambda: thrown(ValueError("one\ntwo\n\x1b[2J")), "one two"),
}


def shaken(model, size):
    """The model, all weights smaller by a share."""
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 - size)
    return model


class Lazy(nn.Module):
    """A model that does something when it is asked."""

    def __init__(self, model, act):
        super().__init__()
        self.__dict__.update(model.__dict__)
        self.__dict__["inner"], self.__dict__["act"] = model, act

    def forward(self, x):
        self.act()
        return self.inner(x)


def with_nan(model):
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    return model


def with_shared_memory(model):
    big, *small = sorted(model.parameters(), key=lambda p: -p.numel())
    small[0].data = big.data.flatten()[: small[0].numel()].view_as(small[0])
    return shaken(model, 0.1)


def without_a_part(model):
    del next(m for m in model.modules() if isinstance(m, nn.Conv2d)).bias
    return model


# Name -> what it returns, and the words of its failure.
RETURNS = {
    "nothing": (lambda model: None, "."),
    "a number": (lambda model: 3, "."),
    "another": (lambda model: Mute(), "another"),
    "itself": (lambda model: model, "moved no parameter"),
    "nan": (with_nan, "NaN"),
    "less": (without_a_part, "."),
    "one that fails when asked": (lambda model: Lazy(shaken(model, 0.1), lambda: thrown(ZeroDivisionError("asked"))), "asked"),
    "one that exits when asked": (lambda model: Lazy(shaken(model, 0.1), sys.exit), "SystemExit"),
    "one that spoils when asked": (
        lambda model: Lazy(shaken(model, 0.1), lambda: torch.set_default_dtype(torch.float64)),
        "torch's default dtype",
    ),
}


class Shaken(Unlearner):
    """All weights become smaller; buffers stay. What is printed is noise.

    Args:
        size: by which share.

    Source: planted.
    """

    size: float = 0.1

    def unlearn(self, model, problem):
        sys.stdout.write("noise\n")
        return shaken(model, self.size)


class Bad(Unlearner):
    """Does what no method may; buffers stay.

    Args:
        act: what.

    Source: planted.
    """

    act: str = ""

    def unlearn(self, model, problem):
        if self.act in RETURNS:
            return RETURNS[self.act][0](model)
        if self.act in LEFT:
            model = shaken(model, 0.1)
            LEFT[self.act][0]()
            return model
        FAILS[self.act][0]()
        return model


class Ends(Unlearner):
    """Ends the process that runs it; buffers stay.

    Args:
        number: the signal, or 0 for an exit without a word.

    Source: planted.
    """

    number: int = 0

    def unlearn(self, model, problem):
        os.kill(os.getpid(), self.number) if self.number else os._exit(0)
        return model


class Widening(Unlearner):
    """Sets its mask to ones in place, and moves everything; buffers stay.

    Args:
        how: 'fill' or 'replace'.
        which: 'mask' or 'trainable'.

    Source: planted.
    """

    how: str = "fill"
    which: str = "trainable"

    def unlearn(self, model, problem):
        mask = getattr(problem, self.which)
        for name in list(mask.bits if mask is not None else ()):
            if self.how == "fill":
                mask.bits[name].fill_(True)
            else:
                mask.bits[name] = torch.ones_like(mask.bits[name])
        return shaken(model, 0.1)


def words():
    """Name of each bad act, and the words of its failure."""
    return {name: said for table in (LEFT, FAILS, RETURNS) for name, (_, said) in table.items()}


json.dumps({})  # the module that one of them replaces is in use
