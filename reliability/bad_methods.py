"""Methods, localizers and evaluators that do what none may do: a row says so, and nothing else changes."""

from __future__ import annotations

import gc
import inspect
import json
import os
import signal
import sys
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack import HANG, SILENT, TRACEBACK, Attack, Outcome
from child import Child, Ended, apart, command
from sample import EVALUATORS, METHODS, arguments, difference, expected, outside, recovers, root_of

GOOD = METHODS[1]
STEP = 29  # tries go through the cases by this step
IN_LOCALIZERS = ("grad_mode", "default_dtype", "sys_exit_0", "os_error", "working_folder", "patched_torch")
IN_EVALUATORS = (
    "default_dtype",
    "sys_exit_0",
    "os_error",
    "key_error",
    "working_folder",
    "patched_numpy",
    "standard_output",
    "prints",
)


@cache
def cases() -> list[tuple[str, str, str, str]]:
    """All cases: name, method, evaluator (or nothing), and what has to come of it."""
    from ill_behaved import FAILS, FAULTS, FINE, NAMED, ODD_MASKS

    found = []
    for how, (_, must) in FAULTS.items():
        masked = " @ WeightedGrad(keep=0.5)" if "mask" in how else ""
        found.append((how, f"ill_behaved.Bad(how={how!r}){masked}", "", must))
    for how in (*IN_LOCALIZERS, *ODD_MASKS):
        # An empty mask is a mask, under which nothing may move; names that the model lacks are no harm.
        must = FINE if how in ("mask_is_empty", "mask_has_strangers", "mask_is_a_mask") else FAULTS.get(how, (None, FAILS))[1]
        found.append((f"localizer: {how}", f"Finetune @ ill_behaved.BadLocalizer(how={how!r})", "", must))
    for how in IN_EVALUATORS:
        # Whatever an evaluator does, its score may say so in place of a value.
        found.append((f"evaluator: {how}", GOOD, f"ill_behaved.BadEvaluator(how={how!r})", FINE if how == "prints" else NAMED))
    return found


def state() -> dict[str, str]:
    """What a process has that a method may not keep changed."""
    names: dict[str, Any] = {
        "grad mode": torch.is_grad_enabled(), "inference mode": torch.is_inference_mode_enabled(),
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(), "deterministic": torch.are_deterministic_algorithms_enabled(), "autocast":
        torch.is_autocast_enabled("cpu"), "anomaly": torch.is_anomaly_enabled(), "matmul": torch.get_float32_matmul_precision(),
        "folder": os.getcwd(), "umask": umask(), "home": os.environ.get("UNTRAIN_HOME"),
        "interrupt": signal.getsignal(signal.SIGINT), "alarm": signal.getsignal(signal.SIGALRM),
        "stdout": id(sys.stdout), "step": inspect.unwrap(torch.optim.SGD.step), "forward": torch.nn.Linear.forward,
        "mean": np.mean, "open": open,
        "hooks": len(torch.nn.modules.module._global_forward_hooks), "filters": len(warnings.filters), "collection": gc.isenabled(),
        "recursion": sys.getrecursionlimit(), "path": "/nowhere" in sys.path, "denormal": float(torch.tensor(1e-40) * 1.0) > 0,
    }  # fmt: skip
    return {name: str(value) for name, value in names.items()}


def umask() -> int:
    """The mask of new files."""
    now = os.umask(0o022)
    os.umask(now)
    return now


def methods(case: tuple[str, str, str, str]) -> tuple[str, ...]:
    """The bad method first, a good one after it."""
    return (case[1], GOOD) if case[1] != GOOD else (GOOD,)


def attempt(folder: Path, number: int) -> Outcome | None:
    """A run of a bad method beside a good one: in Python (even numbers) or on the command line."""
    case = cases()[number // 2 * STEP % len(cases())]
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "ill_behaved.py").symlink_to(Path(__file__).parent / "ill_behaved.py")
    wrong = in_python(folder, case) if number % 2 == 0 else on_command_line(folder, case)
    return wrong and Outcome(wrong.verdict, f"{case[0]}: {wrong.detail}"[:240], f"{case[0]} {'cli' if number % 2 else 'python'}")


