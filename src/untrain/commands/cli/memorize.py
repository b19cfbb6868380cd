"""argv to scores of memorization."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrain.commands import memorize as memorizing
from untrain.commands.cli.options import ExecutorSpec, Json, PriceOnly, Seed, StoreAt, Workers
from untrain.commands.cli.output import home, memorized, priced, tracker


def memorize(
    scenario: Annotated[str, typer.Argument(help="Data and model, such as 'Digits(noise=Flip(rate=0.1))'.")],
    out: Annotated[Path | None, typer.Option(help="File of scores by id, .csv or .npz; none is written without it.")] = None,
    models: Annotated[int, typer.Option(help="Number of models, each trained on a random half.", min=16)] = 64,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Such as cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each process; results depend on it.", min=1)] = 1,
    workers: Workers = None,
    executor: ExecutorSpec = None,
    store: StoreAt = None,
    price: PriceOnly = False,
    as_json: Json = False,
) -> None:
    """How much each training example is memorized: scores by id, for Memorized(scores=...)."""
    document = memorizing.memorize(scenario, out, models, seed, home(store), device, threads, workers, tracker(), executor, price)
    if price:
        priced(document, as_json)
    else:
        memorized(document, as_json)
