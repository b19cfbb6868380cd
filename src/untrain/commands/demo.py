"""The demo: the main job on real images that need no download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, OracleCount, Seed, comparison_of, executor_of
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.evaluation.protocols.protocol import Protocol
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
    store: str | Path | None = None, out: str | Path = "untrain-demo", seeds: Count = 5, oracles: OracleCount = 12, seed: Seed = 0,
    workers: Count | None = None, images: bool = True, command: str = "untrain demo", on_progress: OnProgress | None = None,
    executor: str | Executor | Pool | None = None, replace: bool = False, protocol: str | Protocol = "standard",
) -> Document:  # fmt: skip
    """Run two requests on handwritten digits and write a report.

    One request is for privacy, the other repairs labels that were planted wrong. The arguments are those of ``run``.

    Examples:
        untrain demo
        untrain demo --seeds 2 --oracles 4 --out quick
        untrain demo --price
    """
    from untrain.evaluation.protocols.protocol import protocol_of
    from untrain.experiments.pipeline import run_comparisons
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.setting import Setting

    comparisons = [comparison_of(s, DEMO, seeds, oracles, seed) for s in DEMO_SCENARIOS]
    options = RunOptions(Setting(), workers, executor_of(executor), on_progress, protocol=protocol_of(protocol))
    return run_comparisons(comparisons, store, options, ReportOptions(out, images, command, replace))
