"""The request of a run, in words."""

from __future__ import annotations

import numpy as np

from untrain.evaluation.observation import CORRECTED
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


def about(material: Material) -> str:
    """The request, in words."""
    sizes = material.document["sizes"]
    wrong, others = (mislabelled(material, side) for side in ("forget", "retain"))
    fate = "are corrected, and the values that they had are" if is_correction(material) else "are"
    request = (
        f"{sizes['forget']:,} of {sizes['train']:,} training examples {fate} to be forgotten; "
        f"{sizes['test']:,} test examples were not in the training set that untrain was given."
    )
    if is_repair(material):
        return f"{request} {wrong:,} of the examples to forget have a wrong label, planted to see whether it can be repaired."
    noise = f" {wrong:,} of the examples to forget and {others:,} of the other training examples have a wrong label."
    return request + (noise if wrong or others else "")


def mislabelled(material: Material, side: str) -> int:
    """Number of examples of a side whose label is not the true one."""
    outputs = material.oracle
    here = np.asarray(outputs.side) == side
    return int((np.asarray(outputs.labels)[here] != np.asarray(outputs.true)[here]).sum())
