"""RESTOR's comparison: settings are chosen by the facts set apart alone, and verdicts follow planted numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

import untrain as ut

SCRIPT = "papers.restor.compare"
FOLDER = Path(__file__).parents[2] / "papers" / "restor"


@pytest.fixture
def page(script):
    from papers.restor import page

    return page


def planted(page, recovered, tuning, draws=4):
    """A document with numbers by label: those of its settings, the same on each draw but for a ripple."""
    labels = {label: [f"{label} {at}" for at in range(len(values))] for label, values in recovered.items()}
    rows = []
    for drawn in range(draws):
        for label, values in recovered.items():
            for at, value in enumerate(values):
                row = dict.fromkeys(page.SHOWN, 0.5) | {"recovered": value + 0.001 * drawn, "recovered_tuning": tuning[label][at]}
                rows.append({"drawn": drawn, "method": f"{label} {at}", "error": None, "cost": 0.1, **row})
        rows.append({"drawn": drawn, "method": "retrained", "error": None, **dict.fromkeys(page.SHOWN, 0.5), "recovered": 0.9})
    return {
        "date": "2000-01-01", "command": "x", "form": "text", "unrelated": 0, "draws": draws, "model": "MLP()", "labels": labels,
        "setting": {"machine": "m", "untrain": "0", "torch": "0"}, "sizes": {"forget": 5, "retain": 6}, "cpu_seconds": 1,
        "rows": rows,
    }  # fmt: skip


def test_pages_say_what_their_numbers_say(page):
    found = [file for file in sorted(FOLDER.glob("*.json")) if file.stem in page.NAMES]
    assert found
    for file in found:
        assert page.page(json.loads(file.read_text())) == file.with_suffix(".md").read_text()


def test_the_facts_set_apart_alone_choose_a_setting(page):
    document = planted(page, {"MSA": [0.9, 0.2], "retain-only control": [0.3]}, {"MSA": [0.1, 0.4], "retain-only control": [0.0]})
    assert page.best(document, "MSA") == "MSA 1"
    document["rows"][1]["error"] = "NotFinite"  # the second setting on the first draw
    assert page.best(document, "MSA") == "MSA 0"


@pytest.mark.parametrize(("msa", "more", "near"), [(0.9, "holds", "holds"), (0.6, "holds", "fails"), (0.1, "fails", "fails")])
def test_verdicts_follow_planted_numbers(page, msa, more, near):
    recovered = {"MSA": [msa], "retain-only control": [0.3], "nothing": [0.05]}
    lines = page.claims(
        planted(page, recovered, {label: [0.0] for label in recovered}), {label: f"{label} 0" for label in recovered}
    )
    assert f"**{more}**" in next(text for text in lines if "MSA restores more than finetuning" in text)
    assert f"**{near}**" in next(text for text in lines if "within 0.05" in text)


def test_the_same_settings_are_tried_whatever_the_form_and_all_can_be_spelled(script):
    for form in script.FORMS.values():
        labels = script.methods_of(form, [2, 8], few=False)
        assert all(repr(ut.parse(spec)) == spec for specs in labels.values() for spec in specs)
        assert set(script.methods_of(form, [2, 8], few=True)) == {*script.FEW, *script.OTHERS}
        assert np.unique([len(specs) for label, specs in labels.items() if label in script.WALKED]).tolist() == [2]
