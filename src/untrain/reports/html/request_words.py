"""The request of a run, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from untrain.evaluation.observation import CORRECTED
from untrain.reports import formatting
from untrain.reports.headings import WRONG, heading
from untrain.reports.material import Material


def title(material: Material) -> str:
    """The heading of a run: repair of wrong labels, correction or privacy, and whether the data have wrong labels."""
    if is_repair(material):
        return "Repair: examples with wrong labels"
    noisy = mislabelled(material, "forget") or mislabelled(material, "retain")
    what, where = ("Correction: examples changed", "in") if is_correction(material) else ("Privacy: examples withdrawn", "from")
    return what + (f" {where} data with wrong labels" if noisy else "")


def is_correction(material: Material) -> bool:
    """Return whether the request gives the examples to forget new values, and takes none away."""
    return bool((np.asarray(material.oracle.side) == CORRECTED).any())


def is_repair(material: Material) -> bool:
    """Return whether more than half of the examples to forget have a wrong label."""
    return 2 * mislabelled(material, "forget") > int((np.asarray(material.oracle.side) == "forget").sum())


def forget_heading(material: Material) -> str:
    """The heading of accuracy on the forget set by the labels as given, which says so where these are the wrong ones."""
    return heading("forget_accuracy", WRONG if is_repair(material) else None)


def about(material: Material) -> str:
    """The request, in words."""
    sizes = material.document["sizes"]
    wrong, others = (mislabelled(material, side) for side in ("forget", "retain"))
    fate = "are corrected, and the values that they had are" if is_correction(material) else "are"
    request = (
        f"{sizes['forget']:,} of {sizes['train']:,} training examples {fate} to be forgotten; "
        f"{sizes['test']:,} others are for the test."
    )
    if is_repair(material):
        those = f"All {wrong:,}" if wrong == sizes["forget"] else f"{wrong:,}"
        return f"{request} {those} of the examples to forget have a wrong label, planted to see whether it can be repaired."
    noise = f" {wrong:,} of the examples to forget and {others:,} of the other training examples have a wrong label."
    return request + (noise if wrong or others else "")


def of_labels(document: Mapping[str, Any]) -> str:
    """The meaning of letters and of an @ in labels of methods, where there are any.

    >>> of_labels({"results": [{"method": "DEL(keep=0.1)"}, {"method": "DEL(keep=0.3)"}]})
    '(a), (b): the same method with other settings.'
    """
    labels = formatting.lettered([row["method"] for row in document["results"]]).values()
    letters = sorted({label[-3:] for label in labels if label[-3:-2] == "(" and label[-1:] == ")"})
    parts = [f"{', '.join(letters)}: the same method with other settings."] if letters else []
    located = next((label.partition(" @ ")[2] for label in labels if " @ " in label), "")
    return " ".join(
        [*parts, *([f"@\N{NO-BREAK SPACE}{located}: {located} chose the weights that the method may change."] if located else [])]
    )


def mislabelled(material: Material, side: str) -> int:
    """Number of examples of a side whose label is not the true one."""
    outputs = material.oracle
    here = np.asarray(outputs.side) == side
    return int((np.asarray(outputs.labels)[here] != np.asarray(outputs.true)[here]).sum())
