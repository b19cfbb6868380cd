"""What the experiments have done for them: methods tried on validation data, methods compared with oracles, requests in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from delpaper.contenders import Contender
from delpaper.sequence import SEED, walked
from untrain import parse
from untrain.commands.arguments import comparison_of
from untrain.core.errors import UntrainError
from untrain.evaluation.attacks.svcmia import SVCMIA
from untrain.evaluation.base import Evaluator
from untrain.evaluation.observation import Observation
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job
from untrain.experiments.price import duration
from untrain.experiments.results import code_of, entries_of, observe, score_run
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.scheduler import make, record
from untrain.experiments.score_workers import score_remotely
from untrain.experiments.search.objectives import aim_of
from untrain.experiments.search.trials import mean_successes, share_of_retraining
from untrain.experiments.setting import Setting
from untrain.maths.logits import correct
from untrain.models.tasks.classification import Classification
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Entry, Store
from untrain.runtime.threads import threads

Document = dict[str, Any]
ORACLES = 4  # of a search that looks at them


@dataclass(frozen=True, eq=False)
class Bench:
    """Where work is done and kept.

    Args:
        store: models, answers and scores.
        setting: device, threads and precision.
        pool: that does it.
        say: told in one line of what goes on.
    """

    store: Store
    setting: Setting
    pool: Pool
    say: Callable[[str], None]

    def tuned(self, scenario: str, contenders: Sequence[Contender]) -> Document:
        """Try every setting of every contender on one model of its own, and choose.

        Returns:
            By label: 'chosen' (on validation data), 'oracle_chosen' (with a look at retrained models), and the 'trials'.
        """
        spellings = [s for c in contenders for s in c.settings if len(c.settings) > 1]
        calls = {f"{s} in search": (scenario, s, self.setting, str(self.store.path)) for s in dict.fromkeys(spellings)}
        found = {}
        for at, (name, parts) in enumerate(self.pool.run_all(tried, calls)):
            found[name.removesuffix(" in search")] = parts
            self.say(f"searched {at + 1} of {len(calls)}: {name}: {_short(parts)}")
        oracle = 0.0
        if calls:
            asked = {f"oracle {i}": (scenario, "", self.setting, str(self.store.path), i) for i in range(ORACLES)}
            oracle = float(np.mean([parts["forget"] for _, parts in self.pool.run_all(tried, asked)]))
        return {c.label: _chosen(c, found, oracle) for c in contenders}

    def compared(
        self, asked: Sequence[tuple[str, Sequence[str]]], sizes: tuple[int, int], full: bool, budget: float | None = None
    ) -> list[Document]:
        """Compare methods with oracles, scenario by scenario.

        Args:
            asked: scenarios, each with spellings of methods.
            sizes: numbers of originals and of oracles.
            full: whether all scores are computed, or accuracies and simple attacks alone.
            budget: share of retraining's operations at which methods stop.

        Returns:
            For each scenario its document, with 'models', the accuracies of each single one.
        """
        setting = replace(self.setting, budget=budget)
        made = [comparison_of(s, list(dict.fromkeys(methods)), sizes[0], sizes[1], SEED) for s, methods in asked]
        scenes = [open_scene(c.scenario, replace(setting, device="cpu") if self.pool.remote else setting) for c in made]
        make(made, scenes, self.store, setting, self.pool, lambda p: self.say(_progress(p)))
        runs = [record(c, s, self.store, setting) for c, s in zip(made, scenes, strict=True)]
        chosen: list[Evaluator] | None = None if full else [parse(n + "()") for n in ("Accuracy", "SVCMIA", "ThresholdMIA")]
        if self.pool.remote:
            calls = {run.key: (run.key, str(self.store.path), chosen, None, code_of(run)) for run in runs}
            for name, _ in self.pool.run_all(score_remotely, calls):
                self.say(f"scored run {name[:12]}")
        return [self._document(r, chosen) for r in runs]

    def sequences(self, calls: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str, Document]]:
        """Have requests in a row unlearned, each call's by itself, as they are finished."""
        return self.pool.run_all(walked, calls)

    def _document(self, run: Entry, chosen: list[Evaluator] | None) -> Document:
        models = entries_of(run, self.store)
        kept = {m: e for m, e in models["unlearned"].items() if not any(x.record.get("error") for x in e)}
        groups = {"oracle": models["oracle"], "original": models["original"], **kept}
        return score_run(run, self.store, chosen) | {"models": {n: single(observe(run, e)) for n, e in groups.items()}}


def single(seen: Observation) -> dict[str, list[float]]:
    """Of each model: accuracies by side, and the efficacy of SalUn's attack."""
    right = correct(seen.logits, seen.labels)
    attack = SVCMIA().prepare(seen)[:, seen.side == "forget", 1]
    found = {side: right[:, seen.side == side].mean(1).tolist() for side in ("forget", "retain", "test")}
    return found | {"mia": attack.mean(1).tolist()}


_scenes: dict[str, Scene] = {}


def tried(scenario: str, method: str, setting: Setting, path: str, oracle: int | None = None) -> dict[str, Any]:
    """Accuracies of one method on one model to search with; of a retrained model where ``oracle`` says which."""
    name = f"{scenario} on {setting.device}"
    if name not in _scenes:
        _scenes[name] = open_scene(parse(scenario), setting, purpose="search")
    scene, store = _scenes[name], Store(path)
    with threads(setting.threads):
        before = run_job(scene, Job("original", 0), SEED, setting, store)
        if oracle is not None:
            return mean_successes(scene, run_job(scene, Job("oracle", oracle), SEED, setting, store), before, "correct")
        try:
            entry = run_job(scene, Job("unlearned", 0, parse(method)), SEED, setting, store)
        except UntrainError as error:
            return {"error": str(error)}
        if entry.record.get("error"):
            return {"error": entry.record["error"]}
        return mean_successes(scene, entry, before, "correct") | {"share": share_of_retraining(scene, entry, before)}


def _chosen(contender: Contender, found: dict[str, Document], oracle: float) -> Document:
    if len(contender.settings) == 1:
        return {"chosen": contender.settings[0], "oracle_chosen": contender.settings[0], "trials": {}}
    trials = {s: found[s] | ({} if found[s].get("error") else {"oracle_forget": oracle}) for s in contender.settings}
    told: Document = {"trials": trials}
    for name, aim in (
        ("chosen", aim_of("balanced", False, Classification())),
        ("oracle_chosen", aim_of("oracle", False, Classification())),
    ):
        values = {s: aim.score(p) for s, p in trials.items() if not p.get("error")}
        told[name] = max(values, key=lambda s: (values[s], -contender.settings.index(s))) if values else None
        told[f"{name}_value"] = max(values.values()) if values else None
    return told


def _short(parts: Document) -> str:
    return parts["error"] if "error" in parts else ", ".join(f"{k} {v:.3f}" for k, v in parts.items() if v is not None)


def _progress(at: Any) -> str:
    if at.note:
        return str(at.note)
    left = "" if at.left is None else f", about {duration(at.left)} left"
    return f"{at.done} of {at.total} models: {at.label}{left}"
