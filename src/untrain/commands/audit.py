"""Scoring what someone else's code unlearned, with their oracles or ours.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import executor_of, oracles_alone, setting_of
from untrain.core.errors import BadInput, DataError

if TYPE_CHECKING:
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.observers.base import Observer
    from untrain.experiments.audits.populations import Given, GivenModels
    from untrain.experiments.pipeline import ReportOptions, RunOptions
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.scene import Scene
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.progress import Progress
    from untrain.runtime.store import Entry, Store

Document = dict[str, Any]
ALONE, SEVERAL = 19, 10  # oracles of ours: one checkpoint needs 19 for a test at 5 %
NO_ORACLE = (
    "no oracle was given: a score without models retrained without the forget set says nothing. Give their answers (--oracles "
    "FILE), or have them trained here: --scenario 'Custom(train=..., test=..., model=...)' --oracles 19"
)


def audit(
    unlearned: Any = None, oracles: Any = None, original: Any = None, labels: Any = None, sides: Any = None, ids: Any = None,
    forget: Any = None, retain: Any = None, test: Any = None, *, model: Any = (), oracle: Any = (),
    scenario: str | Scenario | None = None, easydub: str | Path | None = None, forget_set: int | None = None,
    name: str = "given", store: str | Path | None = None, out: str | Path | None = None, seed: int = 0, device: str = "cpu",
    threads: int = 1, workers: int | None = 1, images: bool = True, command: str = "",
    on_progress: Callable[[Progress], None] | None = None, precision: str = "auto",
    compiled: bool = False, executor: str | Executor | Pool | None = None,
    looks: int = 1, evaluators: str | Evaluator | Sequence[str | Evaluator] = (),
    observe: str | Observer | Sequence[str | Observer] = (),
) -> Document:  # fmt: skip
    """Score what someone else's code unlearned, with their oracles or ours.

    Answers are logits (m, n, c), those of one model (n, c), or margins (m, n): arrays, .npy, .npz or .safetensors files, folders
    of .npy files with one a model, or a mapping of these by side. With a scenario its order counts: training set, then test set.

    Args:
        unlearned: answers of the models that forgot.
        oracles: answers of retrained models, or with a scenario how many are to be trained here.
        original: answers of the models as they were before, for ceilings; with ``model`` their checkpoints.
        labels: one a row.
        sides: 'forget', 'retain' or 'test', one a row; a .csv file of two columns has ids and sides.
        ids: one a row; rows are numbered when there are none.
        forget: ids of the examples to forget, in the place of ``sides``.
        retain: ids of those that stayed; without them all that are neither forgotten nor tested on.
        test: ids of those that no model saw.
        model: checkpoints of models that forgot, in the place of ``unlearned``: .safetensors, or a state dict of ``torch.save``.
        oracle: checkpoints of retrained models, in the place of ``oracles``.
        scenario: data, model and request of the checkpoints; needed where something is to be trained or asked here.
        easydub: the folder of an EasyDUB data set, for the margins of its oracles and originals.
        forget_set: which of EasyDUB's forget sets.
        name: of the method, in tables and in the report.
        store: where models and answers are kept.
        out: folder of report.html, results.json and scores.csv; None writes none.
        seed: from which those of our oracles are derived.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes; None for as many as fit the cores.
        images: whether the report shows images of the forget set.
        command: shown in the report.
        on_progress: called with progress.
        precision: of gradient steps of our oracles.
        compiled: whether they are compiled.
        executor: who trains our oracles, as in ``run``.
        looks: how often scores are looked at while oracles are trained; it ends as soon as all of them are decided.
        evaluators: what scores; empty for one of each.
        observe: observers that look at the checkpoints and at retrained models too, such as 'ZRF'.

    Returns:
        The document of scores, as ``run`` gives it.

    Raises:
        BadInput: something is missing, wrong, or does not go together.
        RunFailed: an oracle could not be trained.
    """
    from untrain.experiments.audits.populations import GivenModels
    from untrain.experiments.observations import observers_of
    from untrain.experiments.pipeline import ReportOptions, RunOptions, evaluators_of

    told = GivenModels(labels, sides, ids, forget, retain, test)
    checkpoints = {"model": listing(model), "oracle": listing(oracle)}
    who = executor_of(executor)
    setting = setting_of(device, threads, precision, compiled, executor=who)
    way = RunOptions(setting, workers, who, on_progress, looks, evaluators_of(evaluators), observers_of(observe))
    page = ReportOptions(out, images, command)
    arrays = {"unlearned": unlearned, "oracles": oracles, "originals": original}
    if not name.strip():
        raise BadInput("the method has an empty name: leave --name out, or give it one")
    if easydub is not None:
        if scenario is not None or checkpoints["model"] or checkpoints["oracle"]:
            raise BadInput("EasyDUB's margins are compared with margins: leave the scenario and checkpoints out")
        arrays, told = with_easydub(arrays, told, easydub, forget_set)
    if scenario is None:
        return of_arrays(arrays, checkpoints, told, name, store, way, page)
    return of_scenario(scenario, arrays, checkpoints, told, name, store, way, page, seed)


def listing(given: Any) -> list[Any]:
    """One checkpoint or several, as a list."""
    return list(given) if isinstance(given, list | tuple) else [given]


def with_easydub(
    arrays: dict[str, Any], told: GivenModels, root: str | Path, forget_set: int | None
) -> tuple[dict[str, Any], GivenModels]:
    """The arrays with EasyDUB's oracles and originals in the place of those that were not given."""
    from untrain.experiments.audits.easydub import easydub

    if forget_set is None:
        raise BadInput("which of EasyDUB's forget sets was not told: --forget-set 1 to 10")
    found, side = easydub(root, forget_set)
    return {who: found.get(who) if given is None else given for who, given in arrays.items()}, replace(told, sides=side)


