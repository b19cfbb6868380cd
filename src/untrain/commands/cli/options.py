"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; progress stays on stderr.")]
StoreAt = Annotated[
    Path | None, typer.Option("--store", help="Where models and answers are kept; default: $UNTRAIN_HOME or ~/.untrain.")
]
Seed = Annotated[int, typer.Option("--seed", help="The seed from which all others are derived.", min=0)]
Workers = Annotated[int | None, typer.Option("--workers", help="Processes; default: as many as fit the cores.", min=1)]
ExecutorSpec = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help='Who does the work: Serial, "Processes(4)", Ray, "Ray(\'HOST:PORT\')", Slurm, "Slurm(partition=\'gpu\')"; '
        "default: processes of this machine.",
    ),
]
Images = Annotated[bool, typer.Option("--images/--no-images", help="Whether the report shows images of the forget set.")]
Looks = Annotated[
    int, typer.Option("--looks", help="Look at the scores so often while models are made; stop when all are decided.", min=1)
]
Evaluators = Annotated[
    list[str] | None, typer.Option("--evaluator", help="Score by this alone, such as 'KLoM(least=10)'; may be repeated.")
]
PriceOnly = Annotated[bool, typer.Option("--price", help="Tell how many models would be trained and how long; train nothing.")]
Observe = Annotated[
    list[str] | None, typer.Option("--observe", help="Look at the models by this too, such as Relearn; may be repeated.")
]
