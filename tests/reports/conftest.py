"""A made-up run to report on, and a Chromium to open its page with."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from untrain.evaluation.base import ScoreInfo
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.outcome import Evidence, rule
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.scoring.assessment import assess, reference_of
from untrain.evaluation.scoring.group_accuracy import accuracy_by_group
from untrain.experiments.model_facts import BREAK_EVEN, SHARES
from untrain.reports.formatting import short
from untrain.reports.headings import named
from untrain.reports.material import Material
from untrain.reports.shown import of_inputs

CLASSES, SIDES = 4, np.array(["forget"] * 12 + ["retain"] * 16 + ["test"] * 20)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads descriptor 3 and writes descriptor 4.
HANDOVER = "import os, sys; _, r, w, *c = sys.argv; os.dup2(int(r), 3); os.dup2(int(w), 4); os.execv(c[0], c)"
METHODS = ("Finetune()", "DEL()", "SalUn()", "Nothing()")


def observation(models: int, forget_margin: float, seed: int, wrong: str = "") -> Observation:
    """Answers of made-up models that are ``forget_margin`` sure of the forget examples.

    Labels are wrong nowhere, in the 'forget' set, in its 'half', or every fifth 'here and there' in the training data.
    """
    rng = np.random.default_rng(seed)
    true = np.arange(len(SIDES)) % CLASSES
    at = np.arange(len(SIDES))
    bad = {"": at < 0, "forget": SIDES == "forget", "half": at < 6, "here and there": (at % 5 == 0) & (SIDES != "test")}[wrong]
    labels = np.where(bad, (true + 1) % CLASSES, true)
    logits = rng.normal(size=(models, len(SIDES), CLASSES)).astype(np.float32)
    sure = np.where(SIDES == "forget", forget_margin, 3.0).astype(np.float32)
    logits[:, np.arange(len(SIDES)), labels] += sure
    return Observation.of_logits(logits, labels, true, SIDES, np.arange(len(SIDES)).astype(str))


def layer(name: str, weights: int, kept: int) -> dict:
    """A layer's row, of a mask that holds one weight more on one of two models and one less on the other."""
    ends = {"kept": kept / weights, "low": (kept - 1) / weights, "high": (kept + 1) / weights}
    return {"layer": name, "weights": weights, **ends, "of_mask": 0.5}


def row(method: str, found: dict, cost: float) -> dict:
    """A row of results as ``untrain.experiments.results`` makes it."""
    kept = {"DEL()": 3, "SalUn()": 6}.get(method)
    layers = [layer("0", 12, kept), layer("head", 8, kept)] if kept else []
    guard = {
        "moved_share": 0.3,
        "moved_norm": 1.25,
        "outside_mask_max": 0.0,
        "may_move": 0.3,
        "mask_share": 0.3,
        "buffer_drift": 0.0,
    }
    shares = dict.fromkeys(SHARES, cost)
    cost_row = {"seconds": 1.5, "forward": 10, "backward": 5, "flops": 100, "peak": 1} | shares
    return {"method": method, "cost": cost_row, "guard": guard, "layers": layers, "notes": [], "error": None} | found


def audited(original: Observation, ours: Observation, oracle: Observation, method: str) -> dict:
    """All scores of a made-up method, its verdict and its outcome, as they stand in its row."""
    scores, verdict = assess(reference_of(evaluators(), oracle, original), ours, draws=50)
    tested = {name: score.verdict for name, score in scores.items() if name in verdict["tested"]}
    evidence = Evidence(tested, verdict["counts"], heading=named)
    verdict |= rule(Protocol(), ours, oracle, original, evidence).document(short(method))
    paying = accuracy_by_group(ours, oracle)
    return {"scores": {name: asdict(score) for name, score in scores.items()}, "verdict": verdict, "paid": paying}


def material(wrong: str = "", methods: tuple[str, ...] = METHODS, inputs: bool = True) -> Material:
    """A made-up run."""
    original, oracle = observation(2, 4.0, 1, wrong), observation(3, 1.0, 2, wrong)
    ours = {m: observation(2, 4.0 - at, 3 + at, wrong) for at, m in enumerate(methods)}
    document = {
        "untrain": "0.0", "run": "ab" * 32, "scenario": "Made(up=1)", "seeds": 2, "oracles": 3, "seed": 0,
        "sizes": {"train": 28, "forget": 12, "retain": 16, "test": 20}, "digest": "cd" * 32,
        "results": [row(m, audited(original, o, oracle, m), 0.2 * at) for at, (m, o) in enumerate(ours.items())],
        "overlap": [{"one": "DEL()", "other": "SalUn()", "iou": 0.5, "low": 0.25, "high": 0.75, "chance": 0.375, "layers": 0.9,
                     "reason": None}],
        "oracle_cost": row("Retrain()", {"scores": {}, "verdict": None, "paid": []}, 1.0)["cost"],
        "break_even": {"share": 1.0, "line": BREAK_EVEN, "methods": []},
        "warnings": ["intervals over 2 seeds are rough"],
        "setting": {"device": "cpu", "threads": 1, "python": "3", "torch": "2", "machine": "none"},
    }  # fmt: skip
    pictures = np.random.default_rng(0).random((12, 1, 8, 8), dtype=np.float32) if inputs else None
    shown = None if pictures is None else of_inputs(pictures)
    return Material(document, original, oracle, ours, shown, evaluators=evaluators())


