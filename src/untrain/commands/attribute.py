"""Training examples that made a model's outputs so: pictures, texts or numbers side by side, with how far to trust them.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import Count, Document, Seed, executor_of, scenario_of, setting_of
from untrain.core.errors import BadInput, SpecError, require_whole_numbers
from untrain.core.paths import user_path
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    import numpy as np

    from untrain.attribution.base import Attributor
    from untrain.attribution.estimation import Estimation
    from untrain.data.splits import Data
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.price import Price
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.scene import Scene
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.runtime.store import Store

    Places = np.ndarray[Any, Any]
    Listed = Sequence[int | str] | Places

ORIGINALS = 4  # whose mean outputs are attributed


def attribute(
    scenario: str | Scenario, ids: str | Listed | None = None, rows: str | Listed | None = None,
    attributor: str | Attributor = "Datamodels()", models: Count | None = None, held_out: Count = 64, top: Count = 5,
    out: str | Path | None = None, seed: Seed = 0, store: str | Path | None = None, device: str = "cpu", threads: Count = 1,
    workers: Count | None = 1, on_progress: OnProgress | None = None, executor: str | Executor | Pool | None = None,
    precision: str = "auto", images: bool = True, command: str = "", replace: bool = False, price: bool = False,
) -> Document:  # fmt: skip
    """List the training examples that caused an output.

    These are the training examples that raise and lower the margin of an example's label most. The models are those that
    ``DatamodelMatch`` uses for its effects: stored ones are not trained again.

    Examples:
        untrain attribute "FashionPCA(size=2000)" --out why --price
        untrain attribute Digits --ids 3,6 --rows 0,12 --models 1024

    Args:
        scenario: data and model, such as 'Digits' or 'FashionPCA(size=2000)'.
        ids: training examples to explain, such as '3,7', or a file of their ids; None selects, if no rows are named either, up to 4
            test examples that more than half of the originals get wrong and 4 of the forget set, those of the lowest margin.
        rows: test examples to explain, by their positions from 0, such as '0,12'; None explains only the ids.
        attributor: estimator, such as 'Datamodels()', 'MeanDifference()' or 'TRAK()'.
        models: number of models that it uses; None is 512 of a population, each trained on a random half, or 4 originals.
        held_out: number of models of each kind that check and scale the estimates, 20 or more.
        top: number of training examples shown each way.
        out: folder of attribute.html, attribute.json, attribute.csv and the whole table, attribute.npz; None writes nothing.
        seed: seed from which those of all models, and what they see, are derived.
        precision: number format of the training of originals: 'float32', 'bfloat16', or 'auto' for bfloat16 where it is faster.
        images: whether the page shows the examples themselves.
        price: whether to return the price and train nothing.

    Returns:
        The document: 'asked', of each example its margin and the training examples that 'raise' and 'lower' it, 'lds',
        'multipliers', 'rule' and 'price'.

    Raises:
        BadInput: an argument is wrong; nothing was trained.
        RunFailed: a model could not be trained.
    """
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.pipeline import check_options, open_pool
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.scheduler import make
    from untrain.reports.write import ATTRIBUTIONS
    from untrain.runtime.store import Store, is_store

    require_whole_numbers(held_out=held_out, top=top, seed=seed)
    if top < 1 or seed < 0:
        raise BadInput(f"top={top}, seed={seed}: at least 1 example each way and a seed from 0 are needed")
    request = _Request(ids, rows, _estimation(attributor, models, held_out, seed), top)
    chosen = executor_of(executor)
    options = RunOptions(setting_of(device, threads, precision, False, executor=chosen), workers, chosen, on_progress)
    by_models = request.estimation.attributor.needs == "models"
    count = max(ORIGINALS, request.estimation.sizes[0] if by_models else 0)
    originals = Comparison(scenario_of(scenario), (), count, 0, seed)
    page = ReportOptions(out, images, command, replace, ATTRIBUTIONS)
    check_options([originals], options, page)
    if price:
        return _price_unpaid(originals, request, Store(store) if is_store(store) else None, options).document()
    page.check(repr(originals.scenario))
    place = Store(store)
    with open_pool([originals], place, options) as pool:
        scene, spent = _open(originals, request, place, options, pool)
        cost = _price(originals, scene, request.estimation, place, options, pool.size, spent)
        options.say(cost.to_text())
        make([originals], [scene], place, options.setting, pool, on_progress)
        return _document(originals, scene, request, place, options, pool, page) | {"price": cost.document()}


@dataclass(frozen=True, eq=False)
class _Request:
    """A query: the examples to explain, who explains them, and how many values to show."""

    ids: Any
    rows: Any
    estimation: Estimation
    top: int

    def places(self, data: Data) -> Places | None:
        """Places of the examples, among training examples followed by test examples; None where a rule is to choose.

        Raises:
            BadInput: an id or a row is not there.
        """
        import numpy as np

        from untrain.attribution.base import check_rows

        parts = [] if self.ids is None else [_rows_of_ids(self.ids, data)]
        if self.rows is not None:
            parts.append(len(data.train) + check_rows(_numbers(self.rows), len(data.test), "rows"))
        return np.concatenate(parts) if parts else None

    def check(self, scenario: Scenario, data: Data) -> None:
        """Refuse what cannot be answered, before anything is trained."""
        from untrain.experiments.attributable import check_attributable
        from untrain.experiments.attribution_tables import EACH
        from untrain.experiments.scenarios.verbs import learner_of

        places = self.places(data)
        check_attributable(learner_of(scenario), data.train, self.estimation, 2 * EACH if places is None else len(places))


def _estimation(attributor: Any, models: int | None, held_out: int, seed: int) -> Estimation:
    """The settings to estimate effects.

    Raises:
        BadInput: it is not an attributor, or there are too few models.
    """
    from untrain.attribution.base import Attributor
    from untrain.attribution.estimation import HELD_OUT, Estimation
    from untrain.core.discovery import of_role
    from untrain.core.spec import parse

    parsed = parse(attributor) if isinstance(attributor, str) else attributor
    if not isinstance(parsed, Attributor):
        known = ", ".join(place.name for place in of_role("attributor"))
        raise SpecError(f"{parsed!r} is not an attributor; there is {known}")
    require_whole_numbers(**({} if models is None else {"models": models}))
    if models is not None and models < 1:
        raise BadInput(f"models={models}: at least 1 is needed")
    if held_out < HELD_OUT:
        raise BadInput(f"held_out={held_out}: a linear datamodeling score takes {HELD_OUT} models or more")
    estimation = Estimation(attributor=parsed, models=models, held_out=held_out, seed=seed)
    estimation.sizes  # noqa: B018  (refuses a population that is too small)
    return estimation


def _rows_of_ids(ids: Any, data: Data) -> Places:
    """Rows of training examples by ids that are listed, in a text with commas or in a file, in their order."""
    import numpy as np

    from untrain.data.id_index import IdIndex
    from untrain.data.id_lists import ids_in_file, ids_named
    from untrain.data.readers.id_files import KINDS, Reading
    from untrain.data.requests.ids import ids_of

    index, how = IdIndex(data.train.ids), Reading(heading=False, gone="refuse")
    if isinstance(ids, str) and user_path(ids).suffix.lower() in KINDS:
        named = ids_in_file(ids, index, Reading(gone="refuse"))
    else:
        words = [word.strip() for word in ids.split(",")] if isinstance(ids, str) else list(ids_of(ids))
        named = ids_named(words, index, "ids", how)
    if not named:
        raise BadInput("ids lists no example: name at least one, such as 3,7")
    row = {identity: at for at, identity in reversed(list(enumerate(data.train.ids.tolist())))}
    return np.array([row[identity] for identity in named])


def _numbers(rows: Any) -> Any:
    """Whole numbers of a text with commas, each once; anything else as it is."""
    if not isinstance(rows, str):
        return rows
    words = [word.strip() for word in rows.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):
        raise BadInput(f"rows={rows[:60]!r}: whole numbers from 0 are needed, such as 0,12")
    return list(dict.fromkeys(map(int, words)))


def _open(
    originals: Comparison, request: _Request, store: Store, options: RunOptions, pool: Pool
) -> tuple[Scene, list[Price]]:  # fmt: skip
    """The scene, once all has been checked, and what the ensemble costs that its request needed."""
    from untrain.experiments.attributions import check_deletes
    from untrain.experiments.draw_request import chooser
    from untrain.experiments.price import announce_ensemble
    from untrain.experiments.scene import Chosen, open_scene

    spent: list[Price] = []
    announce = announce_ensemble(store, options.setting, pool.size, lambda cost, _: spent.append(cost))
    draw = chooser(store, options.setting, pool, options.on_progress, announce)

    def choose(scenario: Scenario, data: Data) -> Chosen:
        request.check(scenario, data)
        return draw(scenario, data)

    scene = open_scene(originals.scenario, options.setting, choose)
    check_deletes(scene)
    return scene, spent


def _price_unpaid(originals: Comparison, request: _Request, store: Store | None, options: RunOptions) -> Price:
    """The price of all models, none of which is made."""
    from untrain.experiments.attributions import check_deletes
    from untrain.experiments.pipeline import expect_workers, open_unpaid_scene

    workers = expect_workers([originals], options)
    scene, ensemble = open_unpaid_scene(originals, options, store, workers)
    request.check(originals.scenario, scene.data)
    check_deletes(scene)
    spent = [] if ensemble is None else [ensemble]
    return _price(originals, scene, request.estimation, store, options, workers, spent)


def _price(
    originals: Comparison, scene: Scene, estimation: Estimation, store: Store | None, options: RunOptions, workers: int,
    spent: Sequence[Price],
) -> Price:  # fmt: skip
    """The price of the originals and of the models that effects are estimated from and checked by, after what was spent."""
    from functools import reduce

    from untrain.experiments.comparison import todo_of
    from untrain.experiments.effects_step import price_attribution
    from untrain.experiments.price import add_prices
    from untrain.experiments.price import price as price_models

    setting = options.setting
    others = price_models(todo_of([originals], [scene], setting), store, setting, workers)
    return reduce(add_prices, [*spent, price_attribution(scene, estimation, store, setting, workers), others])


def _document(
    originals: Comparison, scene: Scene, request: _Request, store: Store, options: RunOptions, pool: Pool, page: ReportOptions
) -> Document:  # fmt: skip
    """The answer, written to files where a folder is named."""
    import numpy as np

    from untrain.experiments.attribution_document import describe_attribution, show_examples
    from untrain.experiments.attribution_tables import DEFAULT_RULE, attribution_table, choose_asked
    from untrain.experiments.attributions import AttributionWork
    from untrain.experiments.jobs import load_originals
    from untrain.experiments.keys import Job, model_key
    from untrain.experiments.publish import publish_attribution
    from untrain.experiments.run_record import setting_facts

    setting, seed, data = options.setting, originals.seed, scene.data
    keys = [model_key(scene, Job("original", at), seed, setting) for at in range(ORIGINALS)]
    logits = np.stack([store.get(key).array("logits")[: len(data.train) + len(data.test)] for key in keys])  # type: ignore[union-attr]
    named = request.places(data)
    asked = choose_asked(scene, logits) if named is None else named

    def load(count: int) -> list[Any]:
        return load_originals(scene, seed, setting, store, count)

    work = AttributionWork(store, setting, load, pool, options.on_progress)
    table = attribution_table(scene, request.estimation, asked, seed, work)
    options.say(table.about)
    document = describe_attribution(scene, table.attribution, table.chance, asked, logits.mean(0), request.top) | {
        "originals": ORIGINALS, "rule": DEFAULT_RULE if named is None else "those that were named",
        "setting": {n: value for n, value in setting_facts(setting).items() if n not in ("compiled", "budget")},
    }  # fmt: skip
    if page.out is None:
        return document
    shown = show_examples(scene, document) if page.images else None
    return document | publish_attribution(document, table.attribution, shown, page, options.on_progress)
