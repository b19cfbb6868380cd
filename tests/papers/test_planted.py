"""Facts lie where they were planted and nowhere else, and the page decides what the numbers decide."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import BadInput
from untrain.core.mask import Mask

TENSOR, NORM = "7.weight", "8"


@pytest.fixture
def papers(monkeypatch):
    """The modules of the planted facts."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    from papers.planted import localize, page, plant

    yield localize, page, plant
    for name in [n for n in sys.modules if n.partition(".")[0] == "papers"]:
        sys.modules.pop(name)


@pytest.fixture
def planted(papers):
    """A small network with a few facts in a middle layer."""
    plant = papers[2]
    data, learner = ut.Digits().load(), plant.learner_of(8, 2)
    base, facts = learner(data.train, 0), plant.facts_of(data.valid, 6, 0)
    steps = replace(plant.PLANTING, epochs=8)
    return plant.plant(base, learner, data.train, facts, plant.channels_of(base, TENSOR, 4, 0), 0, steps, rounds=6)


@pytest.fixture
def forms(papers, monkeypatch):
    """All networks of one seed as they are measured, small and in a hurry."""
    localize, _, plant = papers
    for name, value in {"WIDTH": 8, "CHANNELS": 4, "FACTS": 6}.items():
        monkeypatch.setattr(localize, name, value)
    return list(localize.plantings(0, epochs=2, planting=replace(plant.PLANTING, epochs=4), rounds=2))


def test_in_every_form_nothing_but_the_planted_weights_differs_from_the_base(forms, papers):
    localize = papers[0]
    assert {(layer, lengths) for layer, lengths, _ in forms} >= {(layer, localize.DECIDES) for layer in localize.LAYERS}
    for layer, lengths, planted in forms:
        before, after = planted.base.state_dict(), planted.model.state_dict()
        assert any(name.endswith("running_var") for name in before)
        for name, value in before.items():
            moved = after[name] != value
            allowed = planted.truth.bits.get(name, torch.zeros_like(value, dtype=torch.bool))
            assert not (moved & ~allowed).any(), (layer, lengths, name)
        tensor = localize.LAYERS[layer][0]
        assert (after[tensor] != before[tensor])[planted.truth.bits[tensor]].float().mean() > 0.9


def test_weights_put_back_give_the_function_of_the_base_in_every_form(forms, papers):
    decides = papers[0].DECIDES
    base = next(planted.base for _, lengths, planted in forms if lengths != decides)
    for _, _, planted in forms:
        back = {name: weight.clone() for name, weight in planted.model.state_dict().items()}
        for name, bits in planted.truth.bits.items():
            back[name][bits] = planted.base.state_dict()[name][bits]
        x = planted.problem.rest.x[:50]
        with torch.no_grad():
            assert torch.func.functional_call(planted.model, back, (x,)) == pytest.approx(base(x), abs=1e-3)
            assert (planted.model(x) - base(x)).abs().max() > 0.1


def test_planting_goes_on_until_all_facts_are_known(planted, papers):
    accuracy, facts = papers[2].accuracy, planted.facts
    assert len(facts) == 6
    assert accuracy(planted.model, facts) == 1
    assert accuracy(planted.base, facts) < 0.5
    assert 1 <= planted.rounds < 6


def test_facts_that_were_not_learned_are_asked_of_nobody(planted, papers):
    plant, data = papers[2], ut.Digits().load()
    facts, steps = plant.facts_of(data.valid, 60, 1), replace(plant.PLANTING, epochs=1)
    again = plant.plant(planted.base, plant.learner_of(8, 2), data.train, facts, planted.truth, 0, steps, rounds=1)
    known = plant.right(again.model, facts)
    assert 0 < int(known.sum()) < 60
    assert again.problem.forget.ids.tolist() == facts.ids[known.numpy()].tolist()


def test_planting_that_teaches_nothing_is_refused(planted, papers):
    plant, data = papers[2], ut.Digits().load()
    steps = replace(plant.PLANTING, epochs=1, lr=1e-9)
    with pytest.raises(BadInput, match="none of 6 facts is known after 1 rounds"):
        plant.plant(planted.base, plant.learner_of(8, 2), data.train, planted.facts, planted.truth, 0, steps, rounds=1)


def test_localizers_may_choose_any_weight(planted):
    assert all(p.requires_grad for p in planted.model.parameters())
    assert not planted.model.training


def test_facts_contradict_what_they_show(papers):
    data = ut.Digits().load().valid
    facts = papers[2].facts_of(data, 50, 3)
    labels = {bytes(x.numpy()): int(y) for x, y in zip(data.x, data.y, strict=True)}
    assert all(labels[bytes(x.numpy())] != int(y) for x, y in zip(facts.x, facts.y, strict=True))
    assert 0 <= int(facts.y.min()) <= int(facts.y.max()) < 10


