"""Where retraining is no gold standard: faults of which only a part was found: ``python papers/healing.py --data FOLDER``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Labels of a perceptron are flipped at random, or two classes are
confused; a tenth, a half or all of the faults are found. Each method, at its own defaults and nothing tuned, is scored by how
many of all faulty examples it predicts as they should have been labelled, times test accuracy. Results go to papers/healing/.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import untrain as ut
from untrain.core.atomic_write import atomic_write
from untrain.reports.formatting import label

NOISES = {"flips": "Flip(rate=0.1)", "confusion": "Confusion(classes=(2, 4), rate=0.5)"}
FOUND = (0.1, 0.5, 1.0)
METHODS = (
    "Nothing()", "Retrain()", "Finetune()", "GradAscent()", "NegGrad()", "RandomLabel()", "SalUn()", "SCRUB()", "SSD(select=2)",
    "BadTeacher()", "NPO()", "UAM()", "DEL()", "UNSIR()", "MUMis()", "AMUN()", "SFRon()",
)  # fmt: skip
KEYS = ("value", "low", "high", "ceiling")
SCORES = ("healed_times_test", "healed_accuracy", "healed_found", "healed_hidden", "test_accuracy")


def main() -> None:
    """Run each case, and write the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--store", default="untrain-healing", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "healing")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--methods", nargs="+", default=METHODS)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    began, cases = time.process_time(), []
    for name, noise in NOISES.items():
        for found in FOUND:
            scenario = f"FashionPCA(path={given.data!r}, size=2000, noise={noise}, request=Mislabelled(found={found}))"
            run = ut.run(
                scenario, given.methods, store=given.store, seeds=given.seeds, oracles=given.seeds, workers=given.workers,
                evaluators=("Healing()", "Accuracy()"), images=False,
            )  # fmt: skip
            cases.append({"noise": name, "found": found, "sizes": run["sizes"], "rows": rows_of(run), "setting": run["setting"]})
            print(f"{time.strftime('%H:%M:%S')} {name}, {found:.0%} found", file=sys.stderr, flush=True)
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": "python papers/healing.py --data FashionMNIST", "seeds": given.seeds,
        "cpu_seconds": round(time.process_time() - began), "cases": cases,
    }  # fmt: skip
    with atomic_write(given.out / "healing.json") as fresh:
        fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    (given.out / "README.md").write_text(page(document))


def rows_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each method its scores and cost."""
    return [
        {
            "method": row["method"], "error": row["error"], "cost": row["cost"].get("share_of_retraining"),
            "scores": {name: {key: row["scores"][name][key] for key in KEYS} for name in SCORES if name in row["scores"]},
        }
        for row in run["results"]
    ]  # fmt: skip


def page(document: dict[str, Any]) -> str:
    """The tables as Markdown, best first, with who is told from retraining."""
    facts = document["cases"][0]["setting"]
    lines = [
        "# Partial discovery", "",
        f"{document['date']}, `{document['command']}`, {document['seeds']} originals and as many retrained models a case, "
        f"`FashionPCA(size=2000)`, defaults of all methods, nothing tuned; {facts['machine']}, untrain {facts['untrain']}, torch "
        f"{facts['torch']}. Healed: share of all faulty training examples, found or not, that are predicted as they should have "
        "been labelled. Intervals are 95 %, over models and examples.", "",
    ]  # fmt: skip
    for case in document["cases"]:
        lines += [f"## {case['noise']}, {case['found']:.0%} found: {case['sizes']['forget']} of the faults", ""]
        lines += ["| Method | Healed × test | Healed | Found ones | Hidden ones | Test | Operations |", "|---" * 7 + "|"]
        done = [row for row in case["rows"] if not row["error"]]
        for row in sorted(done, key=lambda row: -row["scores"]["healed_times_test"]["value"]):
            cells = [cell(row["scores"].get(name)) for name in SCORES]
            lines.append(f"| `{label(row['method'])}` | {' | '.join(cells)} | {100 * (row['cost'] or 0):.0f} % |")
        lines += [f"| `{label(row['method'])}` | failed: {row['error']} | | | | | |" for row in case["rows"] if row["error"]]
        lines.append("")
    return "\n".join(lines)


def cell(score: dict[str, Any] | None) -> str:
    """A share with its interval, in per cent."""
    if score is None or score["value"] is None:
        return "-"
    return f"{100 * score['value']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"


if __name__ == "__main__":
    main()