def in_python(folder: Path, case: tuple[str, str, str, str]) -> Outcome | None:
    """Through ``untrain.run``: the process is given back as it was."""
    root, store = root_of(folder), folder / "store"

    def work() -> Any:
        from sample import scenario, steady

        import untrain as ut

        sys.path.insert(0, os.getcwd())
        before, real = state(), open
        try:
            options = {"seeds": 2, "oracles": 2, "precision": "float32", "images": False}
            named = [*EVALUATORS, case[2]] if case[2] else EVALUATORS
            document = ut.run(scenario(root), methods(case), store=store, evaluators=named, **options)
        except (ut.UntrainError, KeyboardInterrupt) as error:
            document = {"refused": str(error) or "interrupted"}
        now = state()
        __builtins__["open"] = real  # type: ignore[index]
        kept = [f"{name}: {before[name]} became {now[name]}" for name in before if now[name] != before[name]]
        os.umask(0o022)
        return {"document": steady(document), "kept": kept}

    ended = apart(work, folder / "work", 60)
    if ended.failure or ended.code:
        return ended.failure or Outcome(TRACEBACK, f"exit code {ended.code}: {ended.err.strip()[-150:]}")
    if ended.value is None:
        return Outcome(TRACEBACK, f"the process ended with code {ended.code} in the middle of the run")
    if ended.value["kept"]:
        return Outcome(SILENT, f"the process is not given back: {'; '.join(ended.value['kept'])}")
    return judged(folder, case, ended.value["document"])


def on_command_line(folder: Path, case: tuple[str, str, str, str]) -> Outcome | None:
    """As a command with ``--json``: one document on stdout, or one line."""
    root, store, out = root_of(folder), folder / "store", folder / "out"
    line = arguments(root, store, out, methods(case))
    ended = apart(command([*line, *(("--evaluator", case[2]) if case[2] else ())]), folder / "work", 60)
    if ended.failure:
        return ended.failure
    if ended.code == 2 or (ended.code == 1 and not ended.out.strip()):
        return None if ended.err.strip().splitlines()[-1:] else Outcome(TRACEBACK, "no word")
    try:
        document = json.loads(ended.out)
    except ValueError:
        return Outcome(SILENT, f"stdout is not one JSON document: it begins {ended.out[:60]!a}, exit code {ended.code}")
    return judged(folder, case, document)


def judged(folder: Path, case: tuple[str, str, str, str], document: Any) -> Outcome | None:
    """The bad row fails in words, the good row is that of an undisturbed run, and so is what the store has."""
    from ill_behaved import FAILS, FINE
    from sample import steady

    root, store = root_of(folder), folder / "store"
    if "refused" in document:
        return None
    rows = {row["method"]: row for row in steady(document)["results"]}
    right = next(row for row in expected(root)["document"]["results"] if row["method"] == GOOD)
    good = rows.get(GOOD)
    if good is None:
        return Outcome(SILENT, "the good method has no row")
    bad = next((row for name, row in rows.items() if name != GOOD), None)
    notes = [n for n in bad["notes"] if n not in good["notes"]] if bad else [*document["warnings"], *reasons(good)]
    said = bad["error"] if bad and case[3] == FAILS else (bad and bad["error"]) or notes
    if case[3] != FINE and not said:
        return Outcome(SILENT, "it passes for a good one: no error" + (" and no note" if case[3] != FAILS else ""))
    known = {name: score for name, score in good["scores"].items() if name in right["scores"]}
    if good["error"] or known != right["scores"]:
        told = good["error"] or difference(right["scores"], known)
        return Outcome(SILENT, f"the good method beside it is changed: {told}")
    return recovers(folder, store) or outside(folder / "work", folder / "out")


def reasons(row: Any) -> list[str]:
    """Why scores of a row have no value."""
    return [score["reason"] for score in row["scores"].values() if score.get("reason")]


def sleeping(folder: Path, number: int) -> Outcome | None:
    """A method that does not end: an interrupt ends the run in one line, and what was finished is there."""
    root, store, out = root_of(folder), folder / "store", folder / "out"
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "ill_behaved.py").symlink_to(Path(__file__).parent / "ill_behaved.py")
    workers = ("1", "2")[number % 2]
    line = arguments(root, store, out, (GOOD, "ill_behaved.Sleeps()"))
    line[line.index("--workers") + 1] = workers
    process = Child(command(line), folder / "work")
    process.wait(6.0 + 6.0 * (number % 2))
    process.signal(signal.SIGINT)
    began = time.monotonic()
    ended: Ended = process.end(15)
    if ended.code is None:
        return Outcome(HANG, f"{workers} workers: no end {time.monotonic() - began:.0f} s after an interrupt", "sleeping")
    if ended.failure or ended.code != 130:
        return ended.failure or Outcome(TRACEBACK, f"exit code {ended.code}: {ended.err.strip()[-150:]}", "sleeping")
    return recovers(folder, store)


ATTACKS = (
    Attack("methods", "methods, localizers and evaluators that do what none may do", attempt, 160, 14, seconds=150, small=True),
    Attack("sleeping", "a method that does not end, interrupted", sleeping, 4, 1, seconds=100, small=True),
)
