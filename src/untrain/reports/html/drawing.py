"""The charts of a page, gathered while its sections are made."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from types import ModuleType
from typing import Any

from untrain.reports.html.chart_spec import Chart


@dataclass
class Drawn:
    """The charts of a page, as they gather: name -> figure."""

    plotly: ModuleType | None
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, chart: Chart | None) -> bool:
        """Keep a chart under a name; whether there was one."""
        if chart is not None and self.plotly is not None:
            self.figures[name] = self.plotly.figure(**_fields(chart))
        return chart is not None


def _fields(record: Any) -> Any:
    """Fields of a record and of the records in it; ``asdict`` would copy each of the thousands of numbers of a series besides."""
    if is_dataclass(record):
        return {name: _fields(value) for name, value in vars(record).items()}
    return tuple(map(_fields, record)) if isinstance(record, tuple) and record and is_dataclass(record[0]) else record
