"""Options of how to do work and where to report it, as commands give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrain.core.errors import SpecError
from untrain.core.spec import parse
from untrain.evaluation.base import Evaluator
from untrain.evaluation.observers.base import Observer
from untrain.evaluation.protocols.protocol import Protocol
from untrain.experiments.setting import Setting
from untrain.reports.write import REPORT, what_is_replaced
from untrain.runtime.executors.base import Executor, Pool
from untrain.runtime.progress import OnProgress, say


@dataclass(frozen=True, eq=False)
class RunOptions:
    """Options of how to do work and report it.

    Args:
        setting: device, threads and precision of each model.
        workers: processes; None for as many as fit.
        executor: who does the work, or a pool that is open and stays so; None for this process or, with several workers,
            processes of this machine.
        on_progress: called with progress.
        looks: number of interim looks at the scores.
        evaluators: what scores; empty for one of each.
        observers: what observes models too, in an audit.
        protocol: whose margins decide whether a method passes.
    """

    setting: Setting
    workers: int | None = 1
    executor: Executor | Pool | None = None
    on_progress: OnProgress | None = None
    looks: int = 1
    evaluators: tuple[Evaluator, ...] = ()
    observers: tuple[Observer, ...] = ()
    protocol: Protocol = Protocol()

    @property
    def stated(self) -> dict[str, Any]:
        """Statements in the record of a run from before its models were made."""
        return {"protocol": repr(self.protocol)}

    def say(self, text: str) -> None:
        """Report something else than that a model was made."""
        say(self.on_progress, text)

    @property
    def chosen(self) -> list[Evaluator] | None:
        """The evaluators, or None for one of each."""
        return list(self.evaluators) or None


@dataclass(frozen=True)
class ReportOptions:
    """Options of written scores and of the page: folder, or None for none; images of the forget set; the command.

    Files of these names may be replaced where they are about the same problem, or all the same with ``replace``.
    """

    out: str | Path | None = None
    images: bool = True
    command: str = ""
    replace: bool = False
    names: Sequence[str] = REPORT

    def check(self, *problems: str) -> None:
        """Refuse a folder whose files are not to be replaced by files about some problems, before these are worked on."""
        what_is_replaced(self.out, self.names, problems or None, self.replace)


def evaluators_of(given: Any) -> tuple[Evaluator, ...]:
    """Evaluators, spelled or made.

    Raises:
        SpecError: one is not an evaluator, or two give the same score.
    """
    several = [given] if isinstance(given, str | Evaluator) else given
    evaluators = [parse(one) if isinstance(one, str) else one for one in several]
    scores: dict[str, Evaluator] = {}
    for e in evaluators:
        if not isinstance(e, Evaluator):
            raise SpecError(f"{e!r} is not an evaluator; `untrain evaluators` lists them")
        for name in e.scores:
            if name in scores:
                raise SpecError(f"{scores[name]!r} and {e!r} both give {name}: one of the two is needed")
            scores[name] = e
    return tuple(evaluators)
