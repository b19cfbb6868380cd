"""A leaderboard of all methods that are found, and the place of a new one beside its stored rows.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, OracleCount, executor_of, setting_of, several
from untrain.core.errors import BadInput, SpecError
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.experiments.keys import Method
    from untrain.experiments.leaderboard.board import Board
    from untrain.experiments.leaderboard.pipeline import Contest
    from untrain.experiments.run_options import RunOptions
    from untrain.runtime.executors.base import Executor, Pool


def leaderboard(
    methods: str | Method | Iterable[str | Method] = (), board: str | Board = "fashion", data: str = "",
    store: str | Path | None = None, out: str | Path | None = None, seeds: Count | None = None, oracles: OracleCount | None = None,
    trials: Count | None = None, effects: bool = False, device: str = "cpu", threads: Count = 1, workers: Count | None = 1,
    command: str = "", on_progress: OnProgress | None = None, precision: str = "auto",
    executor: str | Executor | Pool | None = None, replace: bool = False, without: str | Method | Iterable[str | Method] = (),
) -> Document:  # fmt: skip
    """Rank methods on several requests, each tuned alike.

    The rank is by how near a method's models are to retrained ones. A stopped board continues from the store. With a board.json
    only the named methods are tuned and run, and ranked among its rows.

    Examples:
        untrain leaderboard --board digits --price
        untrain leaderboard my_package.MyMethod --board board.json

    Args:
        methods: unlearners and recipes, such as my_package.MyMethod; by default all that are found, or none with a board.json.
        board: 'fashion', which needs its images, 'digits', which needs none, or the board.json of an earlier one, or its folder.
        data: folder of the data, where the board's scenario reads one.
        store: folder of models and trials; None is ~/.untrain.
        out: folder of board.json and leaderboard.html; None writes none.
        seeds: number of original models, each unlearned by each method; None is the board's number.
        oracles: number of models retrained without each forget set; None is the board's number.
        trials: number of settings to try per method, its defaults among them; None is the board's number, 1 tunes nothing.
        effects: whether to include methods that subtract estimated effects, which take hundreds of models.
        replace: replace even the files of another board in ``out``.
        without: method to leave out, such as one that costs more than retraining.

    Returns:
        The document of board.json: 'requests', each with 'rows', 'yardsticks' and 'standings'; 'left_out'; and the 'price'.

    Raises:
        BadInput: an argument is wrong, or a method that was named cannot take part; nothing was trained.
        DataError: the data are not those of the stored board.
        MissingExtra: optuna is not installed, and methods are to be tuned.
        RunFailed: a model could not be trained.
    """
    from untrain.experiments.leaderboard.pipeline import run_contest
    from untrain.experiments.run_options import ReportOptions
    from untrain.reports.write import LEADERBOARD

    contest = contest_of(methods, board, data, seeds, oracles, trials, effects, without)
    options = _options(device, threads, precision, workers, executor, on_progress)
    return run_contest(contest, store, options, ReportOptions(out, command=command, replace=replace, names=LEADERBOARD))


def price_leaderboard(
    methods: str | Method | Iterable[str | Method] = (), board: str | Board = "fashion", data: str = "",
    store: str | Path | None = None, seeds: Count | None = None, oracles: OracleCount | None = None, trials: Count | None = None,
    effects: bool = False, device: str = "cpu", threads: Count = 1, workers: Count | None = 1, precision: str = "auto",
    executor: str | Executor | Pool | None = None, without: str | Method | Iterable[str | Method] = (),
) -> Document:  # fmt: skip
    """Estimate what a leaderboard would cost; nothing is trained. The arguments are those of ``leaderboard``."""
    from untrain.experiments.leaderboard.pipeline import price_contest

    contest = contest_of(methods, board, data, seeds, oracles, trials, effects, without)
    return price_contest(contest, store, _options(device, threads, precision, workers, executor, None))


def _options(
    device: str, threads: int, precision: str, workers: int | None, executor: str | Executor | Pool | None,
    on_progress: OnProgress | None,
) -> RunOptions:  # fmt: skip
    from untrain.experiments.run_options import RunOptions

    chosen = executor_of(executor)
    return RunOptions(setting_of(device, threads, precision, False, executor=chosen), workers, chosen, on_progress)


def contest_of(
    methods: str | Method | Iterable[str | Method], board: str | Board, data: str, seeds: int | None, oracles: int | None,
    trials: int | None, effects: bool, without: str | Method | Iterable[str | Method] = (),
) -> Contest:  # fmt: skip
    """The entrants and the requests.

    Raises:
        BadInput: there is no such board, a stored one is to have other sizes, a method cannot take part, or one that is to be left
            out is not found.
    """
    import dataclasses

    from untrain.experiments.leaderboard.board import Board, preset
    from untrain.experiments.leaderboard.board_file import board_in, is_stored, read_board
    from untrain.experiments.leaderboard.entrants import Field, field_of
    from untrain.experiments.leaderboard.pipeline import Contest
    from untrain.experiments.search.study import check_optuna

    named, unwanted = several(methods), several(without)
    given = {name: number for name, number in (("seeds", seeds), ("oracles", oracles), ("trials", trials)) if number is not None}
    stored = read_board(board) if isinstance(board, str) and is_stored(board) else None
    if stored is None:
        if not isinstance(board, str | Board):
            raise SpecError(f"{board!r} is not a board")
        made = dataclasses.replace(preset(board) if isinstance(board, str) else board, **given)  # type: ignore[arg-type]
        field = field_of(made, named, data, effects, without=unwanted)
    elif unwanted:
        raise BadInput("--without leaves methods out of a new board, and the rows of this one are there already")
    else:
        made = board_in(stored)
        other = [name for name, number in given.items() if number != getattr(made, name)]
        if other:
            raise BadInput(
                f"{other[0]}={given[other[0]]}: the board has {getattr(made, other[0])}, and rows are compared at one size"
            )
        field = field_of(made, named, data, effects, stored["keepers"]) if named else Field({}, (), (), (), ())
    if any(candidate.space for candidate in field.candidates):
        check_optuna()
    return Contest(made, field, stored)
