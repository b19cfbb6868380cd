"""RESTOR on a small language model: ``python -m papers.restor.compare --data FOLDER``.

FOLDER holds RESTOR's facts.json.gz and entities.json.gz. For each draw a model learns all facts, then documents of which about
half of the facts on fifty people are wrong; methods unlearn these, and each of their settings is chosen by the right answers to a
tenth of the corrupted facts, the mean over draws, and judged by the others. Models that the store has are not made again. Numbers
of each draw go to NAME.json beside this file; ``papers.restor.page`` makes pages of them.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from papers.vision.removal import say, write
from safetensors.torch import save_file

import untrain as ut
from untrain.core.atomic_write import atomic_write
from untrain.experiments.scenarios.restor import Restor
from untrain.runtime.threads import threads

CONTROL = "retain-only control"
FORMS = {
    "text": {
        "model": "HuggingFaceLM(kind='llama', config={'hidden_size': 128, 'num_hidden_layers': 4, 'num_attention_heads': 4, "
        "'num_key_value_heads': 4, 'intermediate_size': 352})",
        "first": ut.Steps(lr=3e-3, epochs=20, batch=64, optimizer=ut.AdamW(), schedule=ut.Cosine(), warmup=0.05),
        "then": ut.Steps(lr=1e-3, epochs=4, batch=64, optimizer=ut.AdamW(), warmup=0.05),
        "fields": {"spans": True},
        "rate": 3e-4,
    },
    "phrases": {
        "model": "CausalTransformer(width=128, depth=2, hidden=512)",
        "first": ut.Steps(lr=3e-3, epochs=60, batch=64, optimizer=ut.AdamW(), schedule=ut.Cosine(), warmup=0.05),
        "then": ut.Steps(lr=3e-4, epochs=8, batch=64, optimizer=ut.AdamW(), warmup=0.05),
        "fields": {"phrases": True, "spans": True, "length": 32, "vocabulary": 6144},
        "rate": 1e-4,
    },
}
# By label: templates, of which the best setting counts. An epoch is once through the retain set, {steps} are filled in.
WALKED = {
    CONTROL: "Finetune(steps={steps})",
    "GradAscent + retain": "NegGrad(alpha=0.5, steps={steps})",
    "KL": "KLMax(steps={steps})",
    "NPO, beta 0.1": "NPO(beta=0.1, steps={steps})",
    "NPO by token, beta 0.1": "NPO(beta=0.1, granularity='token', steps={steps})",
    "NPO, beta 1": "NPO(beta=1.0, steps={steps})",
    "SimNPO": "SimNPO(steps={steps})",
    "WGA": "WGA(steps={steps})",
    "CE-U + retain": "CEU(skip=0, retain=1.0, steps={steps})",
    "RMU": "RMU(steps={steps})",
}
# The paper's two further steps, each beside the method without it: a light finetune on text about neither side, and a loss on the
# answers alone of documents that the model learned whole.
BESIDE = {
    "repaired": ("Repaired(unlearner={}, on='valid')", ("GradAscent + retain", "NPO, beta 0.1", "NPO, beta 1")),
    "on answers": ("OnSpans(unlearner={})", ("GradAscent + retain", "NPO, beta 0.1", "NPO, beta 1")),
}
WALKED |= {f"{label}, {word}": text.format(WALKED[label]) for word, (text, labels) in BESIDE.items() for label in labels}
FEW = (CONTROL, "GradAscent + retain", "NPO, beta 0.1", "NPO, beta 1", "WGA")
TUNED = "Steps(lr={rate}, epochs=4, batch=64, optimizer=AdamW(), schedule=Constant())"
OTHERS = {
    "nothing": ("Nothing()",),
    "task vector": tuple(f"NegMerge(models=1, scale={a}, steps={{tuned}})" for a in (0.5, 1.0)),
    "MSA": tuple(f"MSA(start='initial', alpha={a}, steps={{tuned}})" for a in (0.5, 1.0)),
}


def main() -> None:
    """Make models, unlearn, and write the numbers of each draw."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with facts.json.gz and entities.json.gz")
    options.add_argument("--store", default="untrain-restor", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent, help="where results are written")
    options.add_argument("--form", choices=tuple(FORMS), default="text", help="facts as texts, or with a token per phrase")
    options.add_argument("--unrelated", type=int, default=0, help="right facts behind each corrupted one")
    options.add_argument("--draws", type=int, default=5)
    options.add_argument("--few", action="store_true", help="fewer methods")
    options.add_argument("--epochs", type=int, nargs="+", default=[2, 8], help="lengths that each method is tried with")
    options.add_argument(
        "--corrupting", type=int, help="epochs on the corrupted documents; papers.restor.strength finds them for a k"
    )
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    form = form_of(given.form, given.corrupting)
    labels = methods_of(form, given.epochs, given.few)
    asked = list(dict.fromkeys(spec for specs in labels.values() for spec in specs))
    rows: list[dict[str, Any]] = []
    facts: dict[str, Any] = {}
    for drawn in range(given.draws):
        world = posed(given.data, given.store, form, given.unrelated, drawn)
        say(f"draw {drawn}")
        run = ut.run(
            world, asked, store=given.store, seeds=1, oracles=2, workers=given.workers, evaluators=("Recovery(tuning=0.1)",),
        )  # fmt: skip
        facts = {"setting": run["setting"], "sizes": run["sizes"]}
        rows += [numbers(drawn, row) for row in run["results"]]
        best = next(row for row in run["results"] if row["error"] is None)
        rows.append({"drawn": drawn, "method": "retrained", "error": None, **{n: s["ideal"] for n, s in best["scores"].items()}})
    name = f"{given.form}-{given.unrelated}"
    command = (
        f"python -m papers.restor.compare --data RESTOR --form {given.form} --unrelated {given.unrelated} --draws {given.draws} "
        f"--epochs {' '.join(map(str, given.epochs))}"
        + " --few" * given.few
        + (f" --corrupting {given.corrupting}" if given.corrupting else "")
    )
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": command,
        "form": given.form, "unrelated": given.unrelated, "draws": given.draws, "model": form["model"], **facts,
        "steps": repr(form["then"]), "labels": labels, "cpu_seconds": round(sum(os.times()[:4])), "rows": rows,
    }  # fmt: skip
    write(given.out / f"{name}.json", document)


