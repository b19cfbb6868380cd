"""Several runs scored at once by workers of this machine, whose progress this process shows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from untrain.core.spec import Spec
from untrain.core.work_files import scratch
from untrain.evaluation.base import Evaluator
from untrain.experiments.results import code_of, score_run
from untrain.experiments.run_options import RunOptions
from untrain.runtime.executors.base import Pool
from untrain.runtime.progress import OnProgress, Progress, ProgressTracker
from untrain.runtime.store import Entry, Store

_OFTEN = 0.5  # seconds between looks at what workers have done


def score_side_by_side(entries: Sequence[Entry], store: Store, pool: Pool, way: RunOptions) -> None:
    """Score several runs at once, where there are workers of this machine; scores are then in the store."""
    if len(entries) < 2 or not pool.remote or pool.elsewhere:
        return
    methods = [len(e.record["ingredients"]["models"]["methods"]) for e in entries]
    tracker = ProgressTracker(way.on_progress, sum(methods), what="methods scored")
    tracker.note(f"scoring {len(entries)} runs")
    with scratch("scores") as folder, _watched(folder, tracker):
        tasks = {e.key: (e.key, str(store.path), way.chosen, str(folder / e.key), code_of(e)) for e in entries}
        for _ in pool.run_all(score_remotely, tasks):
            pass


def score_remotely(key: str, path: str, chosen: list[Evaluator] | None, progress: str | None, _code: tuple[Spec, ...]) -> None:
    """Score a run in another process: its document is then in the store. To receive ``_code`` has imported what it spells.

    Methods that are scored are added to the file ``progress``, if there is one, line by line.
    """
    store = Store(path)
    entry = store.get(key)
    if entry is not None:
        score_run(entry, store, chosen, on_progress=None if progress is None else _written_to(Path(progress)))


def _written_to(file: Path) -> OnProgress:
    """A callback that adds a line to a file for each method that is scored; a worker that takes up a dead one's run begins anew."""
    file.unlink(missing_ok=True)

    def write(at: Progress) -> None:
        if at.note is None:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(f"{at.label}\n")

    return write


@contextmanager
def _watched(folder: Path, tracker: ProgressTracker) -> Iterator[None]:
    """Show within what workers write to the files of a folder; at the end all is done."""
    seen: dict[Path, int] = {}
    over = threading.Event()

    def look() -> None:
        for file in sorted(folder.iterdir()):
            # The last is not whole yet, and a worker that was killed may have left half a letter.
            lines = file.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
            if len(lines) > seen.get(file, 0):
                tracker.finished(lines[-1], len(lines) - seen.get(file, 0))
                seen[file] = len(lines)

    def watch() -> None:
        while not over.wait(_OFTEN):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    look()
    if tracker.at < tracker.total:  # scores that were in the store
        tracker.finished("", tracker.total - tracker.at)
