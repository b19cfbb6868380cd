"""TOFU on a small language model: ``python -m papers.tofu.compare --data FOLDER``.

FOLDER holds TOFU's full, holdout10, retain_perturbed and forget10_perturbed. Models learn the last authors from scratch, and
methods forget the last of these; each method has one row per length, and nothing is chosen, so nothing is tuned on retrained
models or on test answers. Models that the store has are not made again. Scores go to NAME.json beside this file;
``papers.tofu.page`` makes pages of them.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from papers.vision.removal import say, write

import untrain as ut
from untrain.experiments.scenarios.tofu import Tofu

RATE = 3e-4
STEPS = "Steps(lr={lr}, epochs={epochs}, batch=16, optimizer=AdamW(), schedule=Constant(), clip=1.0)"
# By label: a template; an epoch is once through the retain set.
WALKED = {
    "retain-only control": "Finetune(steps={steps})",
    "GradAscent + retain": "NegGrad(alpha=0.5, steps={steps})",
    "NPO": "NPO(beta=0.1, steps={steps})",
    "SimNPO": "SimNPO(steps={steps})",
    "UNDIAL + retain": "UNDIAL(retain=1.0, steps={steps})",
    "RMU": "RMU(steps={steps})",
    "WGA": "WGA(steps={steps})",
    "DEL": "DEL(keep=0.3, steps={steps})",
    "random mask, DEL's settings": "ResetFinetune(steps={steps}) @ RandomMask(like=WeightedGrad(keep=0.3))",
}
MODEL = ut.CausalTransformer(width=96, depth=2, hidden=384)
LEARNED = ut.Steps(lr=4e-3, epochs=24, batch=8, optimizer=ut.AdamW(), warmup=0.05)
RELEARN = "Relearn(steps=Steps(lr=0.001, epochs=10, batch=20, optimizer=AdamW(), schedule=Constant()))"
OBSERVERS = ("Quantization(bits=4)", RELEARN)
SCORES = (
    "ForgetQuality()", "ModelUtility()", "TruthRatio()", "Probability()", "Verbatim()", "Reworded()", "ULiRA()", "LowestTokenMIA()",
    "ThresholdMIA()", "ReferenceMIA()",
)  # fmt: skip


def main() -> None:
    """Make models, unlearn, and write all scores."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with TOFU's files")
    options.add_argument("--store", default="untrain-tofu", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent, help="where results are written")
    options.add_argument("--authors", type=int, default=5)
    options.add_argument("--share", type=float, default=0.2, help="of the authors, to forget")
    options.add_argument("--epochs", type=int, nargs="+", default=[4], help="lengths that each method is tried with")
    options.add_argument("--only", nargs="+", choices=tuple(WALKED), default=list(WALKED), help="which methods are tried")
    options.add_argument("--seeds", type=int, default=4, help="originals")
    options.add_argument("--oracles", type=int, default=10, help="retrained models")
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    labels = methods(given.epochs, given.only)
    scenario = Tofu(
        path=given.data, authors=given.authors, request=ut.Where(rule=f"last <= {given.share}"), vocabulary=1024, model=MODEL,
        steps=LEARNED,
    )  # fmt: skip
    say(f"{given.seeds} originals, {given.oracles} retrained models")
    run = ut.run(
        scenario, [spec for specs in labels.values() for spec in specs], store=given.store, seeds=given.seeds,
        oracles=given.oracles, workers=given.workers, evaluators=SCORES, observers=OBSERVERS,
    )  # fmt: skip
    only = "" if len(given.only) == len(WALKED) else f" --only {shlex.join(given.only)}"
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"python -m papers.tofu.compare --data TOFU --authors {given.authors} --share {given.share:g} "
        f"--epochs {' '.join(map(str, given.epochs))} --seeds {given.seeds} --oracles {given.oracles}{only}",
        "authors": given.authors, "share": given.share, "seeds": given.seeds, "oracles": given.oracles,
        "model": repr(scenario.model), "steps": repr(scenario.steps), "setting": run["setting"], "sizes": run["sizes"],
        "labels": labels, "cpu_seconds": round(sum(os.times()[:4])), "rows": [row_of(row) for row in run["results"]],
    }  # fmt: skip
    write(given.out / f"authors-{given.authors}-{given.share:g}.json", document)


def methods(lengths: list[int], only: Collection[str] = tuple(WALKED)) -> dict[str, list[str]]:
    """Spellings of each label's rows, one for each number of epochs."""
    return {
        "nothing": ["Nothing()"], "retrained once more": ["Retrain()"],
        **{
            label: [repr(ut.parse(text.format(steps=STEPS.format(lr=RATE, epochs=epochs)))) for epochs in lengths]
            for label, text in WALKED.items() if label in only
        },
    }  # fmt: skip


def row_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a page needs of a method's result."""
    shown = {"method": row["method"], "error": row["error"]}
    if row["error"] is not None:
        return shown
    kept = ("value", "low", "high", "floor", "ceiling", "ideal", "band")
    scores = {
        name: {key: score[key] for key in kept} | {"verdict": (score["verdict"] or {}).get("says")}
        for name, score in row["scores"].items()
        if score["value"] is not None
    }
    said = {"outcome": row["verdict"]["outcome"], "sentence": row["verdict"]["sentence"]}
    return shown | said | {"cost": row["cost"]["share_of_retraining"], "seconds": row["cost"]["seconds"], "scores": scores}


if __name__ == "__main__":
    main()
