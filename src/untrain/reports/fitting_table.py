"""Tables that fit a terminal: no number is cut off and no word broken; what is too wide is spread over several, or over lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from untrain.core.escapes import printable

TEXT = 24  # a column of text may become as narrow as this
SLIM = 14  # or as this, where one table is then enough
PIECE = re.compile(r"[^(,=/_@]*[(,=/_@]+|[^(,=/_@]+")  # of a word, which may end a line
LEAST = 8  # a line is never taken for narrower
BETWEEN = 3  # columns of a table are so far apart


@dataclass(frozen=True)
class Row:
    """Cells of a line, one per column; ``dim`` for what is there to compare with."""

    cells: tuple[str, ...]
    dim: bool = False


@dataclass
class FittingTable:
    """Rows of a key, which is repeated where columns are spread over several tables, and of values.

    Args:
        title: shown above.
        columns: headings; the first is that of the key.
        text: those columns that hold text and may be wrapped; all others hold numbers, which stay whole.
        sections: rows, apart by a line.
    """

    title: str
    columns: Sequence[str]
    text: frozenset[str]
    sections: list[list[Row]] = field(default_factory=lambda: [[]])

    def add(self, *cells: str, dim: bool = False) -> None:
        """Add a row; cells that are missing at its end are empty."""
        self.sections[-1].append(Row((*map(printable, cells), *[""] * (len(self.columns) - len(cells))), dim))

    def add_section(self) -> None:
        """Begin a new section."""
        self.sections.append([])

    @property
    def rows(self) -> list[Row]:
        """The rows of all sections."""
        return [row for section in self.sections for row in section]

    def count(self, width: int) -> int | None:
        """Number of tables it takes on so many columns; None where it becomes a list of one value per line."""
        groups = self._groups(max(LEAST, width))
        return None if groups is None else len(groups)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """One table where it fits, several with the same key where few are enough, else one value per line."""
        width = max(LEAST, options.max_width)
        yield Text("\n".join(wrapped(printable(self.title), width)))
        groups = self._groups(width)
        if groups is None:
            yield from self._lines(width)
        else:
            for group in groups:
                yield self._table(group, width)

    def _groups(self, width: int) -> list[list[int]] | None:
        """The columns of each table, the key first; None where a table could hold hardly any."""
        least = self._leasts(width)
        groups: list[list[int]] = []
        for at in range(1, len(least)):
            if groups and _total([*(least[each] for each in groups[-1]), least[at]]) <= width:
                groups[-1].append(at)
            elif _total([least[0], least[at]]) <= width:
                groups.append([0, at])
            else:
                return None
        return groups if len(groups) == 1 or 2 * len(groups) < len(least) else None

    def _cells(self, at: int) -> list[str]:
        return [row.cells[at] for row in self.rows]

    def _natural(self, at: int) -> int:
        return max(map(cell_len, [self.columns[at], *self._cells(at)]))

    def _leasts(self, width: int) -> list[int]:
        """The smallest width of each column; text is slim where all columns then stand in one table."""
        usual, slim = ([self._least(at, text) for at in range(len(self.columns))] for text in (TEXT, SLIM))
        return slim if _total(slim) <= width < _total(usual) else usual

    def _least(self, at: int, text: int) -> int:
        """The smallest width of a column that breaks neither a number nor a word of its heading; slim text breaks no word."""
        heading = max(map(cell_len, self.columns[at].split()), default=1)
        if self.columns[at] in self.text:
            pieces = [piece for cell in self._cells(at) for word in cell.split() for piece in PIECE.findall(word)]
            longest = max(map(cell_len, pieces), default=0) if text == SLIM else 0
            return max(heading, min(max(text, longest), self._natural(at)))
        return max(heading, *map(cell_len, self._cells(at)))

    def _widths(self, group: Sequence[int], width: int) -> list[int]:
        """Widths of the columns of a table; text gets what is left of the line, the key first."""
        least = self._leasts(width)
        widths = [least[at] for at in group]
        for place, at in enumerate(group):
            spare = width - _total(widths)
            widths[place] += max(0, min(spare, self._natural(at) - widths[place]))
        return widths

    def _table(self, group: Sequence[int], width: int) -> Table:
        widths = self._widths(group, width)
        table = Table()
        for at, room in zip(group, widths, strict=True):
            right = at > 0 and self.columns[at] not in self.text
            heading = "\n".join(wrapped(self.columns[at], room))
            table.add_column(Text(heading), justify="right" if right else "left", no_wrap=True, width=room)
        for section in self.sections:
            for row in section:
                cells = ("\n".join(wrapped(row.cells[at], room)) for at, room in zip(group, widths, strict=True))
                table.add_row(*map(Text, cells), style="dim" if row.dim else None)
            table.add_section()
        return table

    def _lines(self, width: int) -> Iterator[Text]:
        """A row's key, and under it one line per value."""
        room = max(map(cell_len, self.columns[1:]), default=0)
        values = [
            cell_len(cell) for at in range(1, len(self.columns)) if self.columns[at] not in self.text for cell in self._cells(at)
        ]
        aligned = 2 + room + 1 + max([LEAST, *values]) <= width
        for number, section in enumerate(each for each in self.sections if each):
            if number:
                yield Text("-" * min(width, TEXT))
            for row in section:
                lines = wrapped(row.cells[0], width)
                for heading, cell in zip(self.columns[1:], row.cells[1:], strict=True):
                    if cell and aligned:
                        first, *more = wrapped(cell, width - room - 3)
                        lines.append(f"  {heading}{' ' * (room - cell_len(heading))} {first}")
                        lines += [" " * (room + 3) + line for line in more]
                    elif cell:
                        lines += [f"  {line}" for line in wrapped(f"{heading}:", width - 2)]
                        lines += [f"    {line}" for line in wrapped(cell, width - 4)]
                yield Text("\n".join(lines), style="dim" if row.dim else "")


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of a text, at most ``width`` wide: broken between words, and in a longer word after a mark, as of a spelling.

    A number and the % after it are one word.

    ``indent`` is what the lines after the first begin with.

    >>> wrapped("NegGrad(alpha=0.9) @ WeightedGrad()", 20)
    ['NegGrad(alpha=0.9) @', 'WeightedGrad()']
    >>> wrapped("Random(fraction=0.05)", 14, "  ")
    ['Random(', '  fraction=', '  0.05)']
    """
    lines = [""]
    for word in re.split(r"\s+(?!%)", text.strip()):
        for at, piece in enumerate(_pieces(word, width - len(indent))):
            gap = " " if lines[-1] and not at else ""
            longer = f"{lines[-1]}{gap}{piece}"
            if cell_len(longer) <= width:
                lines[-1] = longer
            elif lines[-1]:
                lines.append(f"{indent}{piece}")
            else:
                lines[-1] = piece
    return lines


def _pieces(word: str, width: int) -> list[str]:
    if cell_len(word) <= width:
        return [word]
    pieces = PIECE.findall(word)
    return [part for piece in pieces for part in (chop_cells(piece, width) if cell_len(piece) > width else [piece])]


def _total(widths: Sequence[int]) -> int:
    """Width of a table whose columns have these widths."""
    return sum(widths) + BETWEEN * len(widths) + 1
