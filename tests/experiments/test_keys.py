"""Keys cover what numbers depend on: whatever changes one of these makes another entry."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from untrain import parse
from untrain.core.seeds import seed_of
from untrain.data.examples import Examples
from untrain.data.fingerprint import fields_print
from untrain.experiments import keys
from untrain.experiments.keys import Job, MaskId
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.textclassification import TextClassification
from untrain.runtime.store import key_of

DIGITS = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=0, batch=64))"


@pytest.fixture(scope="module")
def scene():
    return open_scene(parse(DIGITS), Setting())


def printed(scene, **prints):
    return replace(scene, prints={**scene.prints, **prints})


def test_a_mask_is_found_with_the_draws_of_the_method_that_it_confines(scene):
    method = keys.model_ingredients(scene, Job("unlearned", 1, parse("Finetune")), 5, Setting())
    mask = keys.mask_ingredients(scene, parse("WeightedGrad"), MaskId(1), 5, Setting())
    assert mask["seed"] == method["seed"] == seed_of(5, "method", 1)
    assert mask["model"] == method["model"]


def test_all_that_a_mask_depends_on_is_in_its_key(scene):
    def key(scene=scene, localizer="WeightedGrad", which=MaskId(0), seed=0, setting=Setting()):
        return key_of(keys.mask_ingredients(scene, parse(localizer), which, seed, setting))

    whole = [
        key(), key(localizer="WeightedGrad(keep=0.2)"), key(which=MaskId(1)), key(which=MaskId(0, 0)), key(which=MaskId(0, 1)),
        key(seed=1), key(setting=Setting(threads=2)), key(setting=Setting(precision="bfloat16")),
        key(printed(scene, retain="another")), key(printed(scene, train="another")),
    ]  # fmt: skip
    assert len(set(whole)) == len(whole)


def test_the_part_to_tune_on_is_in_the_keys_of_methods_that_name_it_alone(scene):
    def key(method, **prints):
        return key_of(keys.model_ingredients(printed(scene, **prints), Job("unlearned", 0, parse(method)), 0, Setting()))

    changes = {method: key(method) != key(method, valid="another") for method in ("SCRUB", "SCRUB(rewind=True)", "Finetune", "DEL")}
    assert changes == {method: "valid" in parse(method).needed() for method in changes}
    assert set(changes.values()) == {True, False}


def test_labels_are_in_the_keys_of_observations_that_take_them_alone(scene):
    def key(observer, **prints):
        ingredients = keys.observation_ingredients(printed(scene, **prints), parse(observer), "label", "m", (), 1, 0)
        return key_of(ingredients)

    assert [key(o) != key(o, labels="another") for o in ("Relearn", "Weights", "ZRF", "Activations")] == [True, False, False, False]


def test_labels_are_in_the_keys_of_what_was_asked_where_outputs_take_them():
    tokens = torch.tensor([[1, 2, 3], [3, 2, 1]])
    for task, targets, others in (
        (CausalLM(length=3, vocabulary=4), tokens, tokens.clamp(max=2)),
        (TextClassification(length=3, vocabulary=4), torch.tensor([0, 1]), torch.tensor([1, 1])),
    ):
        first, second = (Examples({"input_ids": tokens, task.fields[-1]: y}, np.arange(2)) for y in (targets, others))
        same = fields_print(task.asked(first)) == fields_print(task.asked(second))
        assert same != task.outputs_need_targets
        named = replace(first, ids=np.array(["a", "b"]), owner=np.array(["c", "d"]))
        assert fields_print(task.asked(named)) == fields_print(task.asked(first))


def test_all_that_an_observation_depends_on_is_in_its_key(scene):
    given = {"model": "m", "originals": ("o",), "threads": 1, "seed": 0}

    def key(observer="Relearn", scene=scene, **changed):
        return key_of(keys.observation_ingredients(scene, parse(observer), "label", **given | changed))

    whole = [
        key(), key("Weights"), key("Relearn(steps=Steps(epochs=3))"), key(model="n"), key(originals=()), key(threads=2),
        key(seed=1), key(scene=printed(scene, seen="another")),
    ]  # fmt: skip
    assert len(set(whole)) == len(whole)


def test_models_of_a_search_are_seeded_apart_from_those_of_a_run(scene):
    search = open_scene(parse(DIGITS), Setting(), purpose="search")
    for job, name in (
        (Job("original", 2), "original"),
        (Job("oracle", 2), "oracle"),
        (Job("unlearned", 2, parse("Nothing")), "method"),
    ):
        run, tried = (keys.model_ingredients(s, job, 7, Setting()) for s in (scene, search))
        assert run["seed"] == seed_of(7, name, 2)
        assert tried["seed"] == seed_of(7, f"search {name}", 2)
        assert key_of(run) != key_of(tried)


def test_a_label_is_for_people(scene):
    one, other = ({**keys.scores_ingredients("run", [parse("KLoM")], 9, "code", parse("Protocol")), "label": text} for text in "ab")
    assert key_of(one) == key_of(other)
    draws = keys.scores_ingredients("run", [parse("KLoM")], 10, "code", parse("Protocol"))
    code = keys.scores_ingredients("run", [parse("KLoM")], 9, "other", parse("Protocol"))
    assert len({key_of(one), key_of(draws), key_of(code)}) == 3


def test_the_same_numbers_are_another_model_where_they_are_another_output():
    numbers = np.arange(6.0)
    logits, margins = (key_of(keys.outputs_ingredients("given", name, numbers)) for name in ("logits", "margin"))
    assert logits != margins
    assert logits != key_of(keys.outputs_ingredients("given", "logits", numbers + 1))
