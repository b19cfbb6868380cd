"""Entropy on forgotten photographs after JiT: ``python -m papers.vision.entropy --data FOLDER``.

FOLDER holds CIFAR-10 as train.parquet and test.parquet. A network that memorizes its images forgets a random tenth of them, as
in the authors' notebook: 100 noises of a deviation of .8 in their units. Their step size is two rows, as long in epochs and as
long in steps as their walk; those of the others are chosen by ``largest_lr`` on an original of its own, from the forget inputs
alone. Models that the store has are not made again. Numbers of single models go to entropy.json beside this file;
``papers.vision.entropy_table`` makes a page of them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import numpy as np
from papers.vision.removal import entropies, rounded, say, words, write
from scipy import stats

import untrain as ut
from untrain.commands.arguments import setting_of
from untrain.core.spec import canonical
from untrain.core.spec_sources import sources
from untrain.evaluation.observation import Observation
from untrain.experiments.jobs import pose, run_job, start_of
from untrain.experiments.keys import Job, engine, model_key
from untrain.experiments.results import entries_of, observe
from untrain.experiments.scene import open_scene
from untrain.runtime.store import Contents, Store
from untrain.runtime.threads import threads

Document = dict[str, Any]
SEED, SEEDS = 0, 10
DATA = (
    "SmallCIFAR10(path={path!r}, size=3000, steps=Steps(lr=0.8, epochs=20, batch=250, optimizer=SGD(decay=0.0005, nesterov=True, "
    "decay_on='weights'), schedule=Triangular()), request=Random(fraction=0.1))"
)
UNIT = 0.2667  # mean deviation by which the authors divide pixels in [0, 1]: a noise of theirs is as much smaller in ours
SCALE = round(0.8 * UNIT, 4)
# The ratio that they minimise is larger by 1 / UNIT in our units, and so is its gradient.
RATE = float(f"{2e-5 * UNIT:.3g}")
# Templates by label, with a step size and a number of noises to be filled in: few are enough to choose a step size by.
RULED = {
    "JiT": "JiT(noise=InputNoise(scale={scale}, draws={draws}), steps=Steps(lr={lr}, epochs=1, batch=64, "
    "optimizer=SGD(momentum=0.0), schedule=Constant(), buffers='freeze'))",
    # The authors' network has no batch norm, whose buffers noised images would enter.
    "ReferenceJiT": "ReferenceJiT(scale={scale}, draws={draws}, steps=Steps(lr={lr}, epochs=1, batch=64, "
    "optimizer=SGD(momentum=0.0), schedule=Constant(), buffers='freeze'))",
}
DROPS = {"JiT": (0.1, 0.3), "ReferenceJiT": (0.1,)}  # shares of the predictions that may change
RATES = {"JiT": (0.3, 0.1, 0.03, 0.01, 0.003, 0.001), "ReferenceJiT": (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6)}
DRAWS, FEW = 100, 10
# The notebook walks once through 5,000 images: 79 steps. Here 300 make 5, and 16 epochs of them 80, each with fewer noises.
EPOCHS, NOISES = 16, 10


def main() -> None:
    """Choose step sizes, forget, and write the numbers of single models."""
    options = words(str(__doc__))
    options.add_argument("--seeds", type=int, default=SEEDS, help="originals, and as many retrained models")
    given = options.parse_args()
    scenario, store = DATA.format(path=given.data), Store(given.store)
    chosen = ruled(scenario, store)
    say(f"step sizes: {chosen}")
    theirs = RULED["ReferenceJiT"].format(scale=SCALE, draws=DRAWS, lr=RATE)
    longer = RULED["ReferenceJiT"].replace("epochs=1", f"epochs={EPOCHS}").format(scale=SCALE, draws=NOISES, lr=RATE)
    methods = {
        "Nothing": "Nothing()", "ReferenceJiT, the notebook's step size, 5 steps": repr(ut.parse(theirs)),
        "ReferenceJiT, the notebook's step size, 80 steps": repr(ut.parse(longer)), **chosen,
    }  # fmt: skip
    asked = list(dict.fromkeys(m for m in methods.values() if not m.startswith("none")))
    run = ut.run(
        scenario, asked, store=given.store, seeds=given.seeds, oracles=given.seeds, workers=given.workers,
        evaluators=("Accuracy()",), images=False,
    )  # fmt: skip
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "seeds": given.seeds,
        "command": "python -m papers.vision.entropy --data CIFAR10" + f" --seeds {given.seeds}" * (given.seeds != SEEDS),
        "scenario": scenario.replace(given.data, "CIFAR10"), "setting": run["setting"], "sizes": run["sizes"],
        "drops": sorted({drop for several in DROPS.values() for drop in several}), "methods": methods,
        "rows": rows_of(run, store), "cpu_seconds": round(sum(os.times()[:4])),
    }  # fmt: skip
    write(given.out / "entropy.json", document)


def ruled(scenario: str, store: Store) -> dict[str, str]:
    """By label the spelling with the step size that the rule gives, for each method and each share of changed predictions.

    A method for which each step size changes too much has a text that begins with 'none' and says so.
    """
    setting = setting_of("cpu", 1, "auto", False)
    scene = open_scene(ut.parse(scenario), setting, purpose="search")
    original = run_job(scene, Job("original", 0), SEED, setting, store)
    chosen = {}
    for name, template in RULED.items():
        for drop in DROPS[name]:
            made = ut.parse(template.format(scale=SCALE, draws=FEW, lr=RATES[name][0]))
            ingredients = {
                "kind": "rule", "label": f"step size of {name} by its rule", "engine": engine(), "method": canonical(made),
                "sources": sources(made), "drop": drop, "rates": list(RATES[name]),
                "model": model_key(scene, Job("original", 0), SEED, setting), "forget": scene.forget_set.digest,
            }  # fmt: skip

            def work(made: Any = made, drop: float = drop, name: str = name) -> Contents:
                model, problem = pose(scene, start_of(original, store), SEED)
                noise = ut.parse(f"InputNoise(scale={SCALE}, draws={FEW})")
                with threads(1):
                    return Contents({"lr": ut.largest_lr(made, model, problem, drop, noise, RATES[name])})

            found = store.get_or_make(ingredients, work, keep_failures=True).record
            label = f"{name}, {drop:.0%} changed"
            if found.get("error"):
                chosen[label] = f"none: {found['error']}"
            else:
                chosen[label] = repr(ut.parse(template.format(scale=SCALE, draws=DRAWS, lr=found["lr"])))
    return chosen


def rows_of(run: Document, store: Store) -> list[Document]:
    """Of originals, retrained models and each method: numbers of each single model."""
    entry = store.get(run["run"])
    assert entry is not None
    models = entries_of(entry, store)
    oracle = observe(entry, models["oracle"])
    rows = [{"method": name, "error": None, **single(observe(entry, models[name]), oracle)} for name in ("original", "oracle")]
    for row in run["results"]:
        shown = {"method": row["method"], "error": row["error"]}
        if row["error"] is None:
            shown |= {"cost": row["cost"]["share_of_retraining"]}
            shown |= single(observe(entry, models["unlearned"][row["method"]]), oracle)
        rows.append(shown)
    return rows


def single(seen: Observation, oracle: Observation) -> dict[str, list[float]]:
    """Of each model: mean entropy on the forget set, accuracies by side, and the notebook's p against a retrained model.

    That is Wilcoxon's signed ranks of the entropies of the same examples, of the i-th model and the i-th retrained one.
    """
    right, side = seen.signal("correct"), np.asarray(seen.side)
    ours, theirs = entropies(seen), entropies(oracle)
    p = [stats.wilcoxon(a, b).pvalue if not np.array_equal(a, b) else 1.0 for a, b in zip(ours, theirs, strict=False)]
    numbers = {"entropy": ours.mean(1)} | {name: right[:, side == name].mean(1) for name in ("forget", "retain", "test")}
    return {name: rounded(values) for name, values in numbers.items()} | {"p": [float(f"{v:.3g}") for v in p]}


if __name__ == "__main__":
    main()
