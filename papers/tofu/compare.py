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
from collections.abc import Collection, Sequence
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
RESET = {"DEL", "random mask, DEL's settings"}  # these learn anew what they reset: longer, and with the step size of training
ANEW = "Steps(lr=0.004, epochs={epochs}, batch=16, optimizer=AdamW(), warmup=0.05)"
MODEL = ut.CausalTransformer(width=96, depth=2, hidden=384)
LEARNED = ut.Steps(lr=4e-3, epochs=24, batch=8, optimizer=ut.AdamW(), warmup=0.05)
RELEARN = "Relearn(steps=Steps(lr=0.001, epochs=10, batch=20, optimizer=AdamW(), schedule=Constant()))"
OBSERVERS = ("Quantization(bits=4)", RELEARN)
SCORES = (
    "ForgetQuality()", "ModelUtility()", "TruthRatio()", "Probability()", "Verbatim()", "Reworded()", "ULiRA()", "LowestTokenMIA()",
    "ThresholdMIA()", "ReferenceMIA()",
)  # fmt: skip


def options(about: str) -> argparse.ArgumentParser:
    """What this script and its neighbours are told."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", required=True, help="folder with TOFU's files")
    parser.add_argument("--store", default="untrain-tofu", help="where models are kept")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where results are written")
    parser.add_argument("--authors", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.2, help="of the authors, to forget")
    parser.add_argument("--epochs", type=int, nargs="+", default=[4], help="lengths that each method is tried with")
    parser.add_argument(
        "--longer",
        type=int,
        nargs="*",
        default=[],
        help="lengths of further rows of methods that reset weights, with the step size of training",
    )
    parser.add_argument("--only", nargs="+", choices=tuple(WALKED), default=list(WALKED), help="which methods are tried")
    parser.add_argument("--seeds", type=int, default=4, help="originals")
    parser.add_argument("--oracles", type=int, default=10, help="retrained models")
    parser.add_argument("--workers", type=int, default=2)
    return parser


def posed(given: argparse.Namespace) -> Tofu:
    """The scenario."""
    return Tofu(
        path=given.data, authors=given.authors, request=ut.Where(rule=f"last <= {given.share}"), vocabulary=1024, model=MODEL,
        steps=LEARNED,
    )  # fmt: skip


def command(given: argparse.Namespace, script: str) -> str:
    """The command line of a script of this folder, without the folders of its machine."""
    parts = [
        f"python -m papers.tofu.{script} --data TOFU --authors {given.authors} --share {given.share:g}",
        f"--epochs {' '.join(map(str, given.epochs))}", f"--seeds {given.seeds} --oracles {given.oracles}",
    ]  # fmt: skip
    if given.longer:
        parts.append(f"--longer {' '.join(map(str, given.longer))}")
    if len(given.only) < len(WALKED):
        parts.append(f"--only {shlex.join(given.only)}")
    return " ".join(parts)


def main() -> None:
    """Make models, unlearn, and write all scores."""
    given = options(str(__doc__).partition("\n")[0]).parse_args()
    labels = methods(given.epochs, given.only, given.longer)
    scenario = posed(given)
    say(f"{given.seeds} originals, {given.oracles} retrained models")
    run = ut.run(
        scenario, [spec for specs in labels.values() for spec in specs], store=given.store, seeds=given.seeds,
        oracles=given.oracles, workers=given.workers, evaluators=SCORES, observers=OBSERVERS,
    )  # fmt: skip
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": command(given, "compare"),
        "authors": given.authors, "share": given.share, "seeds": given.seeds, "oracles": given.oracles,
        "model": repr(scenario.model), "steps": repr(scenario.steps), "setting": run["setting"], "sizes": run["sizes"],
        "labels": labels, "cpu_seconds": round(sum(os.times()[:4])), "rows": [row_of(row) for row in run["results"]],
    }  # fmt: skip
    write(given.out / f"authors-{given.authors}-{given.share:g}.json", document)


def methods(lengths: list[int], only: Collection[str] = tuple(WALKED), longer: Sequence[int] = ()) -> dict[str, list[str]]:
    """Spellings of each label's rows, one for each number of epochs; those that reset weights have further ones, as trained."""
    return {
        "nothing": ["Nothing()"], "retrained once more": ["Retrain()"],
        **{
            label: [
                repr(ut.parse(text.format(steps=steps)))
                for steps in (
                    *(STEPS.format(lr=RATE, epochs=epochs) for epochs in lengths),
                    *(ANEW.format(epochs=epochs) for epochs in longer if label in RESET),
                )
            ]
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
