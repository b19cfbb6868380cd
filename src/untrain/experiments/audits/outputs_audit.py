"""An audit of outputs alone: no model runs and nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, DataError
from untrain.experiments.audits.audit_record import models_by_role, price_without_training, publish_audit, stand_in
from untrain.experiments.audits.foreign_models import Outputs, count_in
from untrain.experiments.audits.populations import populations_of
from untrain.experiments.audits.store_models import record_outputs, store_outputs
from untrain.experiments.comparison import check_probes
from untrain.experiments.pipeline import check_options
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.runtime.store import Store

Document = dict[str, Any]
NO_ORACLE = (
    "no oracle was given: a score without models retrained without the forget set says nothing. Give their outputs (--oracles "
    "FILE), or have them trained here: --scenario 'Custom(train=..., test=..., model=...)' --oracles 19"
)


def audit_outputs(outputs: Outputs, name: str, store: str | Path | None, options: RunOptions, page: ReportOptions) -> Document:
    """Score outputs of models that forgot against outputs of retrained ones.

    Args:
        outputs: of all models, and what is known of the examples.
        name: of the method.
        store: where outputs and the run are kept.
        options: how to score.
        page: where to write scores.

    Raises:
        BadInput: something is missing, or needs models.
        DataError: the outputs cannot be read or compared.
    """
    _check(outputs, options)
    check_options([], options, page)
    populations = populations_of(outputs)
    place = Store(store)
    keys = {who: store_outputs(populations, who, place) for who in populations.models}
    oracles = stand_in(keys["oracles"], len(keys["unlearned"])) if outputs.deterministic else keys["oracles"]
    models = models_by_role(keys["unlearned"], oracles, keys.get("originals", []), name)
    entry = record_outputs(populations, models, _label(outputs.unlearned), place, options.stated)
    return publish_audit(entry, place, options, page, price_without_training(sum(map(len, keys.values()))))


def _check(outputs: Outputs, options: RunOptions) -> None:
    check_probes(options.evaluators, ())
    if outputs.unlearned is None:
        raise BadInput("nothing to audit was given: --unlearned FILE with outputs, or --model CHECKPOINT with --scenario")
    if outputs.oracles is None or count_in(outputs.oracles) is not None:
        raise DataError(NO_ORACLE)
    if options.observers:
        raise BadInput(
            f"{options.observers[0]!r} looks at models, and only outputs were given: name checkpoints and their scenario"
        )
    if options.looks != 1:
        raise BadInput(f"looks={options.looks}: all models are given, so there is nothing to train and to stop early")


def _label(unlearned: Any) -> str:
    """The name of the outputs where a run has its scenario; the last part of a path."""
    is_path = isinstance(unlearned, str | Path) and "=" not in str(unlearned)
    return f"arrays in {Path(unlearned).name}" if is_path else "arrays"
