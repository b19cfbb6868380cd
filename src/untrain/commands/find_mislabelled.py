"""Rows whose label is probably wrong: a list, and a page on which each can be ticked for a request.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from untrain.commands.arguments import AtLeast, Count, Document, Seed, executor_of
from untrain.commands.forget import function_of, network_of, steps_of
from untrain.commands.service_place import open_at
from untrain.core.environment import absolute
from untrain.core.errors import BadInput, require_whole_numbers
from untrain.core.paths import user_path
from untrain.runtime.progress import OnProgress, say

if TYPE_CHECKING:
    from untrain.data.column_roles import DataChoices
    from untrain.experiments.forgetting.opened_model import ModelChoices
    from untrain.reports.write import EarlierFiles
    from untrain.runtime.executors.base import Executor, Pool
    from untrain.service.folder import Service
    from untrain.training.steps import Steps


def find_mislabelled(
    data: Any = None, network: Any = None, folds: Annotated[int, AtLeast(2)] = 5, out: str | Path | None = None,
    most: Count | None = None, id: str = "", label: str = "", owner: str = "", x: Sequence[str] = (),
    class_names: Sequence[str] = (), side: Count | None = None, transform: Any = None, tokenizer: str = "",
    length: Count | None = None, steps: str | Steps | None = None, store: str | Path | None = None, device: str = "cpu",
    threads: Count = 1, executor: str | Executor | Pool | None = None, seed: Seed = 0, service: str | Path | None = None,
    replace: bool = False, command: str = "untrain.find_mislabelled", on_progress: OnProgress | None = None,
) -> Document:  # fmt: skip
    """List rows whose label is probably wrong.

    Examples:
        untrain find-mislabelled reviews.csv --out doubtful.csv
        untrain find-mislabelled photos/ --network "ResNet(width=8)"
        untrain find-mislabelled --service requests

    Models are trained on all folds of the data but one and predict that one; cleanlab compares labels and predictions. Each fold
    stays in the store, so that what was interrupted goes on.

    Args:
        data: data with labels, as of `untrain inspect`; None for those of the service.
        network: network to train: package.module:function, or a spelling such as "ResNet(width=8)"; None takes that of the service,
            and else a small one for tables, images or texts.
        folds: number of parts of the data; each is judged by a model that was trained on the others.
        out: a .csv file of the rows, worst first, with their ids, given and likely labels; a page to tick them stands beside it.
        most: rows to list, those with the lowest scores; None lists those that are probably wrong.
        id: column of ids.
        label: column of labels.
        owner: column of owners.
        x: column of inputs.
        class_names: name of a class, in the order of the network's outputs.
        side: pixels on each side of the squares that images become; None leaves images as they are.
        transform: package.module:function that makes the network's input of one row.
        tokenizer: folder with tokenizer.json; by default tokens are learned of the texts.
        length: most tokens of a row; None takes up to 512.
        steps: how the networks are trained, such as "Steps(lr=0.1, epochs=30)".
        threads: threads of torch.
        replace: replace the list of an earlier search in ``out``.
        service: folder of a service of requests; its data are searched, and its web view gets a page to review what is found.

    Returns:
        The document: 'found' and 'listed' rows (id, given and likely label, score, which is the probability of the given label),
        'accuracy' of the models on rows that they did not see, 'notes', and the files that were written.

    Raises:
        BadInput: an argument or the data are wrong; nothing was trained.
        RunFailed: the models learned too little to doubt a label.
    """
    from untrain.data.column_roles import DataChoices
    from untrain.experiments.forgetting.opened_model import ModelChoices
    from untrain.experiments.mislabelled.cleanlab import need_cleanlab

    need_cleanlab()
    require_whole_numbers(folds=folds, seed=seed, threads=threads)
    files = _ReviewFiles.of(out, replace)
    files.check()
    made = ModelChoices(
        network_of(network), steps_of(steps), function_of("transform", transform), tokenizer, length, device
    )  # fmt: skip
    columns = DataChoices(id, label, owner, tuple(x), tuple(class_names), side)
    kept = None if service is None else open_at(service)
    if kept is not None and network is None:
        made = _as_in(kept, made)
    data, columns = _searched(data, columns, kept)
    work = _Work(data, columns, made, folds, most, seed, threads, executor_of(executor))
    review, tiles = work.run(store, on_progress)
    for line in (*review["notes"], files.check()):
        say(on_progress, line)
    written = files.write(review, tiles, command)
    if kept is not None:
        from untrain.service.reviews import save_review

        written["review"] = save_review(kept, review, tiles)
    return {**review, **written}


def _searched(data: Any, columns: DataChoices, service: Service | None) -> tuple[Any, DataChoices]:
    """Data to search and their columns: those that are given, else those of the service, whose requests name its ids."""
    from dataclasses import replace

    if service is None:
        if data is None:
            raise BadInput("say which data: untrain find-mislabelled FILE or FOLDER")
        return data, columns
    if data is not None:
        raise BadInput("--service searches the data of the service: leave others out, or leave --service out")
    from untrain.service.given_ids import data_choices

    given = {name: value for name, value in vars(columns).items() if value}
    return service.settings.data, replace(data_choices(service.settings.options), **given)


def _as_in(service: Service, given: ModelChoices) -> ModelChoices:
    """The network of a service with its training and its inputs, where these are not given."""
    from dataclasses import replace

    options = service.settings.options
    return replace(
        given, network=network_of(options.get("network")), steps=given.steps or steps_of(options.get("steps")),
        transform=given.transform or function_of("transform", options.get("transform")),
        tokenizer=given.tokenizer or options.get("tokenizer", ""), length=given.length or options.get("length"),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Work:
    """One search, as the command takes it."""

    data: Any
    columns: DataChoices
    choices: ModelChoices
    folds: int
    most: int | None
    seed: int
    threads: int
    executor: Executor | Pool | None

    def run(self, store: str | Path | None, on_progress: OnProgress | None) -> tuple[Document, list[Document]]:
        """The review, and what is shown of its first rows."""
        from untrain.core.metering import metered
        from untrain.data.understood import understand
        from untrain.experiments.mislabelled.prepare import ground_of
        from untrain.experiments.mislabelled.review import review_of, shown_rows
        from untrain.experiments.mislabelled.search import search_labels
        from untrain.reports.html.review_page import MOST, review_tiles
        from untrain.runtime.store import Store
        from untrain.runtime.threads import threads

        with metered() as meter, threads(self.threads):
            data = understand(self.data, self.columns)
            ground = ground_of(data, self.choices)
            judged = search_labels(ground, self.folds, self.seed, Store(store), self.executor, on_progress)
            facts = {"folds": self.folds, "seed": self.seed, "notes": list(meter.notes)}
            review = review_of(data, ground, judged, self.most, facts)
        tiles = review_tiles(shown_rows(data, [each["row"] for each in review["listed"][:MOST]]))
        return review, tiles


@dataclass(frozen=True)
class _ReviewFiles:
    """The list and the page beside it, None for neither, and whether they may replace earlier ones."""

    csv: Path | None
    replace: bool = False

    @staticmethod
    def of(out: str | Path | None, replace: bool) -> _ReviewFiles:
        file = None if out is None else absolute(user_path(out))
        if file is not None and file.suffix.lower() != ".csv":
            raise BadInput(f"the list is a .csv file, with a page beside it, and {str(out)!r} is none: --out doubtful.csv")
        if file is not None and not file.parent.is_dir():
            raise BadInput(f"there is no folder {file.parent} to write {file.name} into")
        return _ReviewFiles(file, replace)

    def check(self) -> str:
        """Say which earlier list is replaced; refuse files that are not ours, and without ``replace`` those that are."""
        from untrain.reports.write import what_is_replaced

        if self.csv is None:
            return ""
        said = what_is_replaced(self.csv.parent, (self.csv.name, self.csv.with_suffix(".html").name), read=_earlier)
        if said and not self.replace:
            raise BadInput(f"{self.csv} holds the list of an earlier search: name another file with --out, or give --replace")
        return said

    def write(self, review: Document, tiles: list[Document], command: str) -> Document:
        """Write both files, or neither; their places."""
        import csv
        import io

        from untrain.experiments.mislabelled.review import csv_lines
        from untrain.reports.html.review_page import review_page
        from untrain.reports.write import write_files

        if self.csv is None:
            return {"out": None, "page": None}
        page = self.csv.with_suffix(".html")
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(csv_lines(review))
        write_files(self.csv.parent, {self.csv.name: text.getvalue(), page.name: review_page(review, tiles, command)})
        return {"out": str(self.csv), "page": str(page)}


def _earlier(file: Path) -> EarlierFiles | None:
    from untrain.experiments.mislabelled.review import COLUMNS
    from untrain.reports.write import EarlierFiles

    try:
        first = file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, ValueError):
        return None
    return EarlierFiles("an earlier search", frozenset()) if first == ",".join(COLUMNS) else None
