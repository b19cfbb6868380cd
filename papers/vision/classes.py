"""Class removal by DUCK, JiT, projected gradients and their neighbours: ``python -m papers.vision.classes --data FOLDER``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Each of ten classes is forgotten by each method from equal originals,
so that a class and an original are a pair in which methods differ. Settings of a method stand side by side. What is in the
store is not made again. Numbers of single models go to classes.json beside this file; ``papers.vision.tables`` reads them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from papers.vision.removal import rows_of, say, words, write

import untrain as ut
from untrain.runtime.store import Store

MLP = "MLP(width=64)"
LEARNER = f"Train(model={MLP}, steps=Steps(lr=0.2, epochs=15, batch=64), keepers=(InputCovariance(),))"
PLAIN = "optimizer=SGD(momentum=0.0), schedule=Constant()"
METHODS = (
    "Nothing()", "Retrain()",
    *(f"Finetune(steps=Steps(lr={lr}, epochs='30%', batch=64))" for lr in (0.02, 0.2)),
    *(f"DUCK(ratio={r}, steps=Steps(lr={lr}, epochs=10, batch=256, optimizer=AdamW(), schedule=Constant()))"
      for r in (5, 20) for lr in (1e-3, 5e-3)),
    "DUCK(bookkeeping=Bookkeeping(targets='official'), steps=Steps(lr=0.001, epochs=10, batch=256, optimizer=AdamW(), "
    "schedule=Constant()))",
    *(f"GradAscent(steps=Steps(lr={lr}, epochs=5, schedule=Constant()))" for lr in (1e-2, 3e-2)),
    *(f"NegGrad(alpha={a}, steps=Steps(lr=0.02, epochs='30%', batch=64, schedule=Constant()))" for a in (0.95, 0.97)),
    *(f"RandomLabel(steps=Steps(lr={lr}, epochs='30%', batch=64))" for lr in (0.02, 0.1)),
    *(f"{name}(steps=Steps(lr={lr}, epochs=10, batch=64, {PLAIN}))" for name in ("BoundaryShrink", "BoundaryExpand")
      for lr in (0.01, 0.1)),
    *(f"DELETE(steps=Steps(lr={lr}, epochs=10, batch=64, {PLAIN}))" for lr in (0.01, 0.1)),
    "POUR()", "UNSIR()",
    *(f"JiT(noise=InputNoise(scale={s}), steps=Steps(lr={lr}, epochs=3, {PLAIN}, buffers='freeze'))"
      for s in (0.3, 1.0) for lr in (1.0, 3.0)),
    *(f"ReferenceJiT(scale={s}, steps=Steps(lr={lr}, epochs=1, optimizer=SGD(momentum=1.0), schedule=Constant()))"
      for s in (0.3, 1.0) for lr in (3e-3, 1e-2)),
    *(f"ProjectedGradient(subspace=Subspace(share={g}, empty='free'), steps=Steps(lr={lr}, epochs=50, optimizer=SGD(momentum=0.0), "
      "schedule=Geometric(), buffers='freeze'))" for g in (0.0, 0.5, 0.9) for lr in (0.05, 0.2)),
    "SSD(select=2)", "SCRUB(steps=Steps(lr=0.005, epochs=5, schedule=Constant()))", "SalUn()",
)  # fmt: skip


def main() -> None:
    """Run each class and write the numbers of single models."""
    options = words(str(__doc__))
    options.add_argument("--classes", type=int, nargs="+", default=list(range(10)))
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    began, cases = time.process_time(), []
    for forgotten in given.classes:
        scenario = (
            f"WithLearner(scenario=FashionPCA(path={given.data!r}, request=Where('label == {forgotten}')), by={LEARNER})"
        )  # fmt: skip
        run = ut.run(
            scenario, METHODS, store=given.store, seeds=given.seeds, oracles=given.seeds, workers=given.workers,
            evaluators=("AUS()",), images=False,
        )  # fmt: skip
        cases.append({"class": forgotten, "sizes": run["sizes"], "rows": rows_of(run, Store(given.store), forgotten)})
        say(f"class {forgotten}")
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": "python -m papers.vision.classes --data FashionMNIST",
        "seeds": given.seeds, "setting": run["setting"], "cpu_seconds": round(time.process_time() - began), "cases": cases,
    }  # fmt: skip
    write(given.out / "classes.json", document)


if __name__ == "__main__":
    main()
