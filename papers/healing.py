"""Where retraining is no gold standard: faults of which only a part was found: ``python papers/healing.py --data FOLDER``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Labels of a perceptron's training images are flipped at random, two
classes are confused, or images are poisoned with a trigger; a tenth, a half or all of the faults are found. Each method, nothing
tuned, is scored by how many of all faulty examples it predicts as they should have been labelled, times test accuracy, and held
against retraining of the same originals. Models that the store has are not made again, so a method more is a name in ``METHODS``
and the same command. Results go to papers/healing/.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import untrain as ut
from untrain.core.atomic_write import atomic_write
from untrain.evaluation.base import Measured, Prepared
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import drawn, number
from untrain.experiments.results import entries_of, observe
from untrain.maths.bootstrap import basic
from untrain.reports.formatting import label
from untrain.runtime.store import Store

NOISES = {"flips": "Flip(rate=0.1)", "confusion": "Confusion(classes=(2, 4), rate=0.5)", "trigger": "Trigger(rate=0.1)"}
FOUND = (0.1, 0.5, 1.0)
LEARNER = (
    "Train(model=MLP(width=64), steps=Steps(lr=0.2, epochs=15, batch=64), keepers=(Checkpoint(),))"  # MSA takes the checkpoint
)
METHODS = (
    "Nothing()", "Retrain()", "Finetune()", "GradAscent()", "NegGrad()", "RandomLabel()", "SalUn()", "SCRUB()", "SSD()",
    "SSD(select=2)", "BadTeacher()", "NPO()", "UAM()", "DEL()", "UNSIR()", "MUMis()", "AMUN()", "SFRon()", "Potion()", "MSA()",
    "REM()",
)  # fmt: skip
KEYS = ("value", "low", "high", "ceiling")
SCORES = ("healed_times_test", "healed_accuracy", "healed_found", "healed_hidden", "test_accuracy")
SEEDS, DRAWS, IDLE = 10, 10_000, 0.005  # originals; resamples behind a paired interval; share of predictions that counts as none


def main() -> None:
    """Run each case, and write the tables."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--store", default="untrain-healing", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "healing")
    options.add_argument("--seeds", type=int, default=SEEDS)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    cases: list[dict[str, Any]] = []
    for name, noise in NOISES.items():
        for found in FOUND:
            data = f"FashionPCA(path={given.data!r}, size=2000, noise={noise}, request=Mislabelled(found={found}))"
            run = ut.run(
                f"WithLearner(scenario={data}, by={LEARNER})", METHODS, store=given.store, seeds=given.seeds, oracles=given.seeds,
                workers=given.workers, evaluators=("Healing()", "Accuracy()"), images=False,
            )  # fmt: skip
            rows = rows_of(run, Store(given.store))
            cases.append({"noise": name, "found": found, "sizes": run["sizes"], "rows": rows, "setting": run["setting"]})
            print(f"{time.strftime('%H:%M:%S')} {name}, {found:.0%} found", file=sys.stderr, flush=True)
    command = "python papers/healing.py --data FashionMNIST" + (f" --seeds {given.seeds}" if given.seeds != SEEDS else "")
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": command, "seeds": given.seeds, "learner": LEARNER,
        "cpu_seconds": round(sum(os.times()[:4])), "noises": NOISES, "cases": cases,
    }  # fmt: skip
    with atomic_write(given.out / "healing.json") as fresh:
        fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    (given.out / "README.md").write_text(page(document))


def rows_of(run: dict[str, Any], store: Store) -> list[dict[str, Any]]:
    """Of each method its scores, its cost, its difference to retraining and the share of predictions that it changed."""
    entry = store.get(run["run"])
    assert entry is not None
    models = entries_of(entry, store)
    original = observe(entry, models["original"], store)
    done = [row["method"] for row in run["results"] if row["error"] is None]
    outputs = {method: observe(entry, models["unlearned"][method], store) for method in done}
    retrained = healing(outputs["Retrain()"])
    rows = []
    for row in run["results"]:
        method = row["method"]
        rows.append({"method": method, "error": row["error"], "cost": row["cost"].get("share_of_retraining")})
        if method in outputs:
            scores = {name: {key: row["scores"][name][key] for key in KEYS} for name in SCORES if name in row["scores"]}
            rows[-1] |= {"scores": scores, "changed": changed(outputs[method], original)}
            if method != "Retrain()":
                rows[-1]["paired"] = paired(healing(outputs[method]), retrained, len(run["results"]) - 1, original.models)
    return rows


def healing(outputs: Observation) -> Measured:
    """What ``Healing`` measures as healed times test accuracy."""
    evaluator = ut.Healing()
    tables = evaluator.prepare(outputs)
    measured = evaluator.evaluate(Prepared(tables, tables, np.asarray(outputs.side), noisy=True))["healed_times_test"]
    assert not isinstance(measured, str), measured
    return measured


