"""The course of a leaderboard: price, tuning, models, rows, standings, files. What the store has is not made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput
from untrain.core.paths import user_path
from untrain.data.requests.ids import Ids
from untrain.data.requests.resolve import request
from untrain.data.requests.verbs import ensemble_of
from untrain.data.splits import Data
from untrain.experiments.comparison import Comparison, choose_for, todo_of
from untrain.experiments.effects_step import attribute, estimations_of, price_attribution
from untrain.experiments.leaderboard.board import Board
from untrain.experiments.leaderboard.board_file import FORMAT, check_data, joined, read_board, stored_request
from untrain.experiments.leaderboard.entrants import Field
from untrain.experiments.leaderboard.measure import digests_of, measure
from untrain.experiments.leaderboard.price import expected_methods, price_tuning
from untrain.experiments.leaderboard.standings import standings
from untrain.experiments.leaderboard.tuning import Tuned, search_scene, tune
from untrain.experiments.pipeline import check_options, expect_workers, open_pool, open_scenes, open_unpaid_scene
from untrain.experiments.price import Price, add_prices, price
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.run_record import count_examples, setting_facts
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Chosen, Scene, open_scene
from untrain.experiments.scheduler import make, record
from untrain.reports.html.leaderboard_page import leaderboard_page
from untrain.reports.write import LEADERBOARD, problems_of, what_is_replaced, write_files
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Store, is_store

Document = dict[str, Any]


@dataclass(frozen=True)
class Contest:
    """A board, who takes part, and the stored leaderboard that they join; None for a new one."""

    board: Board
    field: Field
    stored: Mapping[str, Any] | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """One for each request, of methods as they are given."""
        methods = tuple(candidate.method for candidate in self.field.candidates)
        board = self.board
        return [Comparison(s, methods, board.seeds, board.oracles, board.seed) for s in self.field.scenarios.values()]

    def says(self) -> str:
        """The tuning of methods, in a line."""
        tuned, board = sum(bool(c.space) for c in self.field.candidates), self.board
        apart = "1 model that is" if board.models == 1 else f"{board.models} models that are"
        if not tuned:
            return "tuning: nothing is tuned"
        return (
            f"tuning: {board.trials} trials, the defaults first, of each of {tuned} method{'s' * (tuned > 1)} on each of "
            f"{len(board.requests)} requests, over {apart} not ranked, by the "
            f"objective {board.objective!r}, which looks at no retrained model and no test data"
        )


def price_contest(contest: Contest, store: str | Path | None, way: RunOptions) -> Document:
    """The price of a leaderboard; no model is made, and no store."""
    comparisons = contest.comparisons
    check_options(comparisons, way, ReportOptions())
    opened = Store(store) if is_store(store) else None
    workers = expect_workers(comparisons, way)
    expected = [(scene, ensemble) for _, scene, ensemble in _expected_scenes(contest, opened, way, workers, remote=False)]
    return _whole_price(contest, expected, opened, way, workers).document() | {"design": [contest.says()]}


def _expected_scenes(
    contest: Contest, store: Store | None, way: RunOptions, workers: int, remote: bool
) -> Iterator[tuple[str, Scene, Price | None]]:
    """Each request's name and scene without training an ensemble, and the price of one that would have to be trained."""
    for name, comparison in zip(contest.board.requests, contest.comparisons, strict=True):
        scene = _by_ids(contest, name, comparison, way, remote)
        yield name, *(open_unpaid_scene(comparison, way, store, workers) if scene is None else (scene, None))


def _whole_price(
    contest: Contest, expected: Sequence[tuple[Scene, Price | None]], store: Store | None, way: RunOptions, workers: int
) -> Price:  # fmt: skip
    """The price of tuning, of estimated effects and of what is ranked, with that of ensembles."""
    board, candidates = contest.board, contest.field.candidates
    scenes, parts = [scene for scene, _ in expected], [ensemble for _, ensemble in expected if ensemble is not None]
    comparisons = [
        replace(comparison, methods=expected_methods(candidates, scene, board, store, way.setting))
        for comparison, scene in zip(contest.comparisons, scenes, strict=True)
    ]
    parts += [price_attribution(s, e, store, way.setting, workers) for _, s, e in estimations_of(comparisons, scenes)]
    parts.append(price_tuning(candidates, scenes, board, store, way.setting, workers))
    return reduce(add_prices, [*parts, price(todo_of(comparisons, scenes, way.setting), store, way.setting, workers)])


def _by_ids(contest: Contest, name: str, comparison: Comparison, way: RunOptions, remote: bool) -> Scene | None:
    """The scene of a stored request that models were needed to draw: its ids are known, and no ensemble is trained again."""
    if contest.stored is None or ensemble_of(comparison.scenario.request) is None:
        return None
    before = stored_request(contest.stored, name)

    def choose(scenario: Scenario, data: Data) -> Chosen:
        return Chosen(request(data.train, Ids(ids=tuple(before["forget"]))), before["chosen"])

    setting = replace(way.setting, device="cpu") if remote else way.setting
    return open_scene(comparison.scenario, setting, choose_for(comparison.methods, choose, (), way.setting.budget))


