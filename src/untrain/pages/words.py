"""Headings and names that the report gives to scores and methods."""

from __future__ import annotations

from collections.abc import Mapping

LEAD = "DEL"

CONTROLS = {
    "Nothing()": "control: the model left alone",
    "Retrain()": "control: retrained without the forget set",
}

# Columns of the first table, in order; those without a value anywhere are left out.
PRIVACY = (
    "forget_gap", "forget_accuracy", "retain_accuracy", "test_accuracy", "mia_loss_auc", "mia_svc_efficacy",
)  # fmt: skip
REPAIR = (
    "forget_gap", "forget_accuracy", "forget_true_accuracy", "retain_true_accuracy", "test_accuracy",
)  # fmt: skip

HEADINGS = {
    "forget_gap": "Forget gap, points",
    "forget_accuracy": "Forget accuracy",
    "forget_true_accuracy": "Forget accuracy, true labels",
    "retain_accuracy": "Retain accuracy",
    "retain_true_accuracy": "Retain accuracy, true labels",
    "test_accuracy": "Test accuracy",
    "mia_loss_auc": "Loss attack, AUC",
    "mia_svc_efficacy": "SVC attack, non-members",
    "example_max": "Surest forget example",
    "example_min": "Least sure forget example",
    "example_fisher": "All forget examples, p-values",
}
WORDS = {
    "klom": "KLoM",
    "js": "Jensen-Shannon distance",
    "aus": "AUS",
    "mia": "attack",
    "svc": "SVC",
    "auc": "AUC",
    "p95": "95th percentile",
}
GIVEN = {"forget_accuracy": "Forget accuracy, given labels", "forget_gap": "Forget gap, given labels, points"}
WRONG = GIVEN | {"forget_accuracy": "Forget accuracy, given (wrong) labels"}


def heading(score: str, labels: Mapping[str, str] | None = None) -> str:
    """The heading of a score; ``labels`` are headings that say which labels count; one that is not known is spelled out."""
    spelled = " ".join(WORDS.get(w, w) for w in score.split("_"))
    plain = HEADINGS.get(score, spelled[:1].upper() + spelled[1:])
    return (labels or {}).get(score, plain)


def named(score: str) -> str:
    """A score's heading inside a sentence: no capital at its start unless it is an abbreviation's, no unit."""
    told = heading(score).removesuffix(", points")
    return told[:1].lower() + told[1:] if told[1:2].islower() else told
