"""Headings and names that the report gives to scores and methods."""

from __future__ import annotations

from collections.abc import Mapping

from untrain.evaluation.observation import SIDES

CONTROLS = {
    "Nothing()": "control: the model left alone",
    "Retrain()": "control: retraining, tested as if it were a method",
}

# Columns of the first table, in order; those without a value anywhere are left out.
PRIVACY = (
    "forget_accuracy", "retain_accuracy", "test_accuracy", "test_forgotten_accuracy", "test_staying_accuracy",
    "mia_loss_auc", "mia_ulira_accuracy",
)  # fmt: skip
REPAIR = (
    "forget_accuracy", "forget_true_accuracy", "retain_true_accuracy", "test_accuracy",
    "test_forgotten_accuracy", "test_staying_accuracy",
)  # fmt: skip

FEWEST = 3  # scores of a table's columns, where so many are tested

HEADINGS = {
    "forget_gap": "Forget gap, points",
    "forget_accuracy": "Forget accuracy",
    "forget_true_accuracy": "Forget accuracy, true labels",
    "retain_accuracy": "Retain accuracy",
    "retain_true_accuracy": "Retain accuracy, true labels",
    "test_accuracy": "Test accuracy",
    "test_forgotten_accuracy": "Test accuracy, forgotten part",
    "test_staying_accuracy": "Test accuracy, all else",
    "test_forgotten_gap": "Test gap, forgotten part, points",
    "test_staying_gap": "Test gap, all else, points",
    "corrected_accuracy": "Corrected accuracy",
    "forget_true_gap": "Forget gap, true labels, points",
    "retain_gap": "Retain gap, points",
    "retain_true_gap": "Retain gap, true labels, points",
    "test_gap": "Test gap, points",
    "corrected_gap": "Corrected gap, points",
    "probe_forget_accuracy": "Linear probe, forget set",
    "probe_test_accuracy": "Linear probe, test set",
    "probe_forgotten_accuracy": "Linear probe, test set, classes to forget",
    "probe_forget_confidence": "Linear probe, confidence on the forget set",
    "original_cka_forget": "CKA to the original, forget set",
    "original_cka_other": "CKA to the original, other examples",
    "mia_svc_efficacy": "SVC attack, non-members",
    "example_max": "Best known forget example",
    "example_min": "Least known forget example",
    "example_fisher": "All forget examples, p-values",
}
WORDS = {
    "klom": "KLoM", "js": "Jensen-Shannon distance", "aus": "AUS", "zrf": "ZRF", "cka": "CKA", "rus": "RUS",
    "p95": "95th percentile", "auc": "AUC", "tpr": "TPR", "tnr": "TNR", "prob": "probability",
    "mink": "min-k %", "minkpp": "min-k %++", "gradnorm": "gradient norm", "verbmem": "VerbMem", "knowmem": "KnowMem",
    "svc": "SVC", "lira": "LiRA", "ulira": "U-LiRA", "rmia": "RMIA", "mentropy": "modified entropy",
}  # fmt: skip
# What follows the name of an attack.
FIGURES = {"tpr_1": "TPR at 1 % FPR", "tpr_01": "TPR at 0.1 % FPR", "accuracy": "balanced accuracy"}
ATTACK = "mia_"
GIVEN = {"forget_accuracy": "Forget accuracy, labels as trained on"}
WRONG = {"forget_accuracy": "Forget set, wrong label given", "forget_true_accuracy": "Forget set, true label given"}


def heading(score: str, labels: Mapping[str, str] | None = None) -> str:
    """The heading of a score; ``labels`` are headings that say which labels count; one that is not known is spelled out."""
    spelled = _attack(score.removeprefix(ATTACK)) if score.startswith(ATTACK) else _plain(score)
    plain = HEADINGS.get(score, spelled[:1].upper() + spelled[1:])
    return (labels or {}).get(score, plain)


def named(score: str) -> str:
    """A score's heading inside a sentence: no capital at its start unless it is an abbreviation's, no unit."""
    title = heading(score).removesuffix(", points")
    return title[:1].lower() + title[1:] if title.partition(" ")[0][1:].islower() else title


def _plain(score: str) -> str:
    """Words of a score, those that name a side set off."""
    first, *rest = score.split("_")
    text = WORDS.get(first, first)
    for word in rest:
        text += f", {word} set" if word in SIDES else f"{',' if text.endswith(' set') else ''} {WORDS.get(word, word)}"
    return text


def _attack(score: str) -> str:
    """An attack's name and, after it, the figure."""
    kind, _, figure = score.partition("_")
    offline = figure.startswith("offline_")
    figure = figure.removeprefix("offline_")
    words = FIGURES.get(figure, " ".join(WORDS.get(w, w) for w in figure.split("_")))
    return f"{'offline ' if offline else ''}{WORDS.get(kind, kind)} attack, {words}"
