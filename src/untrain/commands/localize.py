"""Masks of localizers on a scenario: by layer, how much they overlap, and how stable they are.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, Seed, scenario_of, setting_of, several
from untrain.core.errors import BadInput, SpecError, require_whole_numbers
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.run_options import RunOptions
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.scene import Scene
    from untrain.localizers.base import Localizer
    from untrain.runtime.store import Entry, Store
    from untrain.unlearners.base import Recipe, Unlearner

    Localizing = Localizer | Unlearner | Recipe

Masks = dict[tuple[int, int, int | None], "Entry"]  # (localizer, original, part) -> the entry of the mask


def localize(
    scenario: str | Scenario, localizers: str | Localizing | Iterable[str | Localizing], store: str | Path | None = None,
    seeds: Count = 3, seed: Seed = 0, device: str = "cpu", threads: Count = 1, workers: Count | None = 1,
    on_progress: OnProgress | None = None, precision: str = "auto", out: str | Path | None = None, command: str = "",
    replace: bool = False,
) -> Document:  # fmt: skip
    """Compare localizers: which layers they select, how stably.

    The document also has the overlap of their masks. Originals and masks come from the store, or are made and stored.

    Examples:
        untrain localize Digits DEL Deepest "Gradient(keep=0.3)"
        untrain localize Digits Fisher RandomMask --seeds 3 --out masks

    Args:
        localizers: localizers, such as Deepest or 'WeightedGrad(keep=0.1)', or recipes and expressions that have one, such as DEL.
        store: folder of models and masks; None is ~/.untrain.
        seeds: number of original models.
        precision: number format of the training of originals: 'float32', 'bfloat16', or 'auto' for bfloat16 where it is faster.
        out: folder of localize.html, localize.json and localize.csv; None writes nothing.

    Returns:
        The document: 'results' by localizer, and 'overlap' by pair of localizers.

    Raises:
        BadInput: an argument is wrong; nothing was trained.
        RunFailed: an original could not be trained.
    """
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.pipeline import check_options, open_pool, open_scenes
    from untrain.experiments.publish import publish_masks
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.run_record import setting_facts
    from untrain.experiments.scheduler import make
    from untrain.reports.write import MASKS
    from untrain.runtime.store import Store

    require_whole_numbers(seeds=seeds, seed=seed)
    if seeds < 1:
        raise BadInput(f"seeds={seeds}: at least 1 is needed")
    parsed = localizers_of(localizers)
    originals = Comparison(scenario_of(scenario), (), seeds, 0, seed)
    options = RunOptions(setting_of(device, threads, precision, False), workers, on_progress=on_progress)
    page = ReportOptions(out, command=command, replace=replace, names=MASKS)
    check_options([originals], options, page)
    page.check(repr(originals.scenario))
    place = Store(store)
    with open_pool([originals], place, options) as pool:
        (scene,) = open_scenes([originals], options, place, pool, False, localizers=parsed)
        make([originals], [scene], place, options.setting, pool, on_progress)
    masks = _masks(scene, parsed, originals, options, place)
    rows = [_row(at, one, masks, seeds) for at, one in enumerate(parsed)]
    pairs = [_pair(parsed, pair, masks, seeds) for pair in combinations(range(len(parsed)), 2)]
    counts: dict[str, list[int]] = next((e.record["layers"] for e in masks.values() if not e.record.get("error")), {})
    document = {
        "scenario": repr(originals.scenario), "seeds": seeds, "seed": seed, "forget": len(scene.forget_set.rows),
        "parameters": sum(size for _, size in counts.values()), "results": rows, "overlap": [p for p in pairs if p is not None],
        "setting": {n: value for n, value in setting_facts(options.setting).items() if n not in ("compiled", "budget")},
        "warnings": list(scene.notes),
    }  # fmt: skip
    return document if out is None else document | {"report": publish_masks(document, out, command, replace, on_progress)}


def localizers_of(named: str | Localizing | Iterable[str | Localizing]) -> list[Localizer]:
    """Parse localizers, and take those of expressions and recipes.

    Raises:
        SpecError: there is none, one has no localizer, or one comes twice.
    """
    from untrain.core.spec import canonical, parse
    from untrain.localizers.base import Localizer
    from untrain.unlearners.base import Localized, Recipe

    localizers = []
    for one in [parse(each) if isinstance(each, str) else each for each in several(named)]:
        expanded = one.expand() if isinstance(one, Recipe) else one
        localizer = expanded.localizer if isinstance(expanded, Localized) else expanded
        if not isinstance(localizer, Localizer):
            raise SpecError(f"{one!r} is not a localizer and has none; `untrain localizers` lists them")
        localizers.append(localizer)
    if not localizers:
        raise SpecError("no localizer was named: give at least one, such as WeightedGrad or Deepest")
    if len(set(map(canonical, localizers))) < len(localizers):
        raise SpecError(f"a localizer is named twice: {[repr(each) for each in localizers]}")
    return localizers


def _masks(scene: Scene, localizers: Sequence[Localizer], originals: Comparison, options: RunOptions, store: Store) -> Masks:
    """Make every mask: of each localizer on each original, from the whole forget set and from parts of it."""
    import time

    from untrain.core.precision import computing
    from untrain.experiments.keys import MaskId
    from untrain.experiments.masks import PARTS, mask_of
    from untrain.runtime.progress import Progress
    from untrain.runtime.threads import threads

    indices = range(originals.seeds)
    todo = [(at, index, part) for at in range(len(localizers)) for index in indices for part in (None, *range(PARTS))]
    masks: Masks = {}
    start = time.perf_counter()
    with threads(options.setting.threads), computing(options.setting.precision):
        for at, index, part in todo:
            masks[at, index, part] = mask_of(scene, localizers[at], MaskId(index, part), originals.seed, options.setting, store)
            if options.on_progress is not None:
                label = f"{localizers[at]!r} on original {index}"
                options.on_progress(Progress(len(masks), len(todo), label, time.perf_counter() - start, None))
    return masks


def _row(at: int, one: Localizer, masks: Masks, seeds: int) -> Document:
    """The document's row of one localizer."""
    from untrain.experiments.mask_overlap import by_layer, compared, share

    entries = [masks[at, index, None] for index in range(seeds)]
    row: Document = {"localizer": repr(one), "error": next((e.record["error"] for e in entries if e.record.get("error")), None)}
    if row["error"]:
        return row
    shares = [share(e) for e in entries]
    halves = [(masks[at, index, 0], masks[at, index, 1]) for index in range(seeds)]
    notes = [note for e in entries for note in e.record["notes"]]
    return row | {
        "share": sum(shares) / seeds,
        "low": min(shares),
        "high": max(shares),
        "layers": by_layer(entries),
        "stability": {"seeds": compared(list(combinations(entries, 2))), "batches": compared(halves)},
        "seconds": sum(e.record["cost"]["seconds"] for e in entries) / seeds,
        "notes": list(dict.fromkeys(notes)),
    }


def _pair(localizers: Sequence[Localizer], pair: tuple[int, int], masks: Masks, seeds: int) -> Document | None:
    """Overlap of two localizers on the same originals; None where one failed."""
    from untrain.experiments.mask_overlap import compared

    both = [(masks[pair[0], index, None], masks[pair[1], index, None]) for index in range(seeds)]
    if any(e.record.get("error") for each in both for e in each):
        return None
    return {"one": repr(localizers[pair[0]]), "other": repr(localizers[pair[1]])} | compared(both)
