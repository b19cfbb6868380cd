import functools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain import parse
from untrain.core.errors import NotFinite
from untrain.core.metering import Cost
from untrain.core.seeds import seed_of
from untrain.experiments.jobs import limit_of, run_job
from untrain.experiments.keys import Job, model_ingredients, oracle_keys
from untrain.experiments.scenarios.custom import Custom
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store, key_of

DIGITS = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=0, batch=64))"


@pytest.fixture(scope="module")
def scene():
    return open_scene(parse(DIGITS), Setting())


def key(scene, method="Finetune(steps=Steps(epochs=1))", seed=0, setting=None, index=0):
    return key_of(model_ingredients(scene, Job("unlearned", index, parse(method)), seed, setting or Setting()))


def train_key(scene, kind="original", seed=0, setting=None, index=0):
    return key_of(model_ingredients(scene, Job(kind, index), seed, setting or Setting()))


def test_seeds_of_originals_oracles_and_methods_never_meet():
    seeds = [seed_of(base, kind, i) for base in range(3) for kind in ("original", "oracle", "method") for i in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= s < 2**31 for s in seeds)


def test_a_methods_field_changes_its_own_key_and_no_models(scene):
    assert key(scene) != key(scene, "Finetune(steps=Steps(epochs=2))")
    assert key(scene) != key(scene, "NegGrad(steps=Steps(epochs=1))")
    assert key(scene) == key(scene, "Finetune(steps=Steps(epochs=1, lr=0.015))"), "a default written out is the same"


def test_a_recipe_has_the_key_of_its_expansion(scene):
    assert key(scene, "DEL") == key(scene, repr(parse("DEL").expand()))


@pytest.mark.parametrize("keyed", [key, train_key])
def test_seed_index_threads_and_kind_of_device_change_keys_and_the_number_of_a_gpu_does_not(scene, keyed):
    whole = {
        keyed(scene), keyed(scene, seed=1), keyed(scene, index=1), keyed(scene, setting=Setting(threads=2)),
        keyed(scene, setting=Setting(device="cuda:0")),
    }  # fmt: skip
    assert len(whole) == 5
    assert keyed(scene, setting=Setting(device="cuda:0")) == keyed(scene, setting=Setting(device="cuda:1"))


def test_another_request_changes_oracles_and_methods_and_leaves_originals(scene):
    other = open_scene(parse(DIGITS.replace("steps", "request=Random(fraction=0.1, seed=1), steps", 1)), Setting())
    assert train_key(other) == train_key(scene)
    assert train_key(other, "oracle") != train_key(scene, "oracle")
    assert key(other) != key(scene)
    assert model_ingredients(scene, Job("unlearned", 0, parse("Nothing")), 0, Setting())["forget"] == scene.forget_set.digest


def test_another_part_to_tune_on_changes_methods_that_name_it_alone(scene):
    other = replace(scene, prints={**scene.prints, "valid": "another"})
    assert key(other, "SCRUB(rewind=True)") != key(scene, "SCRUB(rewind=True)")
    assert key(other, "Finetune") == key(scene, "Finetune")
    assert train_key(other) == train_key(scene)


def network(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def own(model, classes=None):
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 4, generator=draw), torch.arange(40) % 2
    return open_scene(Custom(train=(x, y), test=(x[:10], y[:10]), model=model), Setting())


def test_functions_of_one_name_that_make_other_networks_have_other_keys():
    keys = {train_key(own(lambda w=width: network(w))) for width in (3, 4)}
    keys |= {train_key(own(functools.partial(network, width))) for width in (3, 4)}
    assert len(keys) == 4
    assert train_key(own(lambda: network(3))) == train_key(own(lambda: network(3)))


def test_opening_a_scene_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    open_scene(parse(DIGITS), Setting())
    assert (torch.get_rng_state() == before).all()


def test_an_entry_holds_the_model_and_its_answers_on_all_of_train_and_test(scene, tmp_path):
    store = Store(tmp_path)
    entry = run_job(scene, Job("original", 0), 0, Setting(), store)
    model = scene.learner.init(scene.data.train, entry.record["ingredients"]["seed"])
    model.load_state_dict({n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()})
    with torch.no_grad():
        again = model.eval()(torch.cat([scene.data.train.x, scene.data.test.x])).numpy()
    assert entry.array("logits").shape == (1258 + 359, 10)
    assert entry.array("logits") == pytest.approx(again, abs=1e-5)


def test_a_job_that_is_done_is_not_done_again(scene, tmp_path, monkeypatch):
    store = Store(tmp_path)
    first = run_job(scene, Job("original", 0), 0, Setting(), store)
    monkeypatch.setattr("untrain.experiments.jobs._train", lambda *_: pytest.fail("trained twice"))
    assert run_job(scene, Job("original", 0), 0, Setting(), store).record == first.record


