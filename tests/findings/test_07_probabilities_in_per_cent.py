"""Probabilities are no logits, in whatever form they come: they are asked about, and an option says what they are."""

import sys

import numpy as np
import pytest
import torch

import untrain as ut
from covering import thin
from id_lists import LABELS, outputs
from untrain.commands.cli import app
from untrain.core.errors import DataError

SIDES = np.repeat(["forget", "retain", "test"], [10, 30, 20])
UNLEARNED, ORACLES = (torch.from_numpy(outputs(*given)) for given in ((3, 3.0), (12, 0.0, 1)))
FORMS = {
    "float32": lambda z: z.softmax(-1),
    "float16": lambda z: z.softmax(-1).half(),
    "bfloat16": lambda z: z.softmax(-1).bfloat16(),
    "per cent": lambda z: 100 * z.softmax(-1).numpy(),
    "per cent, rounded": lambda z: (100 * z.softmax(-1)).numpy().round(1),
    "sigmoid": lambda z: (2 * z).sigmoid(),
    "one-hot": lambda z: torch.nn.functional.one_hot(z.argmax(-1), z.shape[-1]).double(),
    "base 10": lambda z: z.softmax(-1).log10(),
}


def audit(make, tmp_path, **more):
    given = ut.Outputs(make(UNLEARNED), make(ORACLES), labels=LABELS, sides=SIDES, **more)
    return ut.audit(given, store=tmp_path / "runs")["results"][0]["scores"]


def assert_alike(found, right):
    """Scores that do not hang on the order of two nearly equal numbers, as fitted thresholds do, are the same."""
    assert found.keys() == right.keys()
    steady = [name for name in right if name.startswith(("js_", "accuracy_", "disagreement", "mia_loss_auc"))]
    assert len(steady) > 3
    for name in steady:
        assert found[name]["value"] == pytest.approx(right[name]["value"], abs=2e-4), name


@pytest.mark.parametrize("form", thin(FORMS, 3))
def test_probabilities_are_asked_about(form, tmp_path):
    with pytest.raises(DataError, match=r"model 0 of the unlearned puts out .*--no-probabilities"):
        audit(FORMS[form], tmp_path)
    audit(FORMS[form], tmp_path, probabilities=False)


@pytest.mark.parametrize("form", ["float32", "per cent"])
def test_probabilities_that_are_said_to_be_some_get_the_scores_of_their_logits(form, tmp_path):
    right, found = audit(lambda z: z, tmp_path), audit(FORMS[form], tmp_path, probabilities=True)
    assert_alike(found, right)


def test_log_probabilities_are_logits(tmp_path):
    right, found = audit(lambda z: z, tmp_path), audit(lambda z: z.log_softmax(-1), tmp_path)
    assert_alike(found, right)


def test_the_terminal_has_both_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, array in {"u": UNLEARNED.softmax(-1), "o": ORACLES.softmax(-1), "labels": LABELS, "sides": SIDES}.items():
        np.save(name, np.asarray(array))
    command = [
        "audit",
        "--unlearned",
        "u.npy",
        "--oracles",
        "o.npy",
        "--labels",
        "labels.npy",
        "--sides",
        "sides.npy",
        "--store",
        "s",
    ]
    codes = {}
    for more in ("", "--probabilities", "--no-probabilities"):
        monkeypatch.setattr(sys, "argv", ["untrain", *command, *([more] if more else [])])
        with pytest.raises(SystemExit) as ended:
            app.main()
        codes[more] = ended.value.code or 0
    assert codes == {"": 2, "--probabilities": 0, "--no-probabilities": 0}
    assert "--probabilities" in capsys.readouterr().err
