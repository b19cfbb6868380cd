"""The demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import comparison_of, executor_of
from untrain.commands.run import Document, OnProgress

if TYPE_CHECKING:
    from untrain.runtime.executors.base import Executor, Pool


# Step sizes were chosen by papers/demo_steps.py, which sees no test set and no oracle; the random mask gets DEL's.
DEMO = (
    "Retrain", "Finetune(steps=Steps(lr=0.05, epochs='30%', batch=64))",
    "NegGrad(steps=Steps(lr=0.05, epochs='30%', batch=64, schedule=Constant()))",
    "RandomLabel(steps=Steps(lr=0.05, epochs='30%', batch=64))",
    "SalUn(steps=Steps(lr=0.05, epochs='30%', batch=64))", "DEL(steps=Steps(lr=0.05, batch=64))",
    "DEL(steps=Steps(lr=0.05, epochs='30%', batch=64))", "DEL(steps=Steps(lr=0.05, epochs='10%', batch=64))",
    "ResetFinetune(steps=Steps(lr=0.05, batch=64)) @ RandomMask()", "Nothing",
)  # fmt: skip


DEMO_SCENARIOS = (
    "Digits(request=Random(fraction=0.1))",
    "Digits(request=Mislabelled(), noise=Flip(rate=0.1))",
)


def demo(
    store: str | Path | None = None, out: str | Path = "untrain-demo", seeds: int = 5, oracles: int = 10, seed: int = 0,
    workers: int | None = None, images: bool = True, command: str = "untrain demo", on_progress: OnProgress | None = None,
    executor: str | Executor | Pool | None = None,
) -> Document:  # fmt: skip
    """The main job on real images: a privacy request and a repair request on scikit-learn's handwritten digits.

    Args:
        store: where models and answers are kept.
        out: folder of report.html, results.json and scores.csv.
        seeds: number of original models.
        oracles: number of retrained models.
        seed: from which all seeds are derived.
        workers: processes; None for one a core.
        images: whether the report shows images of the forget set.
        command: shown in the report.
        on_progress: called with progress.
        executor: who does the work, such as 'Ray' or ``Processes(4)``, or an open pool; None for this process or, with several
            workers, processes of this machine.
    """
    from untrain.experiments.pipeline import ReportOptions, RunOptions, run_comparisons
    from untrain.experiments.setting import Setting

    made = [comparison_of(s, DEMO, seeds, oracles, seed) for s in DEMO_SCENARIOS]
    way = RunOptions(Setting(), workers, executor_of(executor), on_progress)
    return run_comparisons(made, store, way, ReportOptions(out, images, command))
