"""Settings of a process that code may leave changed: how each is read, and how it is put back."""

from __future__ import annotations

import _signal  # whose getsignal makes no enumeration of what it gives, which took half of the time
import gc
import locale
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from untrain.core.environment import set_variables, variables


@dataclass(frozen=True)
class ProcessSetting:
    """A setting of the process.

    Args:
        what: its name, for a message.
        read: gives its value.
        write: puts a value back.
        library: the module that has to be loaded for it; empty for none.
        imports: whether libraries change it when they are imported, so that nobody is to blame where one was.
        blamed: whether who changes it is named; what cannot change a result once it is put back is put back without a word.
        own: how names begin, of those in a mapping, that a library sets for itself: they are put back without a word.
    """

    what: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    library: str = ""
    imports: bool = False
    blamed: bool = True
    own: tuple[str, ...] = ()


def settings() -> Iterator[ProcessSetting]:
    """All settings whose libraries are loaded."""
    return (each for each in ALL if not each.library or each.library in sys.modules)


def _torch() -> Any:
    return sys.modules["torch"]


def _leave_inference_mode(before: bool) -> None:
    guard = _torch()._C._InferenceMode(before)
    guard.__enter__()
    _HELD.append(guard)  # its end would bring back what it replaced


_HELD: list[Any] = []


def _default_device() -> Any:
    mode = getattr(_torch()._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if mode is None else mode.device


def _mode_stacks() -> tuple[int, int]:
    return _torch()._C._len_torch_function_stack(), _torch()._C._len_torch_dispatch_stack()


def _pop_modes(before: tuple[int, int]) -> None:
    c = _torch()._C
    for length, size, pop in (
        (before[0], c._len_torch_function_stack, c._pop_torch_function_stack),
        (before[1], c._len_torch_dispatch_stack, c._pop_torch_dispatch_stack),
    ):
        while size() > length:
            pop()


def _deterministic() -> tuple[bool, bool, bool]:
    torch = _torch()
    flags = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    return (*flags, torch.utils.deterministic.fill_uninitialized_memory)


def _set_deterministic(before: tuple[bool, bool, bool]) -> None:
    _torch().use_deterministic_algorithms(before[0], warn_only=before[1])
    _torch().utils.deterministic.fill_uninitialized_memory = before[2]


def _kernels() -> tuple[Any, ...]:
    c, cudnn = _torch()._C, _torch().backends.cudnn
    return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, c._get_mkldnn_enabled(), _known(c._get_cudnn_allow_tf32)


def _known(read: Callable[[], Any]) -> Any:
    """A setting of precision; None where torch cannot say, since its newer settings say more than this one."""
    with suppress(RuntimeError):
        return read()


def _set_kernels(before: tuple[Any, ...]) -> None:
    c, cudnn = _torch()._C, _torch().backends.cudnn
    cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before[:3]
    c._set_mkldnn_enabled(before[3])
    if _known(c._get_cudnn_allow_tf32) != before[4] is not None:
        c._set_cudnn_allow_tf32(before[4])


def _products() -> tuple[Any, Any]:
    return _known(_torch().get_float32_matmul_precision), _known(_torch()._C._get_cublas_allow_tf32)


def _set_products(before: tuple[Any, Any]) -> None:
    if before[0] is not None:
        _torch().set_float32_matmul_precision(before[0])  # sets the other too


def _autocast() -> tuple[Any, ...]:
    torch = _torch()
    each = ((torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda"))
    return (*each, torch.is_autocast_cache_enabled())


def _set_autocast(before: tuple[Any, ...]) -> None:
    torch = _torch()
    for kind, (enabled, dtype) in zip(("cpu", "cuda"), before[:2], strict=True):
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)
    torch.set_autocast_cache_enabled(before[2])


_TINY, _ONE = 5e-324, 1.0


@lru_cache(maxsize=1)
def _tables() -> dict[tuple[str, str], dict[Any, Any]]:
    """Torch's tables of hooks on all modules, optimizers and parameters, by the module and their name."""
    places = ("torch.nn.modules.module", "torch.optim.optimizer")
    tables = ((place, n, v) for place in places for n, v in vars(sys.modules[place]).items() if n.startswith("_global_"))
    return {(place, n): v for place, n, v in tables if isinstance(v, dict)}


def _hooks() -> dict[tuple[str, str], dict[Any, Any]]:
    return {name: dict(table) for name, table in _tables().items()}


def _set_hooks(before: dict[tuple[str, str], dict[Any, Any]]) -> None:
    for name, hooks in before.items():
        table = _tables()[name]
        table.clear()
        table.update(hooks)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _set_folder(before: str | None) -> None:
    with suppress(OSError):
        os.chdir(before or "/")


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


_SIGNALS = tuple(map(int, signal.valid_signals()))


def _handlers() -> dict[int, Any]:
    return dict(zip(_SIGNALS, map(_signal.getsignal, _SIGNALS), strict=True))


def _set_handlers(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and _signal.getsignal(number) != handler and _on_main_thread():
            signal.signal(number, handler)


def _timers() -> tuple[bool, ...]:
    return tuple(signal.getitimer(which)[0] > 0 for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF))


def _stop_timers(before: tuple[bool, ...]) -> None:
    for which, on in zip((signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF), before, strict=True):
        if not on:
            signal.setitimer(which, 0)


_LIMITS = [getattr(resource, name) for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE")]


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(each) for each in _LIMITS]


def _set_limits(before: list[tuple[int, int]]) -> None:
    for each, (soft, _) in zip(_LIMITS, before, strict=True):
        hard = resource.getrlimit(each)[1]
        resource.setrlimit(each, (soft if hard == resource.RLIM_INFINITY else min(soft, hard) if soft >= 0 else hard, hard))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _tracing() -> tuple[Any, ...]:
    return sys.gettrace(), sys.getprofile(), sys.excepthook, threading.excepthook, sys.displayhook, sys.unraisablehook


def _set_tracing(before: tuple[Any, ...]) -> None:
    sys.settrace(before[0])
    sys.setprofile(before[1])
    sys.excepthook, threading.excepthook, sys.displayhook, sys.unraisablehook = before[2:]


def _collection() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold()


def _set_collection(before: tuple[Any, ...]) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])


