"""What an attack is, and what a try of it may come to."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrain.core.errors import UntrainError

HELD, SILENT, TRACEBACK, HANG, LEFT = "held", "silent", "traceback", "hang", "left"
VERDICTS = (HELD, SILENT, TRACEBACK, HANG, LEFT)
LONGEST = 240  # characters of a detail


@dataclass(frozen=True)
class Outcome:
    """What one try came to.

    Args:
        verdict: 'held': a right result, or a refusal in one line; 'silent': something changed without a word; 'traceback': an
            error that is none of untrain's, a crash, or an end without a line; 'hang': no answer in time; 'left': files that no
            command removes.
        detail: what was seen, in one line.
        site: where in untrain it happened, to group failures by.
    """

    verdict: str
    detail: str = ""
    site: str = ""


@dataclass(frozen=True)
class Attack:
    """A kind of attack: numbered tries that each repeat exactly.

    Args:
        kind: its name for ``--only``.
        what: what is tried, in words.
        attempt: makes the try of a number in a folder; gives None where all held.
        tries: how many in a whole run.
        fast: how many with ``--fast``.
        prepare: writes samples into the folder, once.
        skip: a reason not to try it on this machine, or nothing.
        seconds: of computing beyond which a try hangs; by the clock it is four times as long.
        memory: bytes that a try may take beyond what its process held before.
        alone: whether its tries take all cores by themselves.
        small: whether the small run of ``sample.py`` is needed.
    """

    kind: str
    what: str
    attempt: Callable[[Path, int], Outcome | None]
    tries: int
    fast: int
    prepare: Callable[[Path], None] | None = None
    skip: Callable[[], str] | None = None
    seconds: float = 30.0
    memory: int = 1 << 30
    alone: bool = False
    small: bool = False


class Refused:
    """What ``asked`` gives in place of a result when untrain refuses in words of its own."""

    def __init__(self, error: UntrainError):
        self.words = str(error)


class Escaped(Exception):
    """An error that is none of untrain's; carries the outcome."""

    def __init__(self, outcome: Outcome):
        super().__init__(outcome.detail)
        self.outcome = outcome


def asked(work: Callable[[], Any]) -> Any:
    """The result, or ``Refused``.

    Raises:
        Escaped: the error is none of untrain's, or says nothing.
    """
    try:
        return work()
    except UntrainError as error:
        if not str(error).strip():
            raise Escaped(Outcome(TRACEBACK, f"{type(error).__name__} without a word", site(error))) from None
        return Refused(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Escaped(Outcome(TRACEBACK, one_line(error), site(error))) from None


def quietly(work: Callable[[], Any]) -> Any:
    """The result or ``Refused``, without warnings of libraries about what they read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asked(work)


def one_line(error: BaseException) -> str:
    """An error in one short line."""
    return f"{type(error).__name__}: {' '.join(ascii(str(error))[1:-1].split())}"[:LONGEST]


def site(error: BaseException) -> str:
    """The innermost line of untrain that an error passed, and the kind of the error."""
    lines = [f for f in traceback.extract_tb(error.__traceback__) if "/untrain/" in f.filename]
    where = f"{lines[-1].filename.rpartition('/untrain/')[2]}:{lines[-1].lineno}" if lines else "outside untrain"
    return f"{where} {type(error).__name__}"