def of_arrays(
    arrays: Mapping[str, Any],
    checkpoints: Mapping[str, list[Any]],
    told: GivenModels,
    name: str,
    store: str | Path | None,
    way: RunOptions,
    page: ReportOptions,
) -> Document:
    """An audit of arrays alone."""
    from untrain.experiments.audits.populations import gathered
    from untrain.experiments.audits.store_models import answered, lay_arrays
    from untrain.experiments.pipeline import check_options
    from untrain.runtime.store import Store

    if checkpoints["model"] or checkpoints["oracle"]:
        raise BadInput("a checkpoint alone cannot be asked: name its data, model and request, --scenario 'Custom(...)'")
    if arrays["unlearned"] is None:
        raise BadInput("nothing to audit was given: --unlearned FILE with answers, or --model CHECKPOINT with --scenario")
    if arrays["oracles"] is None or number(arrays["oracles"]) is not None:
        raise DataError(NO_ORACLE)
    if way.observers:
        raise BadInput(f"{way.observers[0]!r} looks at models, and only answers were given: name checkpoints and their scenario")
    if way.looks != 1:
        raise BadInput(f"looks={way.looks}: all models are given, so there is nothing to train and to stop early")
    check_options([], way, page)
    given = gathered({who: a for who, a in arrays.items() if a is not None}, told)
    held = Store(store)
    keys = {who: answered(given, who, held) for who in given.models}
    models = models_of(keys["unlearned"], keys["oracles"], keys.get("originals", []), name)
    return published(
        lay_arrays(given, models, named(arrays["unlearned"]), held), held, way, page, nothing(sum(map(len, keys.values())))
    )


def of_scenario(
    scenario: Any, arrays: Mapping[str, Any], checkpoints: Mapping[str, list[Any]], told: GivenModels, name: str,
    store: str | Path | None,
    way: RunOptions, page: ReportOptions, seed: int,
) -> Document:  # fmt: skip
    """An audit on a scenario, which knows the examples, and by which models can be asked and trained."""
    from untrain.evaluation.validation import alike
    from untrain.experiments.comparison import oracles_of
    from untrain.experiments.interim_looks import plan_looks
    from untrain.experiments.observations import observe_models
    from untrain.experiments.pipeline import check_options, open_pool, open_scenes, report_price, run_looks
    from untrain.experiments.run_record import ModelCounts, save_run
    from untrain.experiments.scheduler import make
    from untrain.runtime.store import Store

    wanted = number(arrays["oracles"])
    check_asked(arrays, checkpoints, told, wanted)
    ours = wanted is not None or not (checkpoints["oracle"] or arrays["oracles"] is not None)
    first = oracles_alone(scenario, wanted or 2, seed)
    check_options([first], way, page)
    held = Store(store)
    with open_pool([first], held, way) as pool:
        (scene,) = open_scenes([first], way, held, pool, False)
        keys, kind, notes = foreign(arrays, checkpoints, scene, way, held, ours)
        count = len(keys["unlearned"])
        comparison = oracles_alone(scenario, wanted or (ALONE if count == 1 else SEVERAL), seed) if ours else first
        plan = plan_looks(count, comparison.oracles, way.looks, given=True) if ours else []
        cost = (
            report_price([comparison], [scene], held, way, pool.size).document() if ours else nothing(sum(map(len, keys.values())))
        )
        facts = ({} if kind == "logits" else {"answers": kind}) | ({"warnings": notes} if notes else {})

        def take(oracles: int, more: Mapping[str, Any]) -> Entry:
            if ours:
                some = oracles_alone(scenario, oracles, seed)
                make([some], [scene], held, way.setting, pool, way.on_progress)
                keys["oracles"] = oracles_of(some, scene, way.setting)
            shapes = [(who, (len(k), *shape_of(k[0], held))) for who, k in keys.items()]
            alike(shapes)
            models = models_of(keys["unlearned"], keys["oracles"], keys.get("originals", []), name)
            seen = observe_models(scene, way.observers, models, seed, held, way.setting)
            sizes = ModelCounts(count, len(keys["oracles"]), seed if ours else None)
            return save_run(scene, models, sizes, held, way.setting, {**facts, **seen, **more})

        entry = (
            take(comparison.oracles, {}) if way.looks == 1 else run_looks(plan, held, way, lambda at, more: take(at.oracles, more))
        )
    return published(entry, held, way, page, cost)


