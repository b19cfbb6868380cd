"""What one can do with untrain: each public function is an API and a command.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import comparison_of, executor_of, setting_of

if TYPE_CHECKING:
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.observers.base import Observer
    from untrain.experiments.keys import Method
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.progress import Progress

Document = dict[str, Any]
OnProgress = Callable[["Progress"], None]


def run(
    scenario: str | Scenario, methods: str | Method | Iterable[str | Method], store: str | Path | None = None,
    out: str | Path | None = None, seeds: int = 3, oracles: int = 6, seed: int = 0, device: str = "cpu", threads: int = 1,
    workers: int | None = 1, images: bool = True, command: str = "", on_progress: OnProgress | None = None, precision: str = "auto",
    compiled: bool = False, budget: str | float | None = None, executor: str | Executor | Pool | None = None, looks: int = 1,
    evaluators: str | Evaluator | Sequence[str | Evaluator] = (), observe: str | Observer | Sequence[str | Observer] = (),
) -> Document:  # fmt: skip
    """Train, forget, retrain oracles, audit, report.

    Args:
        scenario: data, learner and request.
        methods: unlearners and recipes; one or several.
        store: where models and answers are kept.
        out: folder of report.html, results.json and scores.csv; None writes none.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without the forget set.
        seed: from which all seeds are derived.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes; None for as many as fit the cores, which in a script asks for ``if __name__ == "__main__"``.
        images: whether the report shows images of the forget set.
        command: shown in the report.
        on_progress: called with progress.
        precision: of gradient steps: 'float32', 'bfloat16', or 'auto' for bfloat16 where the machine gains.
        compiled: whether models are compiled by torch.compile.
        budget: share of retraining's operations at which methods stop, such as '10%' or 0.1; None lets them finish.
        executor: who does the work, such as 'Ray' or ``Processes(4)``, or an open pool; None for this process or, with several
            workers, processes of this machine.
        looks: how often scores are looked at while models are made; it ends as soon as all of them are decided.
        evaluators: what scores, such as 'KLoM(least=10)'; empty for one of each.
        observe: observers that look at the models too, such as 'Relearn'.

    Returns:
        The document of scores, with the price that was told before.

    Raises:
        BadInput: something asked for cannot be had; nothing was trained.
        MissingExtra: the library of ``executor`` is not installed.
        RunFailed: the work was begun and did not succeed.
    """
    from dataclasses import replace

    from untrain.experiments.observations import observers_of
    from untrain.experiments.pipeline import ReportOptions, RunOptions, evaluators_of, run_comparisons

    made = replace(comparison_of(scenario, methods, seeds, oracles, seed), observers=observers_of(observe))
    who = executor_of(executor)
    setting = setting_of(device, threads, precision, compiled, budget, who)
    way = RunOptions(setting, workers, who, on_progress, looks, evaluators_of(evaluators))
    found = run_comparisons([made], store, way, ReportOptions(out, images, command))
    document: Document = found["runs"][0] | {"price": found["price"]}
    return document


def price(
    scenario: str | Scenario | Sequence[str | Scenario], methods: str | Method | Iterable[str | Method] = (),
    store: str | Path | None = None, seeds: int = 3, oracles: int = 6, seed: int = 0, device: str = "cpu", threads: int = 1,
    workers: int | None = 1, precision: str = "auto", compiled: bool = False, budget: str | float | None = None,
    executor: str | Executor | Pool | None = None, looks: int = 1,
) -> Document:  # fmt: skip
    """What a run would cost: how many models, of which how many are in the store, and about how long that takes here.

    Nothing is trained, but for a few gradient steps to be timed where the store has no record of this learner. The arguments
    are those of ``run``. Without methods it is the price of the oracles alone, as of an audit.

    Returns:
        ``train``, ``stored``, ``seconds``, ``workers``, ``basis``, ``kinds``, and in one line ``told``.
    """
    from untrain.commands.arguments import oracles_alone
    from untrain.experiments.pipeline import RunOptions, price_comparisons

    several = [scenario] if isinstance(scenario, str) or not isinstance(scenario, Sequence) else list(scenario)
    alone = isinstance(methods, Sequence) and not len(methods)
    made = [oracles_alone(s, oracles, seed) if alone else comparison_of(s, methods, seeds, oracles, seed) for s in several]
    who = executor_of(executor)
    setting = setting_of(device, threads, precision, compiled, budget, who)
    return price_comparisons(made, store, RunOptions(setting, workers, who, looks=looks))
