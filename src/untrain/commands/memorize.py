"""How much a scenario's learner memorizes each training example: an ensemble asked, its scores written by id.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import executor_of, scenario_of, setting_of
from untrain.core.atomic_write import atomic_write
from untrain.core.errors import BadInput, DataError, whole

if TYPE_CHECKING:
    from untrain.attribution.memorization import MemorizationEstimate
    from untrain.data.examples import Examples
    from untrain.data.requests.base import Ensemble
    from untrain.data.splits import Data
    from untrain.experiments.pipeline import RunOptions
    from untrain.experiments.price import Price
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.progress import Progress
    from untrain.runtime.store import Store

Document = dict[str, Any]
COLUMNS = ("error", "low", "high", "saw", "missed")


def memorize(
    scenario: str | Scenario, out: str | Path | None = None, models: int = 64, seed: int = 0, store: str | Path | None = None,
    device: str = "cpu", threads: int = 1, workers: int | None = 1, on_progress: Callable[[Progress], None] | None = None,
    executor: str | Executor | Pool | None = None, price: bool = False,
) -> Document:  # fmt: skip
    """Estimate how much each training example of a scenario is memorized, and write it by id, for ``Memorized(scores=...)``.

    Its learner trains models on random halves of the training data; what the store has of them is not trained again, and
    ``Memorized`` and ``LeastMemorized`` without a file ask the same models. The scenario's own request plays no part.

    Args:
        scenario: data and learner.
        out: file of scores, .csv or .npz; None writes none.
        models: number of models, 16 at least.
        seed: of halves and training.
        store: where their answers are kept.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes; None for as many as fit the cores.
        on_progress: called with progress.
        executor: who does the work, such as 'Ray' or ``Processes(4)``, or an open pool; None for this process or, with several
            workers, processes of this machine.
        price: whether to tell what it would cost and train nothing.

    Returns:
        The document: 'examples', 'mean' and spread of memorization, 'error' (quantiles of standard errors), and the 'price'.

    Raises:
        BadInput: something asked for cannot be had; nothing was trained.
    """
    from untrain.data.requests._ranking import LEAST
    from untrain.data.requests.base import Ensemble
    from untrain.experiments.pipeline import ReportOptions, RunOptions, check_options

    whole(models=models, seed=seed)
    if models < LEAST or seed < 0:
        raise BadInput(f"models={models}, seed={seed}: at least {LEAST} models and a seed from 0 are needed")
    if out is not None and Path(out).suffix.lower() not in (".csv", ".npz"):
        raise BadInput(f"scores are written to .csv or .npz, and {str(out)!r} is neither")
    if out is not None and not Path(out).resolve().parent.is_dir():
        raise BadInput(f"there is no folder {Path(out).resolve().parent} to write {Path(out).name} into")
    who = executor_of(executor)
    way = RunOptions(setting_of(device, threads, "float32", False, executor=who), workers, who, on_progress)
    check_options([_alone(scenario)], way, ReportOptions())
    return _estimated(scenario_of(scenario), Ensemble(models, seed), store, way, out, price)


def _alone(scenario: Any) -> Any:
    from untrain.experiments.comparison import Comparison

    return Comparison(scenario_of(scenario), (), 0, 0)


def _estimated(
    scenario: Scenario, ensemble: Ensemble, store: str | Path | None, way: RunOptions, out: str | Path | None, price: bool
) -> Document:
    import numpy as np

    from untrain.experiments.draw_request import EnsembleOptions, count_missing_members, train_ensemble
    from untrain.experiments.pipeline import open_pool
    from untrain.experiments.populations.population import memorization
    from untrain.runtime.store import Store, is_store

    found = scenario.load()
    if out is not None and len(np.unique(found.train.ids)) < len(found.train):
        raise DataError("several training examples bear the same id, and a file has one score an id: Memorized() needs no file")
    held = Store(store) if not price or is_store(store) else None
    lacking = count_missing_members(scenario, found, ensemble, held, way.setting)
    if price or held is None:
        return _price(scenario, found, (lacking, ensemble.models), held, way, way.workers or 1).document()
    with open_pool([_alone(scenario)], held, way) as pool:
        cost = _price(scenario, found, (lacking, ensemble.models), held, way, pool.size)
        way.say(cost.to_text())
        owed = memorization(train_ensemble(scenario, found, ensemble, EnsembleOptions(held, way.setting, pool, way.on_progress)))
    if out is not None:
        write(Path(out), found.train, owed)
    quantiles = {"spread": (owed.value, (0.1, 0.5, 0.9, 0.99)), "error": (owed.error, (0.5, 0.9, 1.0))}
    return {
        "scenario": repr(scenario), "models": ensemble.models, "seed": ensemble.seed, "examples": len(owed.value),
        "mean": float(owed.value.mean()), "out": None if out is None else str(out), "price": cost.document(),
        **{name: {f"{q:g}": float(np.quantile(of, q)) for q in shares} for name, (of, shares) in quantiles.items()},
    }  # fmt: skip


def _price(scenario: Scenario, found: Data, count: tuple[int, int], held: Store | None, way: RunOptions, workers: int) -> Price:
    """What the models that are missing cost, of all; nothing is asked to be forgotten, so any example stands for it."""
    from untrain.data.requests.base import ForgetSet
    from untrain.experiments.price import price_of
    from untrain.experiments.scene import Chosen, scene_of

    scene = scene_of(scenario, found, Chosen(ForgetSet((0,), (), "")), way.setting)
    return price_of(*count, scene, held, way.setting, workers)


def write(file: Path, train: Examples, owed: MemorizationEstimate) -> None:
    """Write memorization by id, with what is known of its precision; the file is there whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    import csv

    import numpy as np

    from untrain.data.examples import MEMORIZATION

    table = {"id": train.ids, MEMORIZATION: owed.value} | {name: getattr(owed, name) for name in COLUMNS}
    try:
        with atomic_write(file) as work:
            if file.suffix.lower() == ".npz":
                with work.open("wb") as binary:  # a path not ending in .npz as it is spelled here would be given another name
                    np.savez(binary, **{n: a.astype(str) if a.dtype == object else a for n, a in table.items()})
            else:
                with work.open("w", newline="", encoding="utf-8") as text:
                    rows = csv.writer(text)
                    rows.writerow(table)
                    rows.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
    except OSError as error:
        raise DataError(f"cannot write scores to {file}: {error.strerror or error}") from None