def check_asked(arrays: Mapping[str, Any], checkpoints: Mapping[str, list[Any]], told: GivenModels, wanted: int | None) -> None:
    """Refuse what does not go together on a scenario.

    Raises:
        BadInput: something is missing or was given twice.
    """
    extra = [f.name for f in fields(told) if getattr(told, f.name) is not None]
    if extra:
        raise BadInput(f"--{extra[0]} was given, and a scenario knows its examples: leave it out, or the scenario")
    if bool(checkpoints["model"]) == (arrays["unlearned"] is not None):
        raise BadInput("what is to be audited is needed once: --model CHECKPOINT, or --unlearned FILE with answers")
    if checkpoints["oracle"] and arrays["oracles"] is not None:
        raise BadInput("oracles were given twice: by --oracle and by --oracles; give one of the two")
    if wanted is not None and wanted < 2:
        raise BadInput(f"oracles={wanted}: at least 2 (for a floor) are needed")


def foreign(
    arrays: Mapping[str, Any], checkpoints: Mapping[str, list[Any]], scene: Scene, way: RunOptions, held: Store, ours: bool
) -> tuple[dict[str, list[str]], str, list[str]]:
    """Keys of all models that were given, of what kind their answers are, and notes."""
    from untrain.experiments.audits.populations import gathered
    from untrain.experiments.audits.store_models import answered, asked_of, frame_of

    keys: dict[str, list[str]] = {}
    named_so = {"unlearned": checkpoints["model"], "oracles": checkpoints["oracle"]}
    before = arrays["originals"]
    if before is not None and checkpoints["model"] and not answered_in(before):
        named_so["originals"] = listing(before)
    for who, several in named_so.items():
        if several:
            keys[who] = asked_of(several, scene, way.setting, who, held)
    rest = {
        who: a
        for who, a in arrays.items()
        if a is not None and who not in keys and not (who == "oracles" and number(a) is not None)
    }
    given: Given | None = gathered(rest, _nothing_told(), frame_of(scene)) if rest else None
    if given is not None:
        if given.kind != "logits" and (ours or keys):
            raise DataError("margins were given, and models that are asked here answer with logits: give logits (m, n, c)")
        keys |= {who: answered(given, who, held) for who in given.models}
    both = set(keys["unlearned"]) & set(keys.get("oracles", ()))
    if both:
        at = next(i for i, k in enumerate(keys["unlearned"]) if k in both)
        raise DataError(f"model {at} of the unlearned is among the oracles: what is compared with itself is always equal")
    return keys, given.kind if given else "logits", list(given.notes) if given else []


def answered_in(given: Any) -> bool:
    """Whether originals were given by their answers, not by checkpoints."""
    return hasattr(given, "dtype") or (isinstance(given, str | Path) and Path(given).suffix in (".npy", ".npz"))


def _nothing_told() -> GivenModels:
    from untrain.experiments.audits.populations import GivenModels

    return GivenModels()


def number(given: Any) -> int | None:
    """How many oracles are to be trained, where a number was given in place of answers."""
    if isinstance(given, str) and given.strip().isdigit():
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def named(given: Any) -> str:
    """What stands for the arrays of an audit where a run has its scenario; of a path its last part."""
    return f"arrays in {Path(given).name}" if isinstance(given, str | Path) and "=" not in str(given) else "arrays"


def models_of(unlearned: list[str], oracles: list[str], originals: list[str], name: str) -> Document:
    """The models of a run, as ``entries_of`` reads them."""
    return {"original": originals, "oracle": oracles, "methods": [{"method": name, "keys": unlearned}]}


def shape_of(key: str, held: Store) -> tuple[int, ...]:
    """Examples and classes of what a model answered."""
    entry = held.get(key)
    return () if entry is None else entry.array("logits").shape


def nothing(stored: int) -> Document:
    """The price of an audit in which nothing is trained."""
    from untrain.experiments.price import Price

    return Price(0, stored, 0.0, 1, "nothing", {"original": 0, "oracle": 0, "unlearned": 0}).document()


def published(entry: Entry, held: Store, way: RunOptions, page: ReportOptions, cost: Document) -> Document:
    """The document of a run that is laid down, its pages written."""
    from untrain.experiments.publish import publish

    document: Document = publish([entry], held, page.out, page.images, page.command, way.chosen)["runs"][0]
    return document | {"price": cost}