def paired(ours: Measured, theirs: Measured, comparisons: int, models: int, draws: int = DRAWS) -> dict[str, Any]:
    """Difference of two methods on the same originals and examples, its 95 % interval, and which is better.

    Originals and examples are drawn with replacement, the same for both. The verdict's level allows for so many comparisons.

    Args:
        ours: of the method.
        theirs: of the one that it is held against.
        comparisons: that are decided together, at 95 %.
        models: originals of each.
        draws: number of resamples.
    """
    value, each = number(ours) - number(theirs), drawn(ours, draws, 0) - drawn(theirs, draws, 0)
    level = 1 - 0.05 / comparisons
    # Resamples are widened to what few models leave open at 95 %; at a higher level they leave open more.
    more = 1.0 if models == 1 else _student(level, models) / _student(0.95, models)
    (low, high), (least, most) = basic(value, each, -1, 1), basic(value, value + more * (each - value), -1, 1, level)
    return {"value": value, "low": low, "high": high, "says": "better" if least > 0 else "worse" if most < 0 else "open"}


def _student(level: float, models: int) -> float:
    """How much wider Student's interval of a mean is than the normal one."""
    tail = (1 + level) / 2
    return float(stats.t.ppf(tail, models - 1) / stats.norm.ppf(tail))


def changed(outputs: Observation, original: Observation) -> float:
    """Share of examples, trained on or not, that are predicted as another class than by the same original."""
    now, before = (np.asarray(each.outputs["logits"]).argmax(-1) for each in (outputs, original))
    return float((now != before).mean())


def page(document: dict[str, Any]) -> str:
    """The tables as Markdown, best first, with each method's difference to retraining."""
    facts, rows = document["cases"][0]["setting"], [row for case in document["cases"] for row in case["rows"]]
    names = list(dict.fromkeys(row["method"] for row in rows))
    spelled = [f"`{label(name)}`" for name in names if label(name) != label(name.partition("(")[0] + "()")]
    moved = {
        name: max((row["changed"] for row in rows if row["method"] == name and not row["error"]), default=1.0) for name in names
    }
    idle = [f"`{label(name)}`" for name, share in moved.items() if share < IDLE and name != "Nothing()"]
    lines = [
        "# Partial discovery", "",
        f"{document['date']}, `{document['command']}`, {document['seeds']} originals and as many retrained models a case, "
        f"`FashionPCA(size=2000)`, 200 faults, nothing tuned, methods at their defaults"
        f"{', and beside them ' if spelled else ''}{', '.join(spelled)}; "
        f"{facts['machine']}, untrain {facts['untrain']}, torch {facts['torch']}. Faults: "
        f"{', '.join(f'{name} `{noise}`' for name, noise in document['noises'].items())}. Trained by `{document['learner']}`. "
        "Healed: share of all faulty training examples, found or not, that are predicted as they should have been labelled, of "
        "poisoned ones with the trigger in the image; test images have none. Intervals are 95 %, over models and examples, of "
        "one draw of the faults.", "",
        "To `Retrain`: healed times test of a method less that of retraining, in points, on the same originals and examples, which "
        "are drawn together. The verdict allows for all comparisons of its table (Bonferroni); **open** says that neither is shown "
        "to be better. An interval of no width says that neither healed an example of any original, not that they are alike.", "",
        f"Hardly anything is done at their defaults, here, by {', '.join(idle) or 'none'}: in every case fewer than {100 * IDLE:g} "
        "% of all predictions differ from the original's.", "",
    ]  # fmt: skip
    for case in document["cases"]:
        lines += [f"## {case['noise']}, {case['found']:.0%} found: {case['sizes']['forget']} of the faults", ""]
        lines += [
            "| Method | Healed × test | To `Retrain` | Healed | Found ones | Hidden ones | Test | Operations |",
            "|---" * 8 + "|",
        ]
        done = [row for row in case["rows"] if not row["error"]]
        for row in sorted(done, key=lambda row: -row["scores"]["healed_times_test"]["value"]):
            first, *others = (cell(row["scores"].get(name)) for name in SCORES)
            verdict = f"{cell(row['paired'])} **{row['paired']['says']}**" if "paired" in row else "-"
            cells = [f"`{label(row['method'])}`", first, verdict, *others, f"{100 * (row['cost'] or 0):.0f} %"]
            lines.append(f"| {' | '.join(cells)} |")
        lines += [f"| `{label(row['method'])}` | failed: {row['error']} |{' |' * 6}" for row in case["rows"] if row["error"]]
        lines.append("")
    return "\n".join(lines)


def cell(score: dict[str, Any] | None) -> str:
    """A share with its interval, in per cent."""
    if score is None or score["value"] is None:
        return "-"
    return f"{100 * score['value']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"


if __name__ == "__main__":
    main()
