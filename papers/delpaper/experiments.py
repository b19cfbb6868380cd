"""The experiments: each tries, compares, and gives a document of rows and claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from delpaper import contenders as held
from delpaper.contenders import localized
from delpaper.scales import REQUESTS, Scale
from delpaper.work import Bench, Document
from untrain import parse
from untrain.training.steps import epochs_of
from untrain.unlearners.base import Localized

KEEPS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
SOME_KEEPS = (0.1, 0.3, 1.0)
SHARES = (1.0, 0.3, 0.1, 0.05)
FRACTIONS = (0.001, 0.01, 0.1)
SHOWN = (
    "forget_accuracy", "forget_gap", "retain_gap", "test_accuracy", "test_gap", "mia_svc_gap", "mia_loss_auc", "mia_lira_auc",
    "mia_ulira_accuracy",
)  # fmt: skip
UNTUNED = "every setting failed in the search"
Row = dict[str, Any]


class Asked:
    """Rows that an experiment wants, scenario by scenario; compared all at once, so that no core waits."""

    def __init__(self, bench: Bench, scale: Scale, full: bool = False, budget: float | None = None):
        self.bench, self.scale, self.full, self.budget = bench, scale, full, budget
        self.rows: list[Row] = []

    def want(self, request: str, scenario: str, label: str, method: str | None, **more: Any) -> None:
        """One more row; a method of None had no setting that did not fail."""
        self.rows.append({"request": request, "scenario": scenario, "label": label, "method": method, **more})

    def met(self) -> Document:
        """The rows with their scores, and by request the single models of each row's method and of the oracles."""
        by: dict[str, list[str]] = {}
        for row in self.rows:
            if row["method"] is not None:
                by.setdefault(row["scenario"], []).append(repr(parse(row["method"])))
        documents = self.bench.compared(list(by.items()), (self.scale.seeds, self.scale.oracles), self.full, self.budget)
        if not documents:  # an estimate of the price compares nothing
            return {"rows": [], "oracles": {}, "edges": {}}
        found = dict(zip(by, documents, strict=True))
        return {
            "rows": [_filled(row, found) for row in self.rows],
            "oracles": {s: d["models"]["oracle"] for s, d in found.items()},
            "edges": {s: _edges(d) for s, d in found.items()},
        }


def _filled(row: Row, found: dict[str, Document]) -> Row:
    if row["method"] is None:
        return row | {"error": UNTUNED}
    document, name = found[row["scenario"]], repr(parse(row["method"]))
    result = next(r for r in document["results"] if r["method"] == name)
    if result["error"]:
        return row | {"method": name, "error": result["error"]}
    scores = {n: {k: result["scores"][n][k] for k in ("value", "low", "high", "reason")} for n in SHOWN if n in result["scores"]}
    told = {k: result["cost"].get(k) for k in ("share_of_retraining", "seconds")}
    guard = {k: result["guard"][k] for k in ("may_move", "mask_share", "buffer_drift")}
    return row | told | guard | {
        "method": name, "error": None, "scores": scores, "verdict": (result["verdict"] or {}).get("says"),
        "recognised": (result["verdict"] or {}).get("counts", {}).get("recognised"),
        "models": document["models"][name], "notes": result["notes"],
    }  # fmt: skip


def _edges(document: Document) -> Document:
    done = [r for r in document["results"] if r["error"] is None]
    keys = ("ideal", "floor", "ceiling")
    return {n: {k: done[0]["scores"][n][k] for k in keys} for n in SHOWN if done and n in done[0]["scores"]}


def main(bench: Bench, scale: Scale, path: str, network: str = "resnet") -> Document:
    """Every method, its setting chosen on validation data, and once more with a look at oracles."""
    asked, tuning = Asked(bench, scale, full=True), {}
    for request in REQUESTS:
        scenario = scale.scenario(path, request, network)
        tuning[request] = bench.tuned(scenario, held.MAIN)
        for c in held.MAIN:
            found = tuning[request][c.label]
            asked.want(request, scenario, c.label, found["chosen"], tuned="validation")
            if found["oracle_chosen"] not in (None, found["chosen"]):
                asked.want(request, scenario, f"{c.label} (oracle-tuned)", found["oracle_chosen"], tuned="oracle")
    return asked.met() | {"tuning": tuning}


def vit(bench: Bench, scale: Scale, path: str) -> Document:
    """The main table with a small vision transformer."""
    return main(bench, scale, path, "vit")


