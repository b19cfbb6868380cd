"""What brings forgotten answers back: ``python -m papers.tofu.robustness --data FOLDER``.

The models of ``papers.tofu.compare`` are changed, steered, asked otherwise or trained on, and so are the models retrained without
the forget set: what matters is the difference between the two. Models that the store has are not made again. Scores go to
robustness/NAME.json; ``papers.tofu.robustness_page`` makes pages of them.
"""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from typing import Any

from papers.tofu.compare import command, methods, options, posed, row_of
from papers.vision.removal import say, write

import untrain as ut

RELEARN = "Relearn(steps=Steps(lr=0.001, epochs=10, batch=20, optimizer=AdamW(), schedule=Constant()), {})"
# By what is done to a model: what does it, and the score that says what came back.
ATTACKS = {
    "asked as it was taught": ("Probability()", "probability_forget"),
    "asked in other words": ("Reworded()", "reworded_forget"),
    "after three answered questions": ("FewShot()", "few_shot_forget"),
    "steered": ("Steering()", "steered_forget"),
    "weights of 8 bits": ("Quantization(bits=8)", "quantized_forget"),
    "weights of 4 bits": ("Quantization(bits=4)", "quantized_forget"),
    "30 % of the weights pruned": ("Pruning()", "pruned_forget"),
    "the likeliest reply": ("Rouge(most=40)", "rouge_forget"),
    "the best of 8 drawn replies": ("Rouge(samples=8, temperature=1.0, most=40)", "rouge_forget"),
    "relearning 8 of the forgotten": (RELEARN.format("examples=8"), "relearn_time"),
    "relearning other authors": (RELEARN.format("on='test'"), "relearn_time"),
}
EVALUATORS = ("Probability()", "Reworded()")


def main() -> None:
    """Attack all models, and write what came back."""
    parser = options(str(__doc__).partition("\n")[0])
    parser.add_argument("--attacks", nargs="+", choices=tuple(ATTACKS), default=list(ATTACKS), help="what is tried")
    given = parser.parse_args()
    tried = {attack: ATTACKS[attack] for attack in given.attacks}
    scenario = posed(given)
    labels = methods(given.epochs, given.only, given.longer)
    specs = [spec for each in labels.values() for spec in each]
    rows: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    for attack, (spec, name) in tried.items():
        say(attack)
        # One by one: two of a kind have scores of the same name.
        run = ut.run(
            scenario, specs, store=given.store, seeds=given.seeds, oracles=given.oracles, workers=given.workers,
            evaluators=(spec,) if spec in EVALUATORS else ("Probability()",), observers=() if spec in EVALUATORS else (spec,),
        )  # fmt: skip
        facts = {"setting": run["setting"], "sizes": run["sizes"]}
        for row in run["results"]:
            shown = row_of(row)
            kept = rows.setdefault(row["method"], {key: shown.get(key) for key in ("method", "error", "cost")} | {"scores": {}})
            if shown["error"] is None and name in shown["scores"]:
                kept["scores"][attack] = shown["scores"][name]
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": command(given, "robustness") + ("" if tried == ATTACKS else f" --attacks {shlex.join(tried)}"),
        "authors": given.authors, "share": given.share, "seeds": given.seeds, "oracles": given.oracles,
        "model": repr(scenario.model), **facts, "labels": labels, "attacks": {a: spec for a, (spec, _) in tried.items()},
        "cpu_seconds": round(sum(os.times()[:4])), "rows": list(rows.values()),
    }  # fmt: skip
    (given.out / "robustness").mkdir(parents=True, exist_ok=True)
    write(given.out / "robustness" / f"authors-{given.authors}-{given.share:g}.json", document)


if __name__ == "__main__":
    main()