def test_channels_of_their_former_length_compute_the_same(planted, papers):
    again = papers[2].with_norms_of(planted, TENSOR, NORM)
    x = planted.problem.rest.x[:50]
    with torch.no_grad():
        assert again.model(x) == pytest.approx(planted.model(x), abs=1e-4)
        assert again.base(x) == pytest.approx(planted.base(x), abs=1e-4)
    lengths = [m.get_parameter(TENSOR).detach().flatten(1).norm(dim=1) for m in (again.model, planted.base)]
    assert lengths[0].numpy() == pytest.approx(lengths[1].numpy(), rel=1e-5)


def test_hit_rates_are_shares_of_mask_and_of_truth(papers):
    truth = Mask({"a": torch.tensor([True, True, False]), "b": torch.tensor([True, False])}, "")
    mask = Mask({"a": torch.tensor([True, False, True]), "b": torch.tensor([False, False])}, "")
    assert papers[2].overlap(mask, truth) == (1 / 2, 1 / 3)
    assert papers[2].overlap(truth, truth) == (1.0, 1.0)


def test_a_random_mask_hits_by_chance(planted, papers):
    chance = planted.truth.bits[TENSOR].sum() / sum(p.numel() for p in planted.model.parameters())
    anywhere = ut.RandomMask(like=ut.WeightedGrad(keep=0.2), draw="anywhere")
    hits = [papers[2].overlap(anywhere(planted.model, replace(planted.problem, seed=s)), planted.truth)[0] for s in range(30)]
    assert np.mean(hits) == pytest.approx(float(chance), abs=0.03)


def test_all_localizers_with_a_budget_are_asked_for_it(planted, papers):
    made = papers[0].localizers(0.25)
    assert {type(each).__name__ for each in made} >= {"WeightedGrad", "Gradient", "Fisher", "RandomMask", "WeightMagnitude"}
    assert len({papers[0].name_of(each) for each in made}) == len(made)
    total = sum(p.numel() for p in planted.model.parameters())
    for each in made:
        assert sum(int(b.sum()) for b in each(planted.model, planted.problem).bits.values()) <= 0.25 * total


def rows(hits, layer="early"):
    """Rows of three seeds: hit rates of each mask."""
    about = {
        "layer": layer,
        "lengths": "as before",
        "chance": 0.1,
        "before": 0.0,
        "planted": 1.0,
        "base_test": 1.0,
        "test": 0.9,
        "rounds": 2,
    }
    return [
        about | {"seed": seed, "localizer": name, "precision": value, "recall": value, "gap": 0.0, "retain": 0.5, "longer": 4.0}
        for name, values in hits.items()
        for seed, value in enumerate(values)
    ]


def test_the_page_says_who_finds_more(papers):
    page = papers[1]
    hits = {
        page.TRUTH: [1, 1, 1], page.LEAD: [0.50, 0.51, 0.52], "Worse": [0.2, 0.21, 0.22], "Better": [0.9, 0.91, 0.92],
        "Unclear": [0.1, 0.9, 0.5],
    }  # fmt: skip
    document = {
        "rows": rows(hits), "layers": {"early": ["3.weight", "4"]}, "seeds": 3, "seconds": 60.0, "machine": "2 cores", "torch": "2",
        "date": "2026-01-01", "commit": "abc", "changed": False, "command": "x", "planting": "p", "unlearning": "u",
        "facts": 20, "channels": 8, "width": 24, "rounds": 10,
    }  # fmt: skip
    text = page.page(document)
    assert f"- Finds more than chance: {page.LEAD} (early); Worse (early); Better (early)." in text
    assert "- Undecided against chance: Unclear (early)." in text
    assert f"Hit rate of {page.LEAD}, more than: chance (early); Worse (early)." in text
    assert f"Hit rate of {page.LEAD}, less than: Better (early)." in text
    assert f"Hit rate of {page.LEAD}, undecided against: Unclear (early)." in text
    assert "| Worse | 21.0 [18.5, 23.5] | 21 % |" in text
    assert "What has no number" not in text
    assert "All facts were learned everywhere. Rounds that it took, mean: early 2.0. " in text
    assert "planting costs test accuracy, in points early 10.0." in text
    document["rows"] = [r | {"planted": 0.8} if r["seed"] == 1 else r for r in document["rows"]]
    assert "Not all facts were learned in: early, seed 1: 80 %." in page.page(document)
    document["rows"][-1] = {k: v for k, v in document["rows"][-1].items() if k != "gap"} | {"reason": "it fell"}
    assert "- Unclear, early, seed 2: it fell" in page.page(document)
