"""Documents of results as notebooks show them: still dictionaries, with a table."""

from __future__ import annotations

from typing import Any

from untrain.core.notebook import html_facts, html_table
from untrain.reports.run_table import legend, table_of
from untrain.reports.terminal import verdict_of


class RunDocument(dict[str, Any]):
    """The document of a run."""

    def _repr_html_(self) -> str:
        table = table_of(self, brief=True)
        labels = [f"{label}: {method}" for label, method in legend(self).items()]
        rows = [row.cells for row in table.rows]
        return html_table(table.title, table.columns, rows, [*verdict_of(self), *labels])


class PriceDocument(dict[str, Any]):
    """The price of a run."""

    def _repr_html_(self) -> str:
        time = None if self["seconds"] is None else f"{self['seconds']:.0f}"
        kinds = ", ".join(f"{count} {kind}" for kind, count in self["kinds"].items() if count)
        facts = {"models to train": f"{self['train']} ({kinds})" if kinds else self["train"], "in the store": self["stored"]}
        return html_facts("Price", facts | {"seconds": time, "workers": self["workers"]}, [self["told"]])


class ForgetDocument(dict[str, Any]):
    """The document of a checkpoint that forgot, or of the plan; it names no row that goes."""

    def _repr_html_(self) -> str:
        request, plan = self["request"], self["plan"]
        facts = {
            "checkpoint": self["model"]["path"], "kind": self["model"]["kind"],
            "rows to forget": f"{request['rows']:,} of {self['data']['rows']:,}",
            "twins that stay": None if plan["twins"]["included"] else plan["twins"]["exact"] + plan["twins"]["near"] or None,
        }  # fmt: skip
        if "after" not in self:
            seconds = plan["retraining"]["seconds"]
            training = None if seconds is None else f"about {seconds:.0f} s"
            return html_facts("Plan", {**facts, "training again": training}, ["Nothing was changed."])
        facts |= {"method": f"{self['method']} ({self['why']})", "new checkpoint": self["out"]["path"]}
        before, after = self["before"], self["after"]
        sides = [(side, what) for side in ("validation", "retain", "forget") for what in ("accuracy", "loss")]
        rows = [(f"{side} {what}", f"{before[side][what]:.3f}", f"{after[side][what]:.3f}") for side, what in sides]
        if before["alike"] and after["alike"]:
            rows.append(("chance of a larger loss than unseen", f"{before['alike']['area']:.3f}", f"{after['alike']['area']:.3f}"))
        figures = html_table("Figures", ("", "before", "after"), rows)
        return html_facts("Forgotten", facts, [f"not covered: {each}" for each in self["does_not_cover"]]) + figures
