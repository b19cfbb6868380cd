"""Where a forget set is held: masks of localizers by layer, what they have in common, and how stable they are.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.commands.arguments import scenario_of, setting_of
from untrain.core.errors import BadInput, SpecError, whole

if TYPE_CHECKING:
    from untrain.experiments.scenarios.base import Scenario
    from untrain.experiments.scene import Scene
    from untrain.localizers.base import Localizer
    from untrain.runtime.progress import Progress
    from untrain.runtime.store import Entry

Document = dict[str, Any]
Masks = dict[tuple[int, int, int | None], "Entry"]  # (localizer, original, part) -> the entry of the mask


def localize(
    scenario: str | Scenario, localizers: Any, store: str | Path | None = None, seeds: int = 3, seed: int = 0, device: str = "cpu",
    threads: int = 1, workers: int | None = 1, on_progress: Callable[[Progress], None] | None = None, precision: str = "auto",
    out: str | Path | None = None, command: str = "",
) -> Document:  # fmt: skip
    """Show the masks of localizers: share by layer, overlap with each other, stability across seeds and batches.

    Originals that the store has are used, others are trained; masks are stored too.

    Args:
        scenario: data, learner and request.
        localizers: one or several; of an expression or a recipe such as DEL its localizer.
        store: where models and masks are kept.
        seeds: number of original models.
        seed: from which all seeds are derived, as in ``run``.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes that train originals; None for as many as fit the cores.
        on_progress: called with progress.
        precision: with which originals are trained: 'float32', 'bfloat16', or 'auto' for bfloat16 where the machine gains.
        out: folder of localize.html, localize.json and localize.csv; None writes nothing.
        command: shown on the page.

    Returns:
        The document: 'results' by localizer, and 'overlap' by pair of localizers.

    Raises:
        BadInput: something asked for cannot be had; nothing was trained.
        RunFailed: an original could not be trained.
    """
    from untrain.experiments.comparison import Comparison
    from untrain.experiments.pipeline import ReportOptions, RunOptions, check_options, open_pool, open_scenes
    from untrain.experiments.publish import publish_masks
    from untrain.experiments.run_record import setting_facts
    from untrain.experiments.scheduler import make
    from untrain.runtime.store import Store

    whole(seeds=seeds, seed=seed)
    if seeds < 1:
        raise BadInput(f"seeds={seeds}: at least 1 is needed")
    asked = localizers_of(localizers)
    only = Comparison(scenario_of(scenario), (), seeds, 0, seed)
    way = RunOptions(setting_of(device, threads, precision, False), workers, on_progress=on_progress)
    check_options([only], way, ReportOptions(out, command=command))
    held = Store(store)
    with open_pool([only], held, way) as pool:
        (scene,) = open_scenes([only], way, held, pool, False)
        make([only], [scene], held, way.setting, pool, on_progress)
    masks = _made(scene, asked, seeds, seed, way, held)
    rows = [_row(at, one, masks, seeds) for at, one in enumerate(asked)]
    pairs = [_pair(asked, pair, masks, seeds) for pair in combinations(range(len(asked)), 2)]
    counts: dict[str, list[int]] = next((e.record["layers"] for e in masks.values() if not e.record.get("error")), {})
    document = {
        "scenario": repr(only.scenario), "seeds": seeds, "seed": seed, "forget": len(scene.forget_set.rows),
        "parameters": sum(size for _, size in counts.values()), "results": rows, "overlap": [p for p in pairs if p is not None],
        "setting": {name: value for name, value in setting_facts(way.setting).items() if name not in ("compiled", "budget")},
    }  # fmt: skip
    return document if out is None else document | {"report": publish_masks(document, out, command)}


def localizers_of(given: Any) -> list[Localizer]:
    """Localizers, spelled or made, or those of expressions and recipes.

    Raises:
        SpecError: there is none, one has no localizer, or one is named twice.
    """
    from untrain.core.spec import canonical, parse
    from untrain.localizers.base import Localizer
    from untrain.unlearners.base import Localized, Recipe

    several = isinstance(given, Iterable) and not isinstance(given, str)
    made = []
    for one in [parse(g) if isinstance(g, str) else g for g in (given if several else [given])]:
        found = one.expand() if isinstance(one, Recipe) else one
        found = found.localizer if isinstance(found, Localized) else found
        if not isinstance(found, Localizer):
            raise SpecError(f"{one!r} is no localizer and has none; `untrain localizers` lists them")
        made.append(found)
    if not made:
        raise SpecError("no localizer was named: give at least one, such as WeightedGrad or Deepest")
    if len(set(map(canonical, made))) < len(made):
        raise SpecError(f"a localizer is named twice: {[repr(m) for m in made]}")
    return made


def _made(scene: Scene, asked: Sequence[Localizer], seeds: int, seed: int, way: Any, held: Any) -> Masks:
    import time

    import torch

    from untrain.core.precision import computing
    from untrain.experiments.keys import MaskId
    from untrain.experiments.masks import PARTS, mask_of
    from untrain.runtime.progress import Progress

    todo = [(at, index, part) for at in range(len(asked)) for index in range(seeds) for part in (None, *range(PARTS))]
    masks: Masks = {}
    begun, before = time.perf_counter(), torch.get_num_threads()
    torch.set_num_threads(way.setting.threads)
    try:
        with computing(way.setting.precision):
            for at, index, part in todo:
                masks[at, index, part] = mask_of(scene, asked[at], MaskId(index, part), seed, way.setting, held)
                if way.on_progress is not None:
                    label = f"{asked[at]!r} on original {index}"
                    way.on_progress(Progress(len(masks), len(todo), label, time.perf_counter() - begun, None))
    finally:
        torch.set_num_threads(before)
    return masks


def _row(at: int, one: Localizer, masks: Masks, seeds: int) -> Document:
    """What is told of one localizer."""
    from untrain.experiments.mask_overlap import by_layer, compared, share

    whole = [masks[at, index, None] for index in range(seeds)]
    row: Document = {"localizer": repr(one), "error": next((e.record["error"] for e in whole if e.record.get("error")), None)}
    if row["error"]:
        return row
    shares = [share(e) for e in whole]
    halves = [(masks[at, index, 0], masks[at, index, 1]) for index in range(seeds)]
    notes = [note for e in whole for note in e.record["notes"]]
    return row | {
        "share": sum(shares) / seeds,
        "low": min(shares),
        "high": max(shares),
        "layers": by_layer(whole),
        "stability": {"seeds": compared(list(combinations(whole, 2))), "batches": compared(halves)},
        "seconds": sum(e.record["cost"]["seconds"] for e in whole) / seeds,
        "notes": list(dict.fromkeys(notes)),
    }


def _pair(asked: Sequence[Localizer], pair: tuple[int, int], masks: Masks, seeds: int) -> Document | None:
    """What two localizers have in common on the same originals; None where one failed."""
    from untrain.experiments.mask_overlap import compared

    both = [(masks[pair[0], index, None], masks[pair[1], index, None]) for index in range(seeds)]
    if any(e.record.get("error") for each in both for e in each):
        return None
    return {"one": repr(asked[pair[0]]), "other": repr(asked[pair[1]])} | compared(both)
