"""Entropy after JiT: numbers of single models, step sizes from the forget inputs alone, and verdicts from planted entropies."""

import json
from pathlib import Path

import numpy as np
import pytest

import untrain as ut
from untrain.evaluation.observation import Observation
from untrain.runtime.store import Store

SCRIPT = "papers.vision.entropy"


def seen(scale, models=2, seed=0):
    """Models whose logits are larger by a factor the surer they are."""
    rng = np.random.default_rng(seed)
    logits = (scale * rng.normal(size=(models, 60, 3))).astype(np.float32)
    labels, side = np.arange(60) % 3, np.repeat(["forget", "retain", "test"], 20)
    return Observation.of_logits(logits, labels, labels, side, np.arange(60))


def test_the_page_says_what_its_numbers_say(script):
    from papers.vision.entropy_table import page

    folder = Path(__file__).parents[2] / "papers" / "vision"
    assert page(json.loads((folder / "entropy.json").read_text())) == (folder / "entropy.md").read_text()


def test_entropies_lie_between_nothing_and_that_of_guessing(script):
    assert script.single(seen(0.0), seen(1.0))["entropy"] == pytest.approx([np.log(3)] * 2, abs=1e-5)
    assert script.single(seen(1000.0), seen(1.0))["entropy"] == pytest.approx([0, 0], abs=0.01)


def test_the_notebooks_test_tells_surer_models_from_retrained_ones_and_not_a_model_from_itself(script):
    assert max(script.single(seen(9.0, seed=1), seen(1.0))["p"]) < 1e-3
    assert script.single(seen(1.0), seen(1.0))["p"] == [1.0, 1.0]


def test_the_notebooks_noise_and_step_size_are_the_same_in_units_of_pixels(script):
    assert pytest.approx(0.8 * np.mean([0.2673, 0.2564, 0.2762]), abs=1e-4) == script.SCALE
    assert pytest.approx(2e-5 * np.mean([0.2673, 0.2564, 0.2762]), rel=1e-2) == script.RATE


def test_step_sizes_change_few_predictions_on_noised_images_and_the_next_larger_one_more(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "RULED", {"JiT": script.RULED["JiT"]})
    monkeypatch.setattr(script, "RATES", {"JiT": (3.0, 1.0, 0.3, 0.1)})
    monkeypatch.setattr(script, "FEW", 3)
    store = Store(tmp_path / "store")
    scenario = "Digits(model=MLP(width=16), steps=Steps(lr=0.2, epochs=6, batch=64))"
    chosen = script.ruled(scenario, store)
    tight, loose = (ut.parse(chosen[f"JiT, {drop:.0%} changed"]) for drop in script.DROPS["JiT"])
    assert tight.noise.draws == script.DRAWS
    assert 0.1 <= tight.steps.lr < loose.steps.lr
    before = len(store.entries())
    assert script.ruled(scenario, store) == chosen
    assert len(store.entries()) == before  # nothing is made again
    monkeypatch.setattr(script, "RATES", {"JiT": (100.0,)})
    assert all(text.startswith("none: each lr") for text in script.ruled(scenario, store).values())


def document(**entropies):
    """Ten models of each kind with entropies around a mean; those that forget lose a point of test accuracy."""
    rng = np.random.default_rng(0)
    kinds = {"original": 0.02, "oracle": 0.2, "Nothing()": 0.02, **entropies}
    sides = {"forget": [0.9] * 10, "retain": [1.0] * 10, "p": [0.5] * 10, "cost": 0.1}
    rows = [
        {"method": name, "error": None, "entropy": rng.normal(mean, 0.01, 10).tolist(), **sides}
        | {"test": [0.6 - 0.01 * (name in entropies)] * 10}
        for name, mean in kinds.items()
    ]  # fmt: skip
    setting = {"machine": "a machine", "untrain": "0", "torch": "0"}
    return {
        "date": "", "command": "", "scenario": "", "setting": setting, "sizes": {"train": 100, "forget": 10}, "seeds": 10,
        "drops": [0.1, 0.3], "cpu_seconds": 1,
        "methods": {"Nothing": "Nothing()", **{n: n for n in entropies}, "none here": "none: too large"},
        "rows": rows,
    }  # fmt: skip


def test_planted_entropies_decide_the_claims(script):
    from papers.vision import entropy_table

    page = entropy_table.page(document(near=0.21, far=0.3, still=0.02))
    told = {line.split(" | ")[0]: line.split(" | ")[-1] for line in page.splitlines()}
    assert told["| the original is surer of the forget set than retraining: entropy, nats"] == "**holds** |"
    assert told["| near: entropy is within 0.05 nats of retraining's"] == "**holds** |"
    assert told["| far: entropy is within 0.05 nats of retraining's"] == "**fails** |"
    assert told["| near: entropy is higher than the original's, nats"] == "**holds** |"
    assert told["| still: entropy is higher than the original's, nats"] == "undecided |"
    assert told["| near: at most 3 points of test accuracy are lost"] == "**holds** |"
    assert "| none here | none: too large |" in page
