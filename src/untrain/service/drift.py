"""Drift from retraining: what was forgotten since the model was last trained anew, and whether it got worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from untrain.maths.sequential_fall import fall_bound, level_of_look
from untrain.service.facts import RunFacts
from untrain.service.settings import Settings


def drift(runs: Sequence[RunFacts], settings: Settings) -> dict[str, Any]:
    """Counts, shares and alarms after some runs, in their order.

    Each alarm says what it is based on. Only the test on validation accuracy has a rate of false alarms: two are limits that the
    settings choose.
    """
    since = _since_retraining(runs)
    count = sum(not run.retrained for run in since)
    rows = sum(run.rows for run in since if not run.retrained)
    # After retraining, the rows that it was trained on are those that it had left; rows that went before are none of them, even
    # if nobody deleted them from the data.
    first = next((run for run in since if run.of), None)
    of = 0 if first is None else first.of - first.again - (first.rows if first.retrained else 0)
    share = rows / of if of > 0 else None
    test = _test(since, settings.level)
    alarms = []
    if count > settings.most_runs:
        alarms.append(_limit(f"{count} runs since the model was last retrained", f"{settings.most_runs} runs"))
    if share is not None and share > settings.most_share:
        alarms.append(_limit(f"{share:.1%} of the training rows forgotten since then", f"{settings.most_share:.1%}"))
    if test is not None and test["alarm"]:
        before, after = test["examples"]
        alarms.append({
            "what": f"validation accuracy fell from {test['reference']:.3f} to {test['now']:.3f}",
            "false_alarm_rate": settings.level,
            "based_on": f"a fall of {test['fall']:.3f} between {before} and {after} validation examples, "
            f"which chance makes with probability at most {test['bound']:.2g} where the model is as good as it was; look "
            f"{test['looks']} since retraining is taken at {test['level']:.2g}, so that all looks together raise a false alarm "
            f"with probability at most {settings.level:g}, if validation examples are independent draws that no method saw",
        })  # fmt: skip
    return {"runs": count, "rows": rows, "of": of, "share": share, "test": test, "alarms": alarms}


def _limit(what: str, limit: str) -> dict[str, Any]:
    return {"what": what, "false_alarm_rate": None, "based_on": f"a limit of {limit} in the settings; it is not a test"}


def _since_retraining(runs: Sequence[RunFacts]) -> list[RunFacts]:
    """The last run that retrained and all after it, or all."""
    last = max((at for at, run in enumerate(runs) if run.retrained), default=0)
    return list(runs[last:])


def _test(since: Sequence[RunFacts], level: float) -> dict[str, Any] | None:
    """The newest validation accuracy against that of the last retrained model; None where one is missing."""
    if not since or (since[0].retrained and len(since) == 1):
        return None
    reference = since[0].after if since[0].retrained else since[0].before
    now, examples = since[-1].after, (since[0].examples, since[-1].examples)
    if reference is None or now is None or not all(examples):
        return None
    looks = len(since) - since[0].retrained
    bound, share = fall_bound(reference - now, *examples), level_of_look(level, looks)
    return {
        "reference": reference, "now": now, "fall": reference - now, "examples": list(examples), "bound": bound, "looks": looks,
        "level": share, "alarm": bound <= share,
    }  # fmt: skip
