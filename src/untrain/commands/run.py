"""A comparison of methods on a scenario, and its price.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, OracleCount, Seed, comparison_of, executor_of, setting_of
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.core.events import Log
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.observers.base import Observer
    from untrain.evaluation.protocols.protocol import Protocol
    from untrain.experiments.keys import Method
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.loggers.base import Logger


def run(
    scenario: str | Scenario, methods: str | Method | Iterable[str | Method], store: str | Path | None = None,
    out: str | Path | None = None, seeds: Count = 5, oracles: OracleCount = 12, seed: Seed = 0, device: str = "cpu",
    threads: Count = 1, workers: Count | None = 1, images: bool = True, command: str = "", on_progress: OnProgress | None = None,
    precision: str = "auto", compiled: bool = False, budget: str | float | None = None,
    executor: str | Executor | Pool | None = None, looks: Count = 1,
    evaluators: str | Evaluator | Sequence[str | Evaluator] = (), observers: str | Observer | Sequence[str | Observer] = (),
    replace: bool = False, protocol: str | Protocol = "standard", curves: bool = False,
    log: str | Logger | Log | Sequence[str | Logger | Log] = (),
) -> Document:  # fmt: skip
    """Compare methods: train, forget, retrain, score, report.

    Examples:
        untrain run Digits DEL
        untrain run "Digits(request=Random(fraction=0.05))" DEL Nothing --seeds 2
        untrain run Digits DEL --price

    In a script, several workers need ``if __name__ == "__main__"``.

    Args:
        scenario: data, model and request, such as 'Digits(request=Random(fraction=0.1))'.
        methods: unlearners and recipes, such as DEL or 'NegGrad(alpha=0.9) @ WeightedGrad(keep=0.3)'.
        store: folder of models and outputs; None is ~/.untrain.
        out: folder of report.html, results.json and scores.csv, which replace those of the same problem; None writes none.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without the forget set.
        seed: seed from which all others are derived.
        device: device of models, such as 'cpu', 'cuda' or 'cuda:1'.
        threads: threads of each process; results depend on it.
        workers: number of processes; None is as many as fit the cores.
        images: whether the report shows examples of the forget set: images, texts or rows of a table.
        command: command line that the report shows.
        on_progress: function called with progress.
        precision: number format of gradient steps: 'float32', 'bfloat16', or 'auto' for bfloat16 where it is faster.
        compiled: compile models by torch.compile, which pays for long training.
        curves: keep loss, forget and retain accuracy of each method by step, on 32 examples of each set, and draw them; methods
            are made anew where the store has none with curves, and their time is not in the cost.
        budget: share of retraining's operations at which methods stop, such as '10%' or 0.1; None lets them finish.
        executor: executor that runs the work, such as 'Ray' or 'Processes(4)', or an open pool; None is this process or, with
            several workers, processes of this machine.
        looks: number of interim looks at the scores; training stops once no method's outcome is open.
        evaluators: evaluator to score by instead of one of each, such as 'KLoM(least=10)'.
        observers: observer that scores the models themselves, such as 'Relearn'.
        replace: replace even a report of another problem in ``out``.
        protocol: margins within which a method passes: 'screening', 'standard', 'strict', or one of your own, such as
            'Protocol(attack=Margin(absolute=0.03))'.
        log: logger that takes models, scores and, with ``curves``, steps, such as 'TensorBoard' or "JSONLines(path='log.jsonl')";
            `untrain loggers` lists them, and in Python a function of an ``Event`` is one too.

    Returns:
        The document of scores, with the price.

    Raises:
        BadInput: an argument is wrong; nothing was trained.
        MissingExtra: the library of ``executor`` is not installed.
        RunFailed: the work began and did not succeed.
    """
    import dataclasses

    from untrain.evaluation.protocols.protocol import protocol_of
    from untrain.experiments.observations import observers_of
    from untrain.experiments.pipeline import run_comparisons
    from untrain.experiments.run_options import ReportOptions, RunOptions, evaluators_of
    from untrain.reports.html.notebook import PriceDocument, RunDocument
    from untrain.runtime.loggers.base import logging_to

    comparison = dataclasses.replace(comparison_of(scenario, methods, seeds, oracles, seed), observers=observers_of(observers))
    chosen = executor_of(executor)
    setting = dataclasses.replace(setting_of(device, threads, precision, compiled, budget, chosen), curves=curves)
    shown, scorers = ReportOptions(out, images, command, replace), evaluators_of(evaluators)
    with logging_to(log, on_progress) as watched:
        options = RunOptions(setting, workers, chosen, watched, looks, scorers, protocol=protocol_of(protocol))
        whole = run_comparisons([comparison], store, options, shown)
    return RunDocument(whole["runs"][0] | {"price": PriceDocument(whole["price"])})


def price(
    scenario: str | Scenario | Sequence[str | Scenario], methods: str | Method | Iterable[str | Method] = (),
    store: str | Path | None = None, seeds: Count = 5, oracles: OracleCount = 12, seed: Seed = 0, device: str = "cpu",
    threads: Count = 1, workers: Count | None = 1, precision: str = "auto", compiled: bool = False,
    budget: str | float | None = None, executor: str | Executor | Pool | None = None, looks: Count = 1,
    protocol: str | Protocol = "standard", given: Count | None = None, curves: bool = False,
) -> Document:  # fmt: skip
    """Estimate what a run would cost: how many models it trains, how many the store has, and about how long it takes here.

    Nothing is trained; where the store has no record of this learner, a few gradient steps are timed. The arguments are those of
    ``run``. Without methods it is the price of the oracles alone, as of an audit.

    Returns:
        ``train``, ``stored``, ``seconds``, ``workers``, ``basis``, ``kinds``, and in one line ``told``.
    """
    import dataclasses

    from untrain.commands.arguments import oracles_alone
    from untrain.evaluation.protocols.protocol import protocol_of
    from untrain.experiments.pipeline import price_comparisons
    from untrain.experiments.run_options import RunOptions
    from untrain.reports.html.notebook import PriceDocument

    several = [scenario] if isinstance(scenario, str) or not isinstance(scenario, Sequence) else list(scenario)
    alone = isinstance(methods, Sequence) and not len(methods)
    comparisons = [oracles_alone(s, oracles, seed) if alone else comparison_of(s, methods, seeds, oracles, seed) for s in several]
    chosen = executor_of(executor)
    setting = dataclasses.replace(setting_of(device, threads, precision, compiled, budget, chosen), curves=curves)
    options = RunOptions(setting, workers, chosen, looks=looks, protocol=protocol_of(protocol))
    return PriceDocument(price_comparisons(comparisons, store, options, given))
