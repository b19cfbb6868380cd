"""argv to the masks of localizers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrain.commands import localize as located
from untrain.commands.cli.options import Json, Seed, StoreAt, Workers
from untrain.commands.cli.output import home, located_at, spoken, tracker


def localize(
    scenario: Annotated[str, typer.Argument(help="Data, model and request, such as 'Digits(request=Random(fraction=0.1))'.")],
    localizers: Annotated[list[str], typer.Argument(help="Localizers, such as Deepest 'WeightedGrad(keep=0.1)'; or recipes: DEL.")],
    seeds: Annotated[int, typer.Option(help="Number of original models.", min=1)] = 3,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Such as cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each process; results depend on it.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 where the machine gains.")] = "auto",
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option(help="Folder of localize.html, localize.json and localize.csv.")] = None,
    store: StoreAt = None,
    as_json: Json = False,
) -> None:
    """Where memorization lives: masks by layer, their overlap, their stability across seeds and batches."""
    document = located.localize(
        scenario, localizers, home(store), seeds, seed, device, threads, workers, tracker("models and masks"), precision, out,
        spoken(),
    )  # fmt: skip
    located_at(document, as_json)