def test_a_method_whose_model_answers_nan_fails_and_is_no_number(scene, tmp_path, monkeypatch):
    store = Store(tmp_path)
    run_job(scene, Job("original", 0), 0, Setting(), store)

    def refuse(*_args):
        raise NotFinite("Sequential answers 3 of 9 examples with NaN")

    monkeypatch.setattr("untrain.experiments.jobs.predict", refuse)
    entry = run_job(scene, Job("unlearned", 0, parse("Finetune(steps=Steps(epochs=1))")), 0, Setting(), store)
    assert "NaN" in entry.record["error"]
    assert not list(entry.folder.glob("*.npy"))


def test_the_cost_of_training_is_stored_beside_the_model(scene, tmp_path):
    entry = run_job(scene, Job("oracle", 1), 0, Setting(), Store(tmp_path))
    assert set(entry.record["cost"]) == set(vars(Cost()))
    assert np.isfinite(list(entry.record["cost"].values())).all()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (MemoryError(), "Nothing() failed: MemoryError"),
        (OSError(28, "No space left on device"), "Nothing() failed: OSError: [Errno 28] No space left on device"),
    ],
)
def test_whatever_a_method_raises_is_its_row_and_is_tried_again(scene, tmp_path, monkeypatch, fault, said):
    def fail(*_args):
        raise fault

    store, job = Store(tmp_path), Job("unlearned", 0, parse("Nothing"))
    monkeypatch.setattr("untrain.unlearners.nothing.Nothing.unlearn", fail)
    entry = run_job(scene, job, 0, Setting(), store)
    assert (entry.record["error"], entry.final) == (said, False)


def test_a_model_that_fails_where_its_mask_is_laid_out_is_that_methods_failure(scene, tmp_path, monkeypatch):
    def fail(*_args):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("untrain.experiments.jobs.mask_contents", fail)
    method = parse("Finetune(steps=Steps(epochs=1)) @ WeightedGrad()")
    entry = run_job(scene, Job("unlearned", 0, method), 0, Setting(), Store(tmp_path))
    assert entry.record["error"] == "ZeroDivisionError: by zero"


FINETUNE = "Finetune(steps=Steps(lr=0.05, epochs=2, batch=64))"


@pytest.fixture(scope="module")
def trained():
    return open_scene(parse(DIGITS.replace("epochs=0", "epochs=2")), Setting())


@pytest.mark.parametrize("method", [FINETUNE, f"{FINETUNE} @ WeightedGrad()", "Retrain()"])
def test_a_method_stops_at_its_budget_and_says_so(trained, tmp_path, method):
    store, setting = Store(tmp_path), Setting(budget=0.3)
    entry = run_job(trained, Job("unlearned", 0, parse(method)), 0, setting, store)
    start = run_job(trained, Job("original", 0), 0, setting, store)
    limit = 0.3 * start.record["cost"]["flops"] * len(trained.retain) / len(trained.data.train)
    assert limit_of(trained, start, 0.3) == pytest.approx(limit)
    step = start.record["cost"]["flops"] / 40  # of 64 examples: two epochs of twenty steps
    assert limit - 2 * step < entry.record["cost"]["flops"] <= limit
    note = entry.record["notes"][-1]
    found = re.fullmatch(r"stopped at the budget of 30 % of retraining, after (\d+) of 36 steps", note)
    assert 8 <= int(found[1]) <= 11


def test_a_budget_that_is_not_used_up_changes_nothing_and_is_not_told_of(trained, tmp_path):
    store, job = Store(tmp_path), Job("unlearned", 0, parse(FINETUNE.replace("epochs=2", "epochs=1")))
    free, bound = (run_job(trained, job, 0, Setting(budget=budget), store) for budget in (None, 1.0))
    assert free.record["notes"] == bound.record["notes"] == []
    assert free.key != bound.key
    assert (free.array("logits") == bound.array("logits")).all()


def test_originals_and_oracles_have_no_budget(trained):
    for kind in ("original", "oracle"):
        assert train_key(trained, kind, setting=Setting(budget=0.1)) == train_key(trained, kind)


def test_a_budget_that_holds_no_step_is_an_error_of_the_method(trained, tmp_path):
    job = Job("unlearned", 0, parse(f"{FINETUNE} @ WeightedGrad()"))
    entry = run_job(trained, job, 0, Setting(budget=0.001), Store(tmp_path))
    assert entry.record["error"].startswith("the budget of 0.1 % of retraining was spent before the first step")


def test_keys_of_oracles_are_those_of_their_models(scene):
    assert oracle_keys(scene, 3, 5, Setting()) == [train_key(scene, "oracle", 5, index=at) for at in range(3)]
    same = replace(scene, learner=parse("ScikitLearn()"))  # whose models do not hang on a seed
    assert oracle_keys(same, 2, 0, Setting()) == [train_key(same, "oracle", index=at) for at in range(2)]