def run_contest(contest: Contest, store: str | Path | None, way: RunOptions, page: ReportOptions) -> Document:
    """Tune, make and measure all that takes part and is not in the store, then rank it, beside stored rows where there are any.

    Args:
        contest: board, methods and stored rows.
        store: where models, trials and runs go.
        way: how the work is done.
        page: where the files are written.

    Returns:
        The document of board.json, with the price and the standings.

    Raises:
        BadInput: the workers or the folder; nothing was made.
        DataError: the data are not those of the stored board.
    """
    comparisons = contest.comparisons
    check_options(comparisons, way, page)
    check_kept(contest, page)
    cost: Price | None = None
    requests, notes = [dict(one) for one in (contest.stored or {}).get("requests", [])], list[str]()
    if contest.field.candidates:
        opened = Store(store)
        with open_pool(comparisons, opened, way) as pool:
            expected = []
            for name, scene, ensemble in _expected_scenes(contest, opened, way, pool.size, pool.remote):
                if contest.stored is not None:
                    check_data(name, stored_request(contest.stored, name)["digests"], digests_of(scene))
                expected.append((scene, ensemble))
            cost = _whole_price(contest, expected, opened, way, pool.size)
            way.say(contest.says())
            way.say(cost.to_text())
            scenes = [
                scene if ensemble is None else open_scenes([comparison], way, opened, pool, pool.remote)[0]
                for comparison, (scene, ensemble) in zip(comparisons, expected, strict=True)
            ]
            requests, notes = _requests(contest, scenes, opened, pool, way)
    for note in notes:
        way.say(note)
    document = _document(contest, requests, notes, way, page)
    return document | {"price": None if cost is None else cost.document()} | _written(document, page, way)


def _requests(
    contest: Contest, scenes: Sequence[Scene], store: Store, pool: Pool, way: RunOptions
) -> tuple[list[Document], list[str]]:
    """The result of each request, and the comparison of its retrained models with those of the board."""
    board, tuned = contest.board, list[list[Tuned]]()
    for name, scene in zip(board.requests, scenes, strict=True):
        searched = search_scene(scene, way.setting)
        tuned.append([])
        for candidate in contest.field.candidates:
            way.say(f"request {name!r}: tuning {candidate.method!r}") if candidate.space else None
            tuned[-1].append(tune(candidate, searched, board, store, pool, way))
    ready = [
        replace(comparison, methods=tuple(dict.fromkeys(one.method for one in each if one.method is not None)))
        for comparison, each in zip(contest.comparisons, tuned, strict=True)
    ]
    attribute(ready, scenes, store, way, pool)
    make(ready, scenes, store, way.setting, pool, way.on_progress)
    requests, notes = [], []
    for name, comparison, scene, each in zip(board.requests, ready, scenes, tuned, strict=True):
        run = record(comparison, scene, store, way.setting, way.on_progress, way.stated)
        yardstick, rows, unfair = measure(run, each, store)
        whole: Document = {
            "name": name, "request": board.requests[name], "digests": digests_of(scene), "forget": list(scene.forget_set.ids),
            "sizes": count_examples(scene), "chosen": dict(scene.chosen), "notes": [*scene.notes, *([unfair] if unfair else [])],
            "yardsticks": [yardstick], "rows": rows,
        }  # fmt: skip
        if contest.stored is not None:
            whole, said = joined(stored_request(contest.stored, name), yardstick, rows)
            notes.append(said)
        requests.append(whole)
    return requests, notes


def _document(
    contest: Contest, requests: Sequence[Document], notes: Sequence[str], way: RunOptions, page: ReportOptions
) -> Document:
    """The document, with the standings of all rows."""
    board, field, stored = contest.board, contest.field, contest.stored or {}
    names = {repr(candidate.method) for candidate in field.candidates}
    before = [one for one in stored.get("left_out", []) if one["method"] not in names]
    left_out = before + [{"method": one.method, "reason": one.reason} for one in field.left_out]
    ranked = [{**one, "standings": standings(one)} for one in requests]
    return {
        "format": FORMAT, "scenario": board.scenario, "board": board.document(),
        "keepers": list(field.keepers or stored.get("keepers", [])), "tuning": contest.says() if not stored else stored["tuning"],
        "requests": ranked, "left_out": left_out, "notes": [*board.notes(), *field.notes, *notes],
        "setting": setting_facts(way.setting), "command": page.command.encode("utf-8", "backslashreplace").decode("utf-8"),
    }  # fmt: skip


def check_kept(contest: Contest, page: ReportOptions) -> None:
    """Refuse, before any work, to replace the files of another board, or rows that the new files lack.

    Raises:
        BadInput: the folder holds such files.
    """
    page.check(*problems_of({"scenario": contest.board.scenario, "board": contest.board.document()}))
    if page.out is None or page.replace or not (user_path(page.out) / LEADERBOARD[0]).is_file():
        return
    names = {repr(candidate.method) for candidate in contest.field.candidates}
    names |= {row["name"] for one in (contest.stored or {}).get("requests", []) for row in one["rows"]}
    lost = sorted({row["name"] for one in read_board(page.out)["requests"] for row in one["rows"]} - names)
    if lost:
        raise BadInput(
            f"{page.out} holds a board with rows that this one would lack ({', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}): "
            f"join it with --board {page.out}, name another place with --out, or give --replace"
        )


def _written(document: Document, page: ReportOptions, way: RunOptions) -> dict[str, str]:
    """Write board.json and leaderboard.html; where they are."""
    if page.out is None:
        return {}
    folder = user_path(page.out)
    way.say(what_is_replaced(page.out, LEADERBOARD, problems_of(document), page.replace) or f"writing {folder / LEADERBOARD[1]}")
    texts = {
        LEADERBOARD[0]: json.dumps(document, indent=1, allow_nan=False),
        LEADERBOARD[1]: leaderboard_page(document),
    }
    write_files(folder, texts)
    return {"report": str(folder / LEADERBOARD[1]), "file": str(folder / LEADERBOARD[0])}