def budgets(bench: Bench, scale: Scale, path: str, unlearner: str = "ResetFinetune", request: str = "classes") -> Document:
    """Every localizer at every budget under one unlearner; each pair was tuned once, at 30 % of the class-restricted request.

    That one setting serves all budgets and both requests; at 100 % masks are equal, and settings alone differ. The search for
    critical neurons spends what it spends: it has rows for the budgets up to 10 %, and one without a budget, which stands at 30 %.
    """
    asked, tuned_on = Asked(bench, scale), scale.scenario(path, "classes")
    tuning = {"classes": bench.tuned(tuned_on, [localized(unlearner, name) for name in held.LOCALIZERS])}
    scenario = scale.scenario(path, request)
    for name in held.LOCALIZERS:
        label = f"{unlearner} @ {name}"
        setting = tuning["classes"][label]["chosen"]
        keeps = KEEPS if request == "classes" else SOME_KEEPS
        for keep in keeps if name != "CriticalNeurons" else [k for k in keeps if k <= 0.1 or k == held.KEEP]:
            method = None if setting is None else at_budget(setting, name, keep)
            asked.want(request, scenario, label, method, unlearner=unlearner, localizer=name, keep=keep)
    return asked.met() | {"tuning": tuning}


def at_budget(setting: str, localizer: str, keep: float) -> str:
    """A tuned pair with another budget; at 100 % every localizer but the search for critical neurons keeps all."""
    unlearner = setting.partition(" @ ")[0]
    if localizer == "CriticalNeurons":  # the search spends what it spends: larger budgets change nothing
        return f"{unlearner} @ {held.LOCALIZERS[localizer].format(keep=keep if keep < 0.2 else 1.0)}"
    return f"{unlearner} @ {'Everything()' if keep == 1 else held.LOCALIZERS[localizer].format(keep=keep)}"


def variants(chosen: str) -> Iterator[tuple[str, str, str]]:
    """Ablation, level and spelling, around the setting that was chosen for DEL."""
    made = parse(chosen)
    assert isinstance(made, Localized)
    reset: Any = made.unlearner
    tune = repr(reset)

    def other(**fields: Any) -> str:
        return repr(replace(reset, **fields))

    for criterion in ("Gradient", "WeightedGrad", "WeightMagnitude", "Fisher"):
        for per in ("weight", "channel", "tensor"):
            yield "criterion", f"{criterion} per {per}", f"{tune} @ {criterion}(keep=0.3, per='{per}', head='full')"
    yield "h", "cout10", f"{tune} @ WeightedGrad()"  # what 'auto' is for these networks
    for top in ("1", "5", "'fanin10'", "'all'"):
        yield "h", top.strip("'"), f"{tune} @ WeightedGrad(channels=Channels(top={top}))"
    for word in ("fresh", "own", "perturb", "none"):
        yield "reset", word, f"{other(reset=word)} @ WeightedGrad()"
    for word in ("full", "masked", "frozen"):
        yield "head", word, f"{tune} @ WeightedGrad(head='{word}')"
    for word in ("move", "freeze", "reestimate"):
        yield "buffers", word, f"{other(steps=replace(reset.steps, buffers=word))} @ WeightedGrad()"
    for word in ("whole", "elements"):
        yield "unit", word, f"{tune} @ WeightedGrad(channels=Channels(unit='{word}'))"
    yield "code", "paper", f"{tune} @ WeightedGrad()"
    yield "code", "authors' code", f"{tune} @ WeightedGrad(channels=Channels(unit='elements'), gather=Gather(samples='code'))"
    for word in ("channel", "weight", "anywhere"):
        yield "random mask", word, f"{tune} @ RandomMask(draw='{word}')"
    yield "on", "forget", f"{tune} @ WeightedGrad()"
    yield "on", "all", f"{tune} @ WeightedGrad(on='all')"


def ablations(bench: Bench, scale: Scale, path: str) -> Document:
    """One thing changed at a time, all with the setting that was chosen for DEL on validation data; none was tuned anew."""
    asked, tuning = Asked(bench, scale), {}
    for request in REQUESTS:
        scenario = scale.scenario(path, request)
        tuning[request] = bench.tuned(scenario, [held.DEL])
        chosen = tuning[request][held.DEL.label]["chosen"]
        for ablation, level, method in variants(chosen or held.DEL.settings[0]):
            asked.want(request, scenario, level, method, ablation=ablation)
    return asked.met() | {"tuning": tuning}


def control(bench: Bench, scale: Scale, path: str) -> Document:
    """DEL's mask against random ones of equal counts, with five times as many originals and twice as many oracles.

    Both masks take all six settings that a search may choose; nothing is tuned. Each original has a random mask of its own.
    """
    # A scale may name fewer requests and settings.
    many = replace(scale, seeds=5 * scale.seeds, oracles=2 * scale.oracles)
    asked = Asked(bench, many)
    pairs = list(zip(held.DEL.settings, held.CONTROL.settings, strict=True))
    for request in scale.requests:
        scenario = scale.scenario(path, request)
        for pair in pairs if scale.settings is None else [pairs[at] for at in scale.settings]:
            for c, setting in zip((held.DEL, held.CONTROL), pair, strict=True):
                made = parse(setting).unlearner.steps
                asked.want(request, scenario, c.label, setting, steps=f"{made.lr:g}, {made.epochs.replace('%', ' %')}")
    return asked.met() | {"originals": many.seeds, "retrained": many.oracles}


