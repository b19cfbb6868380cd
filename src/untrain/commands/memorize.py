"""Memorization of each training example by a scenario's learner: estimates of an ensemble, written by id.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, Seed, executor_of, scenario_of, setting_of
from untrain.core.atomic_write import atomic_write
from untrain.core.environment import absolute
from untrain.core.errors import BadInput, DataError, require_whole_numbers
from untrain.core.paths import user_path
from untrain.runtime.progress import OnProgress, say

if TYPE_CHECKING:
    from untrain.attribution.memorization import MemorizationEstimate
    from untrain.data.examples import Examples
    from untrain.data.requests.base import Ensemble
    from untrain.data.splits import Data
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.price import Price
    from untrain.experiments.run_options import RunOptions
    from untrain.experiments.scenarios.base import Scenario
    from untrain.reports.write import EarlierFiles
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.store import Store

COLUMNS = ("error", "low", "high", "saw", "missed")


def memorize(
    scenario: str | Scenario, out: str | Path | None = None, models: Count = 64, seed: Seed = 0, store: str | Path | None = None,
    device: str = "cpu", threads: Count = 1, workers: Count | None = 1, on_progress: OnProgress | None = None,
    executor: str | Executor | Pool | None = None, price: bool = False, replace: bool = False,
) -> Document:  # fmt: skip
    """Estimate how much models memorize each training example.

    Examples:
        untrain memorize "Digits(model=MLP(width=8))" --models 64 --out scores.csv
        untrain memorize Digits --models 128 --price

    The scenario's learner trains models on random halves of the training data; stored ones are not trained again, and
    ``Memorized`` without a file uses the same models, whichever end it takes. The scenario's own request plays no part.

    Args:
        scenario: data and model, such as 'Digits(noise=Flip(rate=0.1))'.
        out: file of scores by id, .csv or .npz; None writes none.
        models: number of models, 16 or more, each trained on a random half.
        price: whether to return the price and train nothing.
        replace: replace even scores of other examples in ``out``.

    Returns:
        The document: 'examples', 'mean' and spread of memorization, 'error' (quantiles of standard errors), 'of' and 'about' (what
        memorization is a difference in, such as accuracy, by the scenario's task), and the 'price'.

    Raises:
        BadInput: an argument is wrong; nothing was trained.
    """
    from untrain.data.requests._ranking import LEAST
    from untrain.data.requests.base import Ensemble
    from untrain.experiments.pipeline import check_options
    from untrain.experiments.run_options import ReportOptions, RunOptions

    require_whole_numbers(models=models, seed=seed)
    if models < LEAST or seed < 0:
        raise BadInput(f"models={models}, seed={seed}: at least {LEAST} models and a seed from 0 are needed")
    file = None if out is None else user_path(out)
    if file is not None and file.suffix.lower() not in (".csv", ".npz"):
        raise BadInput(f"scores are written to .csv or .npz, and {str(out)!r} is neither")
    if file is not None and not absolute(file).parent.is_dir():
        raise BadInput(f"there is no folder {absolute(file).parent} to write {file.name} into")
    chosen = executor_of(executor)
    setting = setting_of(device, threads, "float32", False, executor=chosen)
    options = RunOptions(setting, workers, chosen, on_progress)
    check_options([_without_methods(scenario)], options, ReportOptions())
    way = _ScoreFile(file, replace)
    if not price:
        way.check()
    return _estimate(scenario_of(scenario), Ensemble(models, seed), store, options, way, price)


@dataclass(frozen=True)
class _ScoreFile:
    """The file of scores, None for none, and whether it may replace scores of other examples."""

    path: Path | None
    replace: bool

    def check(self, train: Examples | None = None) -> str:
        """Say which earlier scores are replaced; refuse a file that is not ours, or is about other examples than these."""
        from untrain.reports.write import what_is_replaced

        if self.path is None:
            return ""
        problems = None if train is None else {_problem(train.ids.tolist())}
        return what_is_replaced(self.path.parent, (self.path.name,), problems, self.replace, _earlier)


def _earlier(file: Path) -> EarlierFiles | None:
    from untrain.data.examples import MEMORIZATION
    from untrain.data.readers.score_files import ids_of_table
    from untrain.reports.write import EarlierFiles

    ids = ids_of_table(file, ("id", MEMORIZATION, *COLUMNS))
    if ids is None:
        return None
    return EarlierFiles(f"{len(ids):,} examples", frozenset({_problem(ids)}), "; the same `untrain memorize` makes it again")


def _problem(ids: Sequence[object]) -> str:
    """The examples that scores are about, by their ids."""
    from untrain.core.spec import digest

    return digest(sorted(map(str, ids)))


def _without_methods(scenario: str | Scenario) -> Comparison:
    from untrain.experiments.comparison import Comparison

    return Comparison(scenario_of(scenario), (), 0, 0)


def _estimate(
    scenario: Scenario, ensemble: Ensemble, store: str | Path | None, options: RunOptions, file: _ScoreFile, price: bool
) -> Document:
    import numpy as np

    from untrain.experiments.draw_request import EnsembleOptions, count_missing_members, train_ensemble
    from untrain.experiments.pipeline import open_pool
    from untrain.experiments.populations.population import memorization
    from untrain.experiments.scenarios.verbs import loaded
    from untrain.models.tasks.base import success_of
    from untrain.runtime.store import Store, is_store

    data = loaded(scenario)
    out = file.path
    if out is not None and len(np.unique(data.train.ids)) < len(data.train):
        raise DataError("several training examples have the same id, and a file has one score per id: Memorized() needs no file")
    place = Store(store) if not price or is_store(store) else None
    count = count_missing_members(scenario, data, ensemble, place, options.setting), ensemble.models
    if price or place is None:
        return _price(scenario, data, count, place, options, options.workers or 1).document()
    file.check(data.train)
    with open_pool([_without_methods(scenario)], place, options) as pool:
        cost = _price(scenario, data, count, place, options, pool.size)
        options.say(cost.to_text())
        means = EnsembleOptions(place, options.setting, pool, options.on_progress)
        population = train_ensemble(scenario, data, ensemble, means)
    estimate, success = memorization(population), success_of(population.task)
    if out is not None:
        say(options.on_progress, file.check(data.train))
        write(out, data.train, estimate)
    quantiles = {"spread": (estimate.value, (0.1, 0.5, 0.9, 0.99)), "error": (estimate.error, (0.5, 0.9, 1.0))}
    return {
        "scenario": repr(scenario), "models": ensemble.models, "seed": ensemble.seed, "examples": len(estimate.value),
        "of": success.mean, "about": success.about, "mean": float(estimate.value.mean()),
        "out": None if out is None else str(out), "price": cost.document(),
        **{name: {f"{q:g}": float(np.quantile(of, q)) for q in shares} for name, (of, shares) in quantiles.items()},
    }  # fmt: skip


def _price(scenario: Scenario, data: Data, count: tuple[int, int], store: Store | None, options: RunOptions, workers: int) -> Price:
    """Price of the missing models, of all; there is no request, so any example stands for the forget set."""
    from untrain.data.requests.base import ForgetSet
    from untrain.experiments.price import price_of
    from untrain.experiments.scene import Chosen, scene_of

    scene = scene_of(scenario, data, Chosen(ForgetSet((0,), (), "")), options.setting)
    return price_of(*count, scene, store, options.setting, workers)


def write(file: Path, train: Examples, estimate: MemorizationEstimate) -> None:
    """Write memorization and its precision by id; the file is written whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    import csv

    import numpy as np

    from untrain.core.escapes import csv_row
    from untrain.data.examples import MEMORIZATION

    table = {"id": train.ids, MEMORIZATION: estimate.value} | {name: getattr(estimate, name) for name in COLUMNS}
    try:
        with atomic_write(file) as work:
            if file.suffix.lower() == ".npz":
                with work.open("wb") as binary:  # a path not ending in .npz as it is spelled here would be given another name
                    np.savez(binary, **{n: a.astype(str) if a.dtype == object else a for n, a in table.items()})
            else:
                with work.open("w", newline="", encoding="utf-8", errors="surrogatepass") as text:
                    rows = csv.writer(text)
                    rows.writerow(table)
                    rows.writerows(map(csv_row, zip(*(column.tolist() for column in table.values()), strict=True)))
    except OSError as error:
        raise DataError(f"cannot write scores to {file}: {error.strerror or error}") from None