def form_of(name: str, corrupting: int | None) -> dict[str, Any]:
    """A form of the facts, with another number of epochs on the corrupted documents where one is given."""
    form = FORMS[name]
    return form | {"then": replace(form["then"], epochs=corrupting)} if corrupting else form


def methods_of(form: dict[str, Any], lengths: list[int], few: bool) -> dict[str, list[str]]:
    """Spellings of each label's settings."""
    steps = [f"Steps(lr={form['rate']}, epochs={e}, batch=32, optimizer=AdamW(), schedule=Constant(), clip=1.0)" for e in lengths]
    labels = {label: [text.format(steps=one) for one in steps] for label, text in WALKED.items() if not few or label in FEW}
    tuned = TUNED.format(rate=form["then"].lr)
    return {label: [repr(ut.parse(text.format(tuned=tuned))) for text in texts] for label, texts in OTHERS.items()} | {
        label: [repr(ut.parse(text)) for text in texts] for label, texts in labels.items()
    }


def posed(data: str, store: str, form: dict[str, Any], unrelated: int, drawn: int) -> Restor:
    """The scenario of a draw, whose model is trained on all facts first unless it is there already."""
    architecture = ut.parse(form["model"])
    fresh = Restor(path=data, model=architecture, steps=form["then"], unrelated=unrelated, drawn=drawn, **form["fields"])
    name = "phrases" if fresh.phrases else "text"
    file = Path(f"{store}-known") / f"{name}-{drawn}.safetensors"
    if not file.exists():
        say(f"draw {drawn}: learning all facts")
        file.parent.mkdir(parents=True, exist_ok=True)
        with threads(1):
            known = ut.Train(model=architecture, steps=form["first"], task=fresh.learner().task)(fresh.before(), drawn)
        with atomic_write(file) as part:
            save_file(known.state_dict(), part)
    begins = ut.Pretrained(model=architecture, weights=str(file))
    return Restor(path=data, model=begins, steps=form["then"], unrelated=unrelated, drawn=drawn, **form["fields"])


def numbers(drawn: int, row: dict[str, Any]) -> dict[str, Any]:
    """Values of a method on a draw."""
    shown = {"drawn": drawn, "method": row["method"], "error": row["error"]}
    if row["error"] is not None:
        return shown
    values = {name: score["value"] for name, score in row["scores"].items()}
    return shown | values | {"cost": row["cost"]["share_of_retraining"], "seconds": row["cost"]["seconds"]}


if __name__ == "__main__":
    main()
