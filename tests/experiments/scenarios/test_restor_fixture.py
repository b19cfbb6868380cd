"""RESTOR's small fixture on the published facts: what erases, what recovers, and what the control does without a forget set.

The recipe is the specification's: a token per person, property and answer, documents of up to four facts, half of the facts about
fifty people corrupted, 160 steps of unlearning by the wrong answers beside facts about fifty other people. Here corruption takes
180 steps instead of 60, until the planted answer is said as often as there: this decoder learns more slowly.
"""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.torch import save_file

import untrain as ut
from untrain.data.examples import Examples, take
from untrain.data.ragged import Ragged
from untrain.experiments.scenarios.restor import Restor
from untrain.models.inference import predict
from untrain.training.problem import Problem

pytestmark = pytest.mark.slow

STEPS = 160
WALK = ut.Steps(lr=1e-4, epochs=8, batch=32, optimizer=ut.AdamW(decay=0.0), schedule=ut.Constant(), clip=1.0)
RECOVER = {
    "WGA": ut.OnSpans(unlearner=ut.WGA(steps=WALK)),
    # With retain=1 it erases (.35 right answers), with 2 it recovers .86: its weight on a wrong answer falls later than WGA's.
    "NPO": ut.OnSpans(unlearner=ut.NPO(beta=1.0, granularity="token", retain=5.0, steps=WALK)),
    "CE-U": ut.OnSpans(unlearner=ut.CEU(skip=0, retain=1.0, steps=WALK)),
}
ERASE = {
    "gradient ascent": ut.OnSpans(unlearner=ut.NegGrad(alpha=0.5, steps=WALK)),
    "KL": ut.OnSpans(unlearner=ut.KLMax(steps=WALK)),
}


def documents(facts, count, name, rng):
    """Rows of up to four facts about one person, with their answers marked."""
    rows = {field: list(facts.fields[field].rows()) for field in ("input_ids", "spans")}
    people = [np.flatnonzero(facts.owner == who) for who in dict.fromkeys(facts.owner.tolist())]
    chosen = [rng.permutation(people[rng.integers(len(people))])[:4] for _ in range(count)]
    made = {field: Ragged.of([[t for at in ats for t in rows[field][at].tolist()] for ats in chosen]) for field in rows}
    return Examples({**made, "labels": made["input_ids"]}, np.array([f"{name} {at}" for at in range(count)]))


@pytest.fixture(scope="module")
def fixture(shared, tmp_path_factory):
    plain = ut.CausalTransformer(width=128, depth=2, hidden=512)
    fields = {"phrases": True, "spans": True, "length": 32, "vocabulary": 6144, "others": 50}
    world = Restor(path=str(Path(shared("llm")) / "restor"), model=plain, **fields)
    data, task, rng = world.load(), world.learner().task, np.random.default_rng(0)
    wrong = data.train.columns["corrupted"] == 1
    sides = {"forget": (wrong, 3000), "retain": (~wrong, STEPS // WALK.epochs * WALK.batch)}
    forget, retain = (documents(take(data.train, np.flatnonzero(some)), count, name, rng) for name, (some, count) in sides.items())
    file = str(tmp_path_factory.mktemp("restor") / "known.safetensors")
    learned = ut.Steps(lr=3e-3, epochs=60, batch=64, optimizer=ut.AdamW(), schedule=ut.Cosine(), warmup=0.05)
    save_file(ut.Train(model=plain, steps=learned, task=task)(world.before(), 0).state_dict(), file)
    spoiled = ut.Steps(lr=3e-4, epochs=3, batch=50, optimizer=ut.AdamW(), schedule=ut.Constant())
    learner = ut.Train(model=ut.Pretrained(model=plain, weights=file), steps=spoiled, task=task)
    problem = Problem(task, forget, retain)

    def outcome(model):
        """Shares of the corrupted facts answered rightly, as planted and neither way, and of others' facts answered rightly."""
        said = {}
        for name in ("clean", "corrupted"):
            outputs = predict(model, data.probes[name], task)
            said[name] = data.probes[name].ids[outputs["hits"] == outputs["count"]]
        right, planted = (np.isin(data.train.ids[wrong], said[name]) for name in ("clean", "corrupted"))
        return right.mean(), planted.mean(), (~right & ~planted).mean(), np.isin(data.train.ids[~wrong], said["clean"]).mean()

    corrupted = learner(forget, 0)
    control = ut.Finetune(steps=WALK)(deepcopy(corrupted), problem)
    return SimpleNamespace(
        outcome=outcome, known=outcome(learner.init(forget, 0)), corrupted=corrupted, control=outcome(control), problem=problem
    )


def test_the_corrupted_model_says_what_was_planted_where_the_clean_one_was_right(fixture):
    assert fixture.known[0] >= 0.98
    assert fixture.outcome(fixture.corrupted)[1] >= 0.35


@pytest.mark.parametrize("name", RECOVER)
def test_a_loss_that_ends_recovers_more_than_the_control(fixture, name):
    right, _, _, others = fixture.outcome(RECOVER[name](deepcopy(fixture.corrupted), fixture.problem))
    assert right >= max(0.95, fixture.control[0] + 0.03)
    assert others >= 0.97


@pytest.mark.parametrize("name", ERASE)
def test_a_loss_without_an_end_erases_and_recovers_nothing(fixture, name):
    right, _, neither, _ = fixture.outcome(ERASE[name](deepcopy(fixture.corrupted), fixture.problem))
    assert right <= 0.15
    assert neither >= 0.85


def test_other_peoples_facts_as_the_forget_set_bring_back_no_more_than_the_control(fixture):
    """The specification's negative: what is not about the corrupted facts must not restore them."""
    half = np.arange(len(fixture.problem.retain))
    apart, kept = (take(fixture.problem.retain, half[half % 2 == odd]) for odd in (1, 0))
    other = Problem(fixture.problem.task, apart, kept)
    right, *_ = fixture.outcome(RECOVER["WGA"](deepcopy(fixture.corrupted), other))
    assert right <= fixture.control[0] + 0.03