@pytest.fixture(scope="session")
def privacy() -> Material:
    """A run without wrong labels."""
    return material()


@pytest.fixture(scope="session")
def repair() -> Material:
    """A run whose forget examples bear wrong labels."""
    return material(wrong="forget")


@pytest.fixture(scope="session")
def noisy() -> Material:
    """A run on data with a few wrong labels, whose forget examples were drawn at random."""
    return material(wrong="here and there")


@pytest.fixture(scope="session")
def half() -> Material:
    """A run whose forget examples bear wrong labels as often as right ones."""
    return material(wrong="half")


@pytest.fixture(scope="session")
def located() -> dict:
    """What a made-up ``untrain localize`` found: of three localizers, and of one that failed."""

    def row(name: str, iou: float, spread: float) -> dict:
        halves = {"iou": iou, "low": iou - spread, "high": min(iou + spread, 1.0), "chance": 0.2, "layers": 0.95, "reason": None}
        seeds = {"iou": 0.4, "low": 0.3, "high": 0.5, "chance": 0.15, "layers": 0.9, "reason": None}
        shares = {"share": 0.3, "low": 0.25, "high": 0.35, "layers": [layer("0", 12, 3), layer("head", 8, 3)]}
        return {
            "localizer": name,
            "error": None,
            **shares,
            "stability": {"seeds": seeds, "batches": halves},
            "seconds": 1.5,
            "notes": [],
        }

    names = ("WeightedGrad()", "Deepest()", "RandomMask()")
    shared = {"iou": 0.5, "low": 0.25, "high": 0.75, "chance": 0.375, "layers": 0.9, "reason": None}
    return {
        "scenario": "Made(up=1)", "seeds": 2, "seed": 0, "forget": 12, "parameters": 20,
        "results": [row(*each) for each in zip(names, (0.6, 1.0, 0.2), (0.1, 0.0, 0.1), strict=True)]
        + [{"localizer": "WeightedGrad(keep=0.1)", "error": "a budget of 0 of 3 weights: keep at least 0.34"}],
        "overlap": [{"one": a, "other": b, **shared} for a, b in combinations(names, 2)],
        "setting": {"device": "cpu", "threads": 1, "machine": "none", "untrain": "0.0"},
    }  # fmt: skip


@pytest.fixture
def told():
    """A row with a made-up verdict: told(says, recognised=12, outcome="passes", ...)."""

    def made(says="too few models", method="DEL()", forget=500, **more):
        counts = {"forget": forget, "recognised": more.pop("recognised", 0), "standing_out": more.pop("standing_out", 0)}
        plain = {"distinguishable": [], "indistinguishable": [], "tested": [], "level": 0.05, "chance": 0.05, "counts": counts}
        ruled = {"protocol": "standard", "outcome": "open", "because": "", "open": "", "power": None, "endpoints": [], "lacks": {},
                 "notes": [], "forgetting": "open", "keeping": "open",
                 "sentence": f"{method.partition('(')[0]}: open."}  # fmt: skip
        verdict = plain | ruled | {"says": says, "recognised": [], "standing_out": []} | more
        return {"method": method, "verdict": verdict, "scores": {}, "layers": [], "error": None, "paid": []}

    return made


@pytest.fixture(scope="session")
def plain_about() -> ScoreInfo:
    """A glossary's entry on a gap in fractions."""
    return ScoreInfo("difference", "fraction", "0", "none", low=-1.0)


class Chromium:
    """A headless Chromium, spoken to over a pipe.

    Args:
        program: path of the browser.
    """

    def __init__(self, program: str) -> None:
        self.folder = tempfile.mkdtemp()
        (to_read, self.out), (self.back, to_write) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]
        command = [sys.executable, "-c", HANDOVER, *map(str, ends), program, *FLAGS, f"--user-data-dir={self.folder}"]
        self.process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL)
        for end in (to_read, to_write, *ends):
            os.close(end)
        self.count, self.rest, self.session, self.events = 0, b"", None, []

    def ask(self, method: str, **params: object) -> dict:
        """Send a command and wait for its answer; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict:
        while b"\0" not in self.rest:
            assert select.select([self.back], [], [], 60)[0], "Chromium said nothing for a minute"
            piece = os.read(self.back, 1 << 16)
            assert piece, "Chromium ended"
            self.rest += piece
        first, _, self.rest = self.rest.partition(b"\0")
        return json.loads(first)

    def open(self, path: Path, width: int, scheme: str = "light") -> None:
        """Open a file in a window of some width and wait until it is drawn."""
        if self.session is None:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")

    def run(self, script: str) -> object:
        """The value of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)["result"].get("value")

    def complaints(self) -> list[dict]:
        """Errors and warnings that the page has caused so far."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [e["params"] for e in self.events if e.get("method") in kinds]

    def asked(self) -> list[str]:
        """Addresses that the page has asked for."""
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self.process.terminate()
        self.process.wait()
        os.close(self.out)
        os.close(self.back)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def chromium():
    """A Chromium, where the machine has one."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine")
    browser = Chromium(program)
    yield browser
    browser.close()
