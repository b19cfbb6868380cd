"""Check that the demo's report is there and complete; exits 1 and says what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WANTED = ("Retrain(", "Finetune(", "NegGrad(", "RandomLabel(", "SalUn(", "DEL(", "@ RandomMask(", "Nothing(")


def complaints(folder: Path) -> list[str]:
    """What is wrong with a folder that the demo wrote."""
    missing = [f"there is no {name}" for name in ("results.json", "report.html", "scores.csv") if not (folder / name).is_file()]
    if missing:
        return missing
    whole = json.loads((folder / "results.json").read_text())
    page = (folder / "report.html").read_text()
    told = [] if len(whole["runs"]) == 2 else [f"{len(whole['runs'])} runs instead of 2"]
    for run in whole["runs"]:
        labels = [row["method"] for row in run["results"]]
        told += [f"no {w} in {run['scenario']}" for w in WANTED if not any(w in label for label in labels)]
        told += [f"{row['method']} failed: {row['error']}" for row in run["results"] if row["error"]]
        for row in (row for row in run["results"] if not row["error"]):
            told += [f"{row['method']}{fault}" for fault in faults(row)]
    far = ('src="http', "src='http", '<link rel="stylesheet" href="http')
    told += [f"report.html loads {word}" for word in far if word in page]
    told += [] if "application/json" in page and "</html>" in page else ["report.html lacks its data or its end"]
    return told + ([] if (folder / "scores.csv").stat().st_size > 1000 else ["scores.csv is short"])


def faults(row: dict[str, Any]) -> list[str]:
    """What is wrong with a method that did not fail."""
    told = [f": no {n}" for n in ("forget_gap", "test_gap", "mia_loss_auc") if row["scores"][n]["value"] is None]
    told += [" leaked outside its mask"] if row["guard"]["outside_mask_max"] != 0 else []
    return told + ([" moved nothing"] if row["guard"]["moved_share"] == 0 and row["method"] != "Nothing()" else [])


if __name__ == "__main__":
    found = complaints(Path(sys.argv[1]))
    print("\n".join(found) or "the report is there and complete")
    sys.exit(1 if found else 0)
