"""What one can do with untrain: each public function is an API and a command.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import comparison_of, setting_of, whole
from untrain.commands.audit import audit as audit
from untrain.commands.catalog import evaluators as evaluators
from untrain.commands.catalog import localizers as localizers
from untrain.commands.catalog import methods as methods
from untrain.commands.catalog import observers as observers
from untrain.commands.catalog import scenarios as scenarios
from untrain.commands.catalog import show as show
from untrain.commands.localize import localize as localize
from untrain.commands.memorize import memorize as memorize
from untrain.core.errors import BadInput, StoreError

if TYPE_CHECKING:
    from untrain.core.roles import Scenario
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.observers.base import Observer
    from untrain.experiments.jobs import Method
    from untrain.runtime.executors.processes import Crew
    from untrain.runtime.progress import Progress

Document = dict[str, Any]
Tell = Callable[["Progress"], None]

HOME = Path("~/.untrain")

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
    store: str | Path = HOME, out: str | Path = "untrain-demo", seeds: int = 5, oracles: int = 10, seed: int = 0,
    workers: int | None = None, images: bool = True, command: str = "untrain demo", tell: Tell | None = None,
    on: str | Crew = "here",
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
        tell: told of progress.
        on: who does the work: 'here', 'ray', 'ray=HOST:PORT', 'slurm', 'slurm=PARTITION', 'slurm-local', or a crew.
    """
    from untrain.experiments.jobs import Setting
    from untrain.experiments.pipeline import Page, Way, conducted

    made = [comparison_of(s, DEMO, seeds, oracles, seed) for s in DEMO_SCENARIOS]
    return conducted(made, store, Way(Setting(), workers, on, tell), Page(out, images, command))


