"""Whatever a method does is a row: the culprit is named, and no other result differs in a single bit."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from untrain.commands import run
from untrain.core import process_settings
from untrain.runtime.store import Store

OF_THE_MACHINE = ("memory", "system", "file", "store", "extra")  # what may be its failure, and not the method's
SCENARIO = "Digits(model=ConvNet(width=2), steps=Steps(lr=0.1, epochs=1, batch=64))"


@pytest.fixture(scope="module")
def bad():
    """The module of bad methods, as workers import it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import bad_methods

        yield bad_methods
        sys.modules.pop("bad_methods", None)


def rows_of(store, methods, **options):
    document = run.run(SCENARIO, methods, store, seeds=1, oracles=2, evaluators="Accuracy", threads=1, **options)
    return {row["method"]: row for row in document["results"]}


def arrays_of(store):
    """Every array of every model that stands, by its key."""
    opened = Store(store)
    entries = [opened.get(row["key"]) for row in opened.entries() if row["kind"] in ("model", "unlearned")]
    return {
        (e.key, name): values
        for e in entries
        if not e.record.get("error")
        for name, values in {"logits": e.array("logits"), **e.tensors("weights")}.items()
    }


def settings():
    """Settings of the process by name, but for filters of warnings: libraries that are imported set some for themselves."""
    return {each.what: each.read() for each in process_settings.settings() if each.blamed}


@pytest.fixture(scope="module", params=["a quarter", pytest.param("all", marks=pytest.mark.slow)])
def ran(bad, tmp_path_factory, request):
    """A run of good methods alone, and one with a bad method before each of them: of a quarter of the kinds by default."""
    home = tmp_path_factory.mktemp("bad")
    acts = [act for at, act in enumerate(bad.words()) if request.param == "all" or at % 4 == 0 or act in OF_THE_MACHINE]
    good = [bad.Shaken(size=(1 + at) / 1000) for at in range(len(acts))]
    mixed = [each for act, fine in zip(acts, good, strict=True) for each in (bad.Bad(act=act), fine)]
    before = settings()
    with_bad = rows_of(home / "mixed", mixed)
    after = settings()
    alone = rows_of(home / "alone", good)
    return home, alone, with_bad, before, after


def test_there_are_as_many_kinds_as_were_tried(bad):
    assert len(bad.words()) >= 70


@pytest.mark.slow
def test_every_culprit_is_a_failed_row_that_names_what_it_did(bad, ran):
    wrong = {}
    for act, said in bad.words().items():
        if (row := ran[2].get(repr(bad.Bad(act=act)))) is None:
            continue
        error = row["error"]
        if error is None or not re.search(said, error) or "\n" in error:
            wrong[act] = error
    assert wrong == {}


def test_no_other_method_fails_or_scores_otherwise(ran):
    _, alone, mixed, *_ = ran
    assert {name: mixed[name]["error"] for name in alone} == dict.fromkeys(alone)
    assert {name: mixed[name]["scores"] for name in alone} == {name: row["scores"] for name, row in alone.items()}


def test_no_other_model_differs_in_a_bit(ran):
    alone, mixed = (arrays_of(ran[0] / name) for name in ("alone", "mixed"))
    assert len(alone) > 40
    assert alone.keys() == mixed.keys()
    assert all(np.array_equal(values, mixed[key]) for key, values in alone.items())


def test_the_process_is_given_back_as_it_was(ran):
    assert ran[3] == ran[4]


def test_what_may_be_the_machines_failure_is_tried_again(bad, ran):
    opened = Store(ran[0] / "mixed")
    failed = [opened.get(r["key"]) for r in opened.entries() if r["kind"] == "unlearned"]
    again = {e.record["ingredients"]["method"] for e in failed if e.record.get("again")}
    assert {f"bad_methods.Bad(act={act!r})" for act in OF_THE_MACHINE} <= again
    assert not again & {f"bad_methods.Bad(act={act!r})" for act in (*bad.LEFT, "exit 0")}


@pytest.mark.slow
def test_a_method_that_ends_its_worker_is_a_row_too(bad, tmp_path):
    methods = [bad.Ends(), bad.Shaken(), bad.Ends(number=40), bad.Bad(act="default dtype"), bad.Shaken(size=0.2)]
    together = rows_of(tmp_path / "workers", methods, workers=2)
    alone = rows_of(tmp_path / "alone", [bad.Shaken(), bad.Shaken(size=0.2)])
    assert re.search("its worker died 3 times .exit code 0", together[repr(bad.Ends())]["error"])
    assert "killed by signal 40" in together[repr(bad.Ends(number=40))]["error"]
    assert "default dtype" in together[repr(bad.Bad(act="default dtype"))]["error"]
    for name, row in alone.items():
        assert together[name]["error"] is None
        assert together[name]["scores"] == row["scores"]


@pytest.mark.parametrize("how", ["fill", "replace"])
@pytest.mark.parametrize("which", ["mask", "trainable"])
def test_a_method_cannot_widen_the_mask_that_it_is_measured_by(bad, how, which):
    from dataclasses import replace

    from untrain.core.errors import BrokenPromise
    from untrain.core.mask import Mask
    from untrain.training.toy import small

    model, problem = small()
    draw = torch.Generator().manual_seed(1)
    bits = {n: torch.rand(p.shape, generator=draw) < 0.3 for n, p in model.named_parameters()}
    given = {n: b.clone() for n, b in bits.items()}
    with pytest.raises(BrokenPromise, match="outside its mask"):
        bad.Widening(how=how, which=which)(model, replace(problem, mask=Mask(bits, problem.digest)))
    assert bits.keys() == given.keys()
    assert all(torch.equal(b, given[n]) for n, b in bits.items())


def test_check_sees_a_method_that_widens_its_mask(bad):
    from untrain.commands.check import check

    broken = {each["promise"]: each["error"] for each in check(bad.Widening) if each["error"]}
    assert "outside its mask" in broken["it leaves what is outside the mask"]
