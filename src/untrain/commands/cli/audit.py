"""argv to an audit."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from untrain.commands import audit as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import finish
from untrain.core.errors import BadInput
from untrain.experiments.audits.foreign_models import Checkpoints, Outputs, refuse_columns


def _audit(**arguments: Any) -> Document:
    """Audit the models that some options name; the others are the command's."""
    models = _models(arguments)
    named = {f.name for cls in (Outputs, Checkpoints) for f in fields(cls)} | {"easydub", "forget_set"}
    return api.audit(models, **{name: value for name, value in arguments.items() if name not in named})


def _models(arguments: Arguments) -> Outputs | Checkpoints:
    """Outputs, or checkpoints where one was named."""
    options: dict[str, Any] = {f.name: arguments.get(f.name) for f in fields(Outputs)}
    original = options["original"]
    options["original"] = original[0] if original and len(original) == 1 else original
    checkpoints = {name: arguments[name] for name in ("model", "oracle") if name in arguments}
    scenario, easydub = arguments["scenario"], arguments["easydub"]
    if easydub is not None:
        if scenario is not None or checkpoints:
            raise BadInput("EasyDUB's margins are compared with margins: leave the scenario and checkpoints out")
        return Outputs.from_easydub(options.pop("unlearned"), easydub, arguments["forget_set"], **options)
    outputs = Outputs(**options)
    if not checkpoints:
        return outputs
    if scenario is not None:
        refuse_columns(outputs)
    return Checkpoints(
        unlearned=outputs.unlearned,
        oracles=outputs.oracles,
        original=outputs.original,
        deterministic=bool(outputs.deterministic),
        probabilities=outputs.probabilities,
        **checkpoints,
    )


def _show(document: Document, arguments: Arguments) -> None:
    report = str(arguments["out"] / "report.html")
    finish({"runs": [document], "failed": 0, "report": report}, arguments, document)


audit = command(
    _audit, _show, sources=(Outputs, Checkpoints, Outputs.from_easydub, api.audit),
    price=partial(_audit, price=True), verbose=True, unlearned=None, easydub=None, forget_set=None, out=Path("untrain-audit"),
)  # fmt: skip