def run(
    scenario: str | Scenario, methods: str | Method | Iterable[str | Method], store: str | Path = HOME,
    out: str | Path | None = None, seeds: int = 3, oracles: int = 6, seed: int = 0, device: str = "cpu", threads: int = 1,
    workers: int | None = 1, images: bool = True, command: str = "", tell: Tell | None = None, precision: str = "auto",
    compiled: bool = False, budget: str | float | None = None, on: str | Crew = "here", looks: int = 1,
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
        tell: told of progress.
        precision: of gradient steps: 'float32', 'bfloat16', or 'auto' for bfloat16 where the machine gains.
        compiled: whether models are compiled by torch.compile.
        budget: share of retraining's operations at which methods stop, such as '10%' or 0.1; None lets them finish.
        on: who does the work: 'here', 'ray', 'ray=HOST:PORT', 'slurm', 'slurm=PARTITION', 'slurm-local', or a crew.
        looks: how often scores are looked at while models are made; it ends as soon as all of them are decided.
        evaluators: what scores, such as 'KLoM(least=10)'; empty for one of each.
        observe: observers that look at the models too, such as 'Relearn'.

    Returns:
        The document of scores, with the price that was told before.

    Raises:
        BadInput: something asked for cannot be had; nothing was trained.
        MissingExtra: the library of ``on`` is not installed.
        RunFailed: the work was begun and did not succeed.
    """
    from dataclasses import replace

    from untrain.experiments.observations import observers_of
    from untrain.experiments.pipeline import Page, Way, conducted, evaluators_of

    made = replace(comparison_of(scenario, methods, seeds, oracles, seed), observers=observers_of(observe))
    setting = setting_of(device, threads, precision, compiled, budget, away=on != "here")
    way = Way(setting, workers, on, tell, looks, evaluators_of(evaluators))
    found = conducted([made], store, way, Page(out, images, command))
    document: Document = found["runs"][0] | {"price": found["price"]}
    return document


def price(
    scenario: str | Scenario | Sequence[str | Scenario], methods: str | Method | Iterable[str | Method] = (),
    store: str | Path = HOME, seeds: int = 3, oracles: int = 6, seed: int = 0, device: str = "cpu", threads: int = 1,
    workers: int | None = 1, precision: str = "auto", compiled: bool = False, budget: str | float | None = None,
    on: str | Crew = "here", looks: int = 1,
) -> Document:  # fmt: skip
    """What a run would cost: how many models, of which how many are in the store, and about how long that takes here.

    Nothing is trained, but for a few gradient steps to be timed where the store has no record of this learner. The arguments
    are those of ``run``. Without methods it is the price of the oracles alone, as of an audit.

    Returns:
        ``train``, ``stored``, ``seconds``, ``workers``, ``basis``, ``kinds``, and in one line ``told``.
    """
    from untrain.commands.arguments import oracles_alone
    from untrain.experiments.pipeline import Way, asked_price

    several = [scenario] if isinstance(scenario, str) or not isinstance(scenario, Sequence) else list(scenario)
    alone = isinstance(methods, Sequence) and not len(methods)
    made = [oracles_alone(s, oracles, seed) if alone else comparison_of(s, methods, seeds, oracles, seed) for s in several]
    setting = setting_of(device, threads, precision, compiled, budget, away=on != "here")
    return asked_price(made, store, Way(setting, workers, on, looks=looks))


def report(
    runs: Sequence[str] = (),
    store: str | Path = HOME,
    out: str | Path = "untrain-report",
    images: bool = True,
    command: str = "untrain report",
    evaluators: str | Evaluator | Sequence[str | Evaluator] = (),
) -> Document:
    """The scores and the page again, from stored arrays: no model, no GPU.

    Args:
        runs: keys of runs (a beginning will do), or folders that an earlier command wrote; empty takes the latest run.
        store: where the runs are.
        out: folder of report.html, results.json and scores.csv.
        images: whether the report shows images of the forget set.
        command: shown in the report.
        evaluators: what scores, such as 'KLoM(least=10)'; empty for one of each.
    """
    from untrain.experiments.pipeline import evaluators_of
    from untrain.experiments.publish import find, publish
    from untrain.runtime.store import Store

    chosen = list(evaluators_of(evaluators)) or None

    if not (Path(store).expanduser() / "STORE.json").exists():
        raise StoreError(f"there is no store at {store}: name another --store")
    held = Store(store)
    return publish([entry for word in (runs or ["latest"]) for entry in find(word, held)], held, out, images, command, chosen)


def search(
    scenario: str | Scenario, method: str | Method, store: str | Path = HOME, out: str | Path | None = None, trials: int = 30,
    seeds: int = 2, objective: str = "balanced", over: str | Sequence[str] = (), seed: int = 0, device: str = "cpu",
    threads: int = 1, workers: int = 1, command: str = "", tell: Tell | None = None, precision: str = "auto",
) -> Document:  # fmt: skip
    """Choose values for a method's fields on validation data; neither test data nor, unless asked for, oracles are seen.

    Args:
        scenario: data, learner and request.
        method: an unlearner or a recipe; fields that are not searched stay as they are in it.
        store: where what was tried is kept; the same search goes on there.
        out: folder of search.json and search.csv; None writes none.
        trials: in all, those of earlier starts included.
        seeds: number of original models that each trial is averaged over; a bad one ends earlier.
        objective: 'balanced', 'repair', 'valid' or 'oracle', which looks at retrained models.
        over: fields to search, as 'NAME', 'NAME=LOW..HIGH' or 'NAME=FIRST,SECOND'; empty for those that usually matter.
        seed: from which all seeds are derived.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes; with several, what is tried depends on which is faster.
        command: shown in search.json.
        tell: told of progress.
        precision: of gradient steps: 'float32', 'bfloat16', or 'auto' for bfloat16 where the machine gains.

    Raises:
        MissingExtra: optuna is not installed.
        RunFailed: no trial was finished.
    """
    from untrain.experiments.search.results import sought
    from untrain.experiments.search.study import hunt_of

    whole(workers=workers)
    hunt = hunt_of(comparison_of(scenario, [method], seeds, 2, seed), objective, over, trials)
    return sought(hunt, setting_of(device, threads, precision, False), store, out, workers, command, tell)


def check(name: str) -> list[Document]:
    """Hold a plug-in to what its role promises.

    A dotted name is imported, which runs the code of its module.

    Args:
        name: a class's name, or the dotted name of a module or class of your own.
    """
    from untrain.commands import check as checks

    return [
        {"method": cls.__name__, "promise": verdict.promise, "error": str(verdict.error) if verdict.error else None}
        for cls in checks.named(name)
        for verdict in checks.check(cls)
    ]


def store(path: str | Path, prune: bool = False, older_than: float | None = None, verify: bool = False) -> Document:
    """What a store holds and how large it is; with ``prune`` what is older than ``older_than`` days goes.

    Args:
        path: the store.
        prune: whether to remove entries.
        older_than: days; needed with ``prune``, 0 removes everything.
        verify: whether to compare each file with the digest it was written with.
    """
    from untrain.runtime.store import Store

    if not (Path(path).expanduser() / "STORE.json").exists():
        raise StoreError(f"there is no store at {path}: name another --store")
    if prune and older_than is None:
        raise BadInput("--prune needs --older-than DAYS; --older-than 0 removes everything")
    held = Store(path)
    gone = held.prune((older_than or 0.0) * 86400) if prune else (0, 0)
    rows = held.entries()
    kinds = sorted({r["kind"] for r in rows})
    sizes = {
        k: {"entries": sum(r["kind"] == k for r in rows), "bytes": sum(r["bytes"] for r in rows if r["kind"] == k)} for k in kinds
    }
    told = {"store": str(held.path), "kinds": sizes, "bytes": sum(r["bytes"] for r in rows), "entries": len(rows)}
    damaged = held.verify() if verify else None
    return told | {
        "pruned": {"entries": gone[0], "bytes": gone[1]},
        "damaged": damaged,
        "runs": [r for r in rows if r["kind"] == "run"],
    }
