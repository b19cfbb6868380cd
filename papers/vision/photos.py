"""Class removal on photographs, by a residual network: ``python -m papers.vision.photos --data FOLDER``.

FOLDER holds CIFAR-10 as train.parquet and test.parquet. First each setting of each method is tried on an original of its own, two
classes forgotten, and validation data choose. Then each of the other eight classes is forgotten by each method, in turn from one
of four originals. Models that the store has are not made again, so the same command goes on. Numbers of single models go to
photos.json beside this file; ``papers.vision.tables`` makes a page of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from papers.delpaper.contenders import grid
from papers.vision.removal import aus, pool_of, rows_of, say, words, write

import untrain as ut
from untrain.commands.arguments import setting_of
from untrain.core.errors import UntrainError
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job
from untrain.experiments.scene import open_scene
from untrain.experiments.search.trials import mean_successes
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Store

Settings = Mapping[str, tuple[str, ...]]
Document = dict[str, Any]
SEED = 0
TUNING = (0, 5)
JUDGED = [label for label in range(10) if label not in TUNING]
# 84,000 images seen, about as many as by one and a half epochs of all 50,000: epochs are whole numbers, and what is done once an
# image (second moments, outputs, a walk through the retain set) costs a quarter.
DATA = "FastCIFAR10(path={path!r}, size=12000, request=Where('label == {label}'))"
LEARNER = (
    "Train(model=ResNet9(), steps=Steps(lr=0.8, epochs=7, batch=250, optimizer=SGD(decay=0.0005, nesterov=True, "
    "decay_on='weights'), schedule=Triangular()), augment=(HorizontalFlip(),), keepers=(InputCovariance(),))"
)
PLAIN = "optimizer=SGD(momentum=0.0), schedule=Constant()"
DUCK = "DUCK(ratio={ratio}, steps=Steps(lr={lr}, epochs={epochs}, batch=256, optimizer=AdamW(), schedule=Constant()))"
FORGET = "{name}(steps=Steps(lr={lr}, epochs=5, batch=64, " + PLAIN + ", buffers='freeze'))"
SENSITIVITY = "MUMis(steps=Steps(lr={lr}, epochs=1, " + PLAIN + ", buffers='freeze'))"
PROJECTED = (
    "ProjectedGradient(subspace=Subspace(share={share}, empty='free'), steps=Steps(lr={lr}, epochs=10, "
    "optimizer=SGD(momentum=0.0), schedule=Geometric(), buffers='freeze'))"
)
JIT = "JiT(noise=InputNoise(scale={scale}, draws=4), steps=Steps(lr={lr}, epochs=2, " + PLAIN + ", buffers='freeze'))"
# Its authors' networks have no batch norm, whose buffers noised images would enter.
REFERENCE = (
    "ReferenceJiT(scale={scale}, draws=4, steps=Steps(lr={lr}, epochs=1, optimizer=SGD(momentum=1.0), schedule=Constant(), "
    "buffers='freeze'))"
)
# Six settings of each method that has a step size or a strength, so that none wins by being tried more often.
CONTENDERS: Settings = {
    "Nothing": ("Nothing()",),
    "Finetune": grid("Finetune(steps=Steps(lr={lr}, epochs=1, batch=250))", lr=(0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
    "GradAscent": grid(
        "GradAscent(steps=Steps(lr={lr}, epochs=1, schedule=Constant(), buffers='freeze'))",
        lr=(3e-4, 1e-3, 2e-3, 3e-3, 6e-3, 1e-2),
    ),
    "NegGrad": grid(
        "NegGrad(alpha={alpha}, steps=Steps(lr={lr}, epochs=1, schedule=Constant()))", alpha=(0.9, 0.97), lr=(0.01, 0.02, 0.05)
    ),
    "RandomLabel": grid("RandomLabel(steps=Steps(lr={lr}, epochs=1))", lr=(0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
    "SalUn": grid("SalUn(steps=Steps(lr={lr}, epochs=1))", lr=(0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
    "BoundaryShrink": grid(FORGET, name=("BoundaryShrink",), lr=(3e-4, 1e-3, 2e-3, 3e-3, 6e-3, 1e-2)),
    "BoundaryExpand": grid(FORGET, name=("BoundaryExpand",), lr=(3e-4, 1e-3, 2e-3, 3e-3, 6e-3, 1e-2)),
    "DELETE": grid(FORGET, name=("DELETE",), lr=(1e-3, 3e-3, 6e-3, 1e-2, 2e-2, 3e-2)),
    "POUR": ("POUR()",),
    "DUCK": grid(DUCK, ratio=(5,), lr=(3e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), epochs=(3,)),
    "DUCK, ratio 20": grid(DUCK, ratio=(20,), lr=(3e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2), epochs=(1,)),
    "JiT": grid(JIT, scale=(0.1, 0.3), lr=(0.001, 0.003, 0.01)),
    "ReferenceJiT": grid(REFERENCE, scale=(0.1, 0.3), lr=(3e-5, 1e-4, 3e-4)),
    "MUMis": grid(SENSITIVITY, lr=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)),
    # The less is protected, the smaller the step that does not break the network.
    "ProjectedGradient": tuple(
        PROJECTED.format(share=share, lr=lr) for share, rates in ((0.5, (1e-3, 3e-3)), (0.8, (0.01, 0.05)), (0.95, (0.5, 2.0)))
        for lr in rates
    ),
    "ProjectedGradient without projection": grid(PROJECTED, share=(0.0,), lr=(1e-4, 3e-4, 6e-4, 1e-3, 2e-3, 3e-3)),
    "SSD": grid("SSD(select={select})", select=(2, 3, 5, 7, 10, 20)),
    "SCRUB": grid("SCRUB(steps=Steps(lr={lr}, epochs=2, schedule=Constant()))", lr=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1)),
    "UNSIR": grid(
        "UNSIR(steps=Steps(lr={lr}, epochs=1, batch=256, optimizer=AdamW(), schedule=Constant()), "
        "repair=Steps(lr={repair}, epochs=1, batch=256, optimizer=AdamW(), schedule=Constant()))",
        lr=(0.002, 0.005, 0.02), repair=(0.001, 0.01),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """What is forgotten by what.

    Args:
        data: the scenario, with ``{path}`` and ``{label}`` to be filled in.
        learner: trains the models.
        contenders: the settings of each method; one that has a single setting is not tried.
        originals: models from which classes are forgotten in turn.
        oracles: retrained models a class.
        tuning: classes that settings are tried on.
    """

    data: str = DATA
    learner: str = LEARNER
    contenders: Settings = field(default_factory=lambda: CONTENDERS)
    originals: int = 4
    oracles: int = 2
    tuning: tuple[int, ...] = TUNING

    def scenario(self, path: str, label: int) -> str:
        """The spelling of the scenario of one class."""
        return f"WithLearner(scenario={self.data.format(path=path, label=label)}, by={self.learner})"


def main() -> None:
    """Choose settings, forget each class and write the numbers of single models."""
    options = words(str(__doc__))
    options.add_argument(
        "--classes",
        type=int,
        nargs="+",
        default=JUDGED,
        choices=JUDGED,
        help="two or more; default: all that settings were not tried on",
    )
    options.add_argument("--tune-only", action="store_true", help="try settings, tell which are chosen, and stop")
    given = options.parse_args()
    if len(given.classes) < 2:
        options.error("--classes: intervals are over classes, and one has none: give two or more")
    pool = pool_of(given.workers)
    try:
        tuning = tuned(Scale(), given.data, given.store, pool)
        for label, method in tuning["chosen"].items():
            say(f"{label}: {method}")
        if not given.tune_only:
            write(given.out / "photos.json", removed(Scale(), tuning, given.data, given.classes, given.store, pool))
    finally:
        pool.close()


def tuned(scale: Scale, path: str, store: str, pool: Pool) -> Document:
    """Try every setting on each class of the tuning, and choose by the mean AUS on validation data.

    Returns:
        'classes'; 'trials', of each setting its AUS on each class, or the reason why it failed; 'chosen', the setting of each
        method of which some setting worked on all of them; 'cpu_seconds'.
    """
    settings = [repr(ut.parse(s)) for several in scale.contenders.values() if len(several) > 1 for s in several]
    calls = {f"class {label}": (scale.scenario(path, label), settings, store) for label in scale.tuning}
    found = {}
    for name, trials in pool.run_all(tried, calls):
        found[name] = trials
        say(f"tried settings on {name}")
    trials = {s: [found[name]["trials"][s] for name in calls] for s in settings}
    values = {s: float(np.mean(v)) for s, v in trials.items() if not any(isinstance(one, str) for one in v)}
    chosen = {}
    for label, several in scale.contenders.items():
        spelled = [repr(ut.parse(s)) for s in several]
        worked = spelled if len(spelled) == 1 else [s for s in spelled if s in values]
        if worked:
            chosen[label] = max(worked, key=lambda s: values.get(s, 0.0))
    if "DUCK" in chosen:  # all else equal
        theirs = chosen["DUCK"].replace("DUCK(", "DUCK(bookkeeping=Bookkeeping(targets='official'), ", 1)
        chosen["DUCK, official targets"] = repr(ut.parse(theirs))
    seconds = sum(each["cpu_seconds"] for each in found.values())
    return {"classes": list(scale.tuning), "trials": trials, "chosen": chosen, "cpu_seconds": seconds}


def tried(scenario: str, settings: list[str], store: str) -> Document:
    """AUS of each setting by validation data and the forget set itself, from the original of a search; a text where it failed."""
    began = time.process_time()
    setting, kept = setting_of("cpu", 1, "auto", False), Store(store)
    scene = open_scene(ut.parse(scenario), setting, purpose="search")
    original = run_job(scene, Job("original", 0), SEED, setting, kept)
    start = mean_successes(scene, original, original, "correct")["valid"]  # on the classes that stay
    trials: dict[str, float | str] = {}
    for method in settings:
        try:
            entry = run_job(scene, Job("unlearned", 0, ut.parse(method)), SEED, setting, kept)
        except UntrainError as error:
            trials[method] = str(error)
            continue
        if entry.record.get("error"):
            trials[method] = entry.record["error"]
            continue
        parts = mean_successes(scene, entry, original, "correct")
        trials[method] = round(float(aus(parts["valid"], parts["forget"], start)), 5)
        say(f"{trials[method]:.3f} {method}")
    return {"trials": trials, "cpu_seconds": round(time.process_time() - began)}


def removed(scale: Scale, tuning: Document, path: str, classes: list[int], store: str, pool: Pool) -> Document:
    """Forget each class by each method at its chosen setting."""
    others = ["--classes", *map(str, classes)] if classes != JUDGED else []
    methods = list(dict.fromkeys(tuning["chosen"].values()))
    calls = {f"class {label}": (scale, path, label, methods, store) for label in classes}
    cases = []
    for name, case in pool.run_all(case_of, calls):
        cases.append(case)
        say(name)
    cases.sort(key=lambda case: case["class"])
    seconds = tuning["cpu_seconds"] + sum(case["cpu_seconds"] for case in cases)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": " ".join(["python -m papers.vision.photos --data CIFAR10", *others]),
        "learner": scale.learner, "originals": scale.originals, "oracles": scale.oracles, "setting": cases[0]["setting"],
        "cpu_seconds": seconds, "chosen": tuning["chosen"], "tuning": tuning, "cases": cases,
    }  # fmt: skip


def case_of(scale: Scale, path: str, label: int, methods: list[str], store: str) -> Document:
    """Numbers of the models that forgot one class; which original they start from follows from the class."""
    began = time.process_time()
    run = ut.run(
        scale.scenario(path, label), methods, store=store, seeds=1, oracles=scale.oracles, seed=label % scale.originals,
        evaluators=("AUS()",), images=False,
    )  # fmt: skip
    rows = rows_of(run, Store(store), label)
    told = {"class": label, "original": label % scale.originals, "sizes": run["sizes"], "setting": run["setting"]}
    return told | {"cpu_seconds": round(time.process_time() - began), "rows": rows}


if __name__ == "__main__":
    main()
