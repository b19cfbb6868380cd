"""argv to an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from untrain.commands import audit as auditing
from untrain.commands import run
from untrain.commands.cli.options import Evaluators, ExecutorSpec, Images, Json, Looks, Observe, PriceOnly, Seed, StoreAt, Workers
from untrain.commands.cli.output import finish, home, priced, spoken, tracker

_ARRAYS = "a .npy, .npz or .safetensors file, a folder of .npy files, or side=PATH joined by commas"
_IDS = "as .csv, .txt or .npy, in the place of --sides."


def _file(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help)


def audit(
    unlearned: Annotated[str | None, _file(f"Logits (m, n, c) or margins (m, n) of models that forgot: {_ARRAYS}.")] = None,
    oracles: Annotated[str | None, _file("The same of retrained models; with --scenario a number trains as many here.")] = None,
    original: Annotated[list[str] | None, _file("The same, or checkpoints, of the models as they were; may be repeated.")] = None,
    labels: Annotated[str | None, _file("Labels, one a row.")] = None,
    sides: Annotated[str | None, _file("forget, retain or test, one a row; a .csv of two columns has ids and sides.")] = None,
    ids: Annotated[str | None, _file("Ids, one a row; rows are numbered from 0 without them.")] = None,
    forget: Annotated[str | None, _file(f"Ids of the examples to forget {_IDS}")] = None,
    retain: Annotated[str | None, _file("Ids of those that stayed; without them all others.")] = None,
    test: Annotated[str | None, _file("Ids of those that no model saw.")] = None,
    model: Annotated[list[str] | None, _file("Checkpoint that forgot: .safetensors or a state dict; may be repeated.")] = None,
    oracle: Annotated[list[str] | None, _file("Checkpoint of a retrained model; may be repeated.")] = None,
    scenario: Annotated[str | None, _file("Data, model and request of the checkpoints, such as 'Custom(train=..., ...)'.")] = None,
    easydub: Annotated[Path | None, _file("Folder of an EasyDUB data set, for its oracles and originals.")] = None,
    forget_set: Annotated[int | None, _file("Which of EasyDUB's forget sets.", "--forget-set")] = None,
    name: Annotated[str, _file("What the method is called in tables.")] = "given",
    seed: Seed = 0,
    device: Annotated[str, _file("Such as cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each process; results depend on it.", min=1)] = 1,
    precision: Annotated[str, _file("Of our oracles: float32, bfloat16, or auto.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile our oracles by torch.compile.")] = False,
    workers: Workers = None,
    executor: ExecutorSpec = None,
    out: Annotated[Path, _file("Folder of report.html, results.json and scores.csv.")] = Path("untrain-audit"),
    store: StoreAt = None,
    images: Images = True,
    looks: Looks = 1,
    evaluators: Evaluators = None,
    observe: Observe = None,
    price: PriceOnly = False,
    as_json: Json = False,
) -> None:
    """Score what someone else's code unlearned, with their oracles or ours."""
    if price:
        priced(
            _price(scenario, oracles, oracle, model, home(store), seed, device, threads, workers, precision, executor, looks),
            as_json,
        )
        return
    before = (original if len(original) > 1 else original[0]) if original else None
    document = auditing.audit(
        unlearned, oracles, before, labels, sides, ids, forget, retain, test, model=model or (), oracle=oracle or (),
        scenario=scenario, easydub=easydub, forget_set=forget_set, name=name, store=home(store), out=out, seed=seed,
        device=device, threads=threads, workers=workers, images=images, command=spoken(), on_progress=tracker(),
        precision=precision,
        compiled=compiled, executor=executor, looks=looks, evaluators=evaluators or (), observe=observe or (),
    )  # fmt: skip
    finish({"runs": [document], "failed": 0, "report": str(out / "report.html")}, as_json, document)


def _price(scenario: str | None, oracles: str | None, oracle: Any, model: Any, store: Path, *how: Any) -> dict[str, Any]:
    """What an audit would cost: the oracles that it would train."""
    wanted = auditing.number(oracles)
    if scenario is None or oracle or (oracles is not None and wanted is None):
        return auditing.nothing(0)
    seed, device, threads, workers, precision, executor, looks = how
    count = wanted or (auditing.SEVERAL if model and len(model) > 1 else auditing.ALONE)
    if model:
        from untrain.experiments.interim_looks import plan_looks

        plan_looks(len(model), count, looks, given=True)
    return run.price(scenario, (), store, 0, count, seed, device, threads, workers, precision, executor=executor)
