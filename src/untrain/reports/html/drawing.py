"""The charts of a page, gathered while its sections are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
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
            self.figures[name] = self.plotly.figure(**asdict(chart))
        return chart is not None