CONTROLLED = (held.DEL, held.CONTROL, held.SALUN, held.RANDOM_LABEL, held.NEG_GRAD, held.FINETUNE)


def fractions(bench: Bench, scale: Scale, path: str) -> Document:
    """Forget sets of 0.1, 1 and 10 % at random, with the settings that were chosen for 10 %."""
    asked = Asked(bench, scale)
    tuning = {"random": bench.tuned(scale.scenario(path, "random"), CONTROLLED)}
    for fraction in FRACTIONS:
        scenario = scale.scenario(path, f"Random(fraction={fraction:g})")
        for c in (held.NOTHING, *CONTROLLED):
            method = c.settings[0] if c is held.NOTHING else tuning["random"][c.label]["chosen"]
            asked.want("random", scenario, c.label, method, fraction=fraction)
    return asked.met() | {"tuning": tuning}


def cost(bench: Bench, scale: Scale, path: str) -> Document:
    """Cost against gap: chosen settings with as many epochs as fit into 100, 30, 10 and 5 % of retraining's operations.

    What an epoch takes is what it took in the search. One epoch is the least; the last is cut off where the share ends: that is
    early at 5 %, and for NegGrad at 10 %, and a matter of a few steps elsewhere.
    """
    tuning = {r: bench.tuned(scale.scenario(path, r), CONTROLLED) for r in REQUESTS}
    found: list[Document] = []
    for share in SHARES:
        asked = Asked(bench, scale, budget=share)
        for request in REQUESTS:
            scenario = scale.scenario(path, request)
            for c in CONTROLLED:
                chosen = tuning[request][c.label]["chosen"]
                spent = tuning[request][c.label]["trials"].get(chosen, {}).get("share")
                method = None if chosen is None else fitted(chosen, scenario, share, spent)
                asked.want(request, scenario, c.label, method, share=share)
        found.append(asked.met())
    return {
        "rows": [row for d in found for row in d["rows"]],
        "oracles": found[0]["oracles"], "edges": found[0]["edges"], "tuning": tuning,
    }  # fmt: skip


def fitted(method: str, scenario: str, share: float, spent: float | None) -> str:
    """The method with as many epochs as fit into a share of retraining's operations, and one at least.

    Args:
        method: with the epochs that it was tried with.
        scenario: its learner is what retraining repeats.
        share: of retraining's operations.
        spent: share that it took with its own epochs; None takes an epoch to cost what one of the learner does.
    """
    made, learner = parse(method), parse(scenario).steps
    inner: Any = made.unlearner if isinstance(made, Localized) else made
    own = epochs_of(inner.steps, learner)
    epoch = (own / epochs_of(learner, None) if spent is None else spent) / own
    inner = replace(inner, steps=replace(inner.steps, epochs=max(1, int(share / epoch + 1e-9))))
    return repr(inner @ made.localizer if isinstance(made, Localized) else inner)


def sequential(bench: Bench, scale: Scale, path: str, count: int = 10, fraction: float = 0.01) -> Document:
    """Ten random requests of 1 % in a row, against models retrained at each of them; settings as chosen for one of 10 %."""
    scenario = scale.scenario(path, "random")
    field = (held.DEL, held.CONTROL, held.FINETUNE, held.NEG_GRAD)
    tuning = {"random": bench.tuned(scenario, field)}
    chosen = {c.label: tuning["random"][c.label]["chosen"] for c in field} | {"oracle": ""}
    calls = {
        f"{label} {i} in a row": (scenario, method, i, count, fraction, bench.setting, str(bench.store.path))
        for label, method in chosen.items()
        if method is not None
        for i in range(scale.seeds)
    }
    rows: list[Row] = []
    for name, found in bench.sequences(calls):
        label, index = name.removesuffix(" in a row").rsplit(" ", 1)
        rows.append({"label": label, "method": chosen[label], "index": int(index), **found})
        bench.say(f"{len(rows)} of {len(calls)}: {name}")
    lost = [label for label, method in chosen.items() if method is None]
    rows += [{"label": label, "method": None, "index": 0, "rows": [], "error": UNTUNED} for label in lost]
    order = [f"{label} {i} in a row" for label in chosen for i in range(scale.seeds)]
    rows.sort(key=lambda r: order.index(f"{r['label']} {r['index']} in a row"))
    return {
        "rows": rows, "scenario": scenario, "count": count, "fraction": fraction, "tuning": tuning, "retrained": scale.seeds
    }  # fmt: skip


EXPERIMENTS: dict[str, Callable[[Bench, Scale, str], Document]] = {
    "main": main, "budgets": budgets, "sequential": sequential, "ablations": ablations, "fractions": fractions, "cost": cost,
    "budgets-random": partial(budgets, request="random"),
    **{f"budgets-{name.lower()}{'' if request == 'classes' else '-random'}": partial(budgets, unlearner=name, request=request)
       for request in ("classes", "random") for name in ("RandomLabel", "NegGrad")},
    "vit": vit, "control": control,
}  # fmt: skip