def _set_filters(before: list[Any]) -> None:
    warnings.filters[:] = before  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


# Caches and tools of torch's compiler, for its own child processes.
OF_COMPILERS = ("TORCHINDUCTOR_", "_TORCHINDUCTOR_", "TRITON_", "TORCH_WARM_POOL", "KMP_DUPLICATE_LIB_OK")

# Those that replace a mode of torch come before the count of modes.
ALL = (
    ProcessSetting("torch's inference mode", lambda: _torch().is_inference_mode_enabled(), _leave_inference_mode, "torch"),
    ProcessSetting("torch's grad mode", lambda: _torch().is_grad_enabled(), lambda v: _torch()._C._set_grad_enabled(v), "torch"),
    ProcessSetting("torch's default dtype", lambda: _torch().get_default_dtype(), lambda v: _torch().set_default_dtype(v), "torch"),
    ProcessSetting("torch's default device", _default_device, lambda v: _torch().set_default_device(v), "torch"),
    ProcessSetting("torch's modes for functions and operators", _mode_stacks, _pop_modes, "torch"),
    ProcessSetting(
        "the number of torch's threads", lambda: _torch().get_num_threads(), lambda v: _torch().set_num_threads(v), "torch"
    ),
    ProcessSetting("torch's deterministic algorithms", _deterministic, _set_deterministic, "torch"),
    ProcessSetting("torch's choice of kernels (cudnn, oneDNN)", _kernels, _set_kernels, "torch"),
    ProcessSetting("torch's precision of matrix products", _products, _set_products, "torch"),
    ProcessSetting("torch's autocast", _autocast, _set_autocast, "torch"),
    ProcessSetting(
        "torch's anomaly detection",
        lambda: (_torch().is_anomaly_enabled(), _torch().is_anomaly_check_nan_enabled()),
        lambda v: _torch().set_anomaly_enabled(*v),
        "torch",
    ),
    ProcessSetting("flushing of denormal numbers", lambda: _TINY * _ONE == 0, lambda v: _torch().set_flush_denormal(v), "torch"),
    ProcessSetting("hooks on all modules or optimizers", _hooks, _set_hooks, "torch.optim.optimizer"),
    ProcessSetting("numpy's handling of floating-point errors", np.geterr, lambda v: np.seterr(**v)),
    ProcessSetting(
        "scikit-learn's configuration",
        lambda: sys.modules["sklearn"].get_config(),
        lambda v: sys.modules["sklearn"].set_config(**v),
        "sklearn",
    ),
    ProcessSetting("the working folder", _folder, _set_folder),
    ProcessSetting("the environment", variables, set_variables, imports=True, own=OF_COMPILERS),
    ProcessSetting("the path of modules", lambda: list(sys.path), lambda v: sys.path.__setitem__(slice(None), v), imports=True),
    ProcessSetting("signal handlers", _handlers, _set_handlers, imports=True),
    ProcessSetting(
        "blocked signals",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda v: signal.pthread_sigmask(signal.SIG_SETMASK, v),
    ),
    ProcessSetting("a timer", _timers, _stop_timers),
    ProcessSetting("limits of resources", _limits, _set_limits),
    ProcessSetting("the mode of new files", _umask, os.umask),
    ProcessSetting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit, imports=True),
    ProcessSetting("tracing or hooks for errors", _tracing, _set_tracing, imports=True),
    ProcessSetting("collection of garbage", _collection, _set_collection, imports=True),
    ProcessSetting(
        "the locale", lambda: locale.setlocale(locale.LC_ALL), lambda v: locale.setlocale(locale.LC_ALL, v), imports=True
    ),
    ProcessSetting("filters of warnings", lambda: list(warnings.filters), _set_filters, imports=True, blamed=False),
)  # fmt: skip
