"""argv to commands: the only file that prints or reads the environment."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from untrain.commands import catalog
from untrain.commands import check as check_module
from untrain.commands import demo as demo_module
from untrain.commands import report as report_module
from untrain.commands import run as run_module
from untrain.commands import search as search_module
from untrain.commands import store as store_module
from untrain.commands.cli.audit import audit
from untrain.commands.cli.localize import localize
from untrain.commands.cli.memorize import memorize
from untrain.commands.cli.options import Evaluators, ExecutorSpec, Images, Json, Looks, Observe, PriceOnly, Seed, StoreAt, Workers
from untrain.commands.cli.output import finish, home, listed, priced, searched, show_json, size, spoken, tracker
from untrain.core.errors import BadInput, MissingExtra, RunFailed

app = typer.Typer(
    name="untrain", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make a trained model forget chosen training data, and measure against retraining whether it did.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"untrain {version('untrain')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of report.html, results.json and scores.csv.")] = Path("untrain-demo"),
    store: StoreAt = None,
    seeds: Annotated[int, typer.Option(help="Number of original models.", min=1)] = 5,
    oracles: Annotated[int, typer.Option(help="Number of models retrained without the forget set.", min=2)] = 10,
    seed: Seed = 0,
    workers: Workers = None,
    executor: ExecutorSpec = None,
    images: Images = True,
    price: PriceOnly = False,
    as_json: Json = False,
) -> None:
    """The main job, on the real images that scikit-learn carries: a privacy and a repair request."""
    if price:
        priced(
            run_module.price(
                demo_module.DEMO_SCENARIOS, demo_module.DEMO, home(store), seeds, oracles, seed, workers=workers, executor=executor
            ),
            as_json,
        )
        return
    whole = demo_module.demo(home(store), out, seeds, oracles, seed, workers, images, spoken(), tracker(), executor)
    finish(whole, as_json)


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="Data, model and request, such as 'Digits(request=Random(fraction=0.1))'.")],
    methods: Annotated[list[str], typer.Argument(help="Methods, such as DEL 'NegGrad(alpha=0.9) @ WeightedGrad(keep=0.3)'.")],
    seeds: Annotated[int, typer.Option(help="Number of original models, each unlearned by each method.", min=1)] = 3,
    oracles: Annotated[int, typer.Option(help="Number of models retrained without the forget set.", min=2)] = 6,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Such as cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each process; results depend on it.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 where the machine gains.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile models by torch.compile; pays for long training.")] = False,
    budget: Annotated[str | None, typer.Option(help="Stop methods at this share of retraining's operations, such as 10%.")] = None,
    workers: Workers = None,
    executor: ExecutorSpec = None,
    out: Annotated[Path | None, typer.Option(help="Folder of report.html, results.json, scores.csv; default: untrain-run.")] = None,
    store: StoreAt = None,
    images: Images = True,
    looks: Looks = 1,
    evaluators: Evaluators = None,
    observe: Observe = None,
    price: PriceOnly = False,
    as_json: Json = False,
) -> None:
    """Train, forget, retrain oracles, audit, report."""
    how: dict[str, Any] = {"precision": precision, "compiled": compiled, "budget": budget, "executor": executor}
    if price:
        how["looks"] = looks
        priced(run_module.price(scenario, methods, home(store), seeds, oracles, seed, device, threads, workers, **how), as_json)
        return
    folder = out or Path("untrain-run")
    document = run_module.run(
        scenario, methods, home(store), folder, seeds, oracles, seed, device, threads, workers, images, spoken(), tracker(),
        looks=looks, evaluators=evaluators or (), observe=observe or (), **how,
    )  # fmt: skip
    failed = sum(r["error"] is not None for r in document["results"])
    finish({"runs": [document], "failed": failed, "report": str(folder / "report.html")}, as_json, document)


app.command()(audit)
app.command()(localize)
app.command()(memorize)


@app.command()
def report(
    runs: Annotated[list[str] | None, typer.Argument(help="Keys of runs or folders of reports; default: the latest run.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of report.html, results.json and scores.csv.")] = Path("untrain-report"),
    store: StoreAt = None,
    images: Images = True,
    evaluators: Evaluators = None,
    as_json: Json = False,
) -> None:
    """The scores and the page again, from stored arrays; no model, no GPU."""
    finish(report_module.report(runs or [], home(store), out, images, spoken(), evaluators or ()), as_json)


@app.command()
def search(
    scenario: Annotated[str, typer.Argument(help="Data, model and request, such as 'Digits(request=Random(fraction=0.1))'.")],
    method: Annotated[str, typer.Argument(help="An unlearner or a recipe; fields that are not searched stay as written.")],
    trials: Annotated[int, typer.Option(help="Number of trials in all; the same command goes on to more.", min=1)] = 30,
    seeds: Annotated[int, typer.Option(help="Number of original models that a trial is averaged over.", min=1)] = 2,
    objective: Annotated[
        str, typer.Option(help="balanced, repair, valid, or oracle: which looks at retrained models.")
    ] = "balanced",
    over: Annotated[
        list[str] | None, typer.Option(help="A field to search: NAME, NAME=LOW..HIGH or NAME=FIRST,SECOND; may be repeated.")
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Such as cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each process; results depend on it.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 where the machine gains.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes; with several, what is tried depends on their speed.", min=1)] = 1,
    executor: ExecutorSpec = None,
    out: Annotated[Path, typer.Option(help="Folder of search.json and search.csv.")] = Path("untrain-search"),
    store: StoreAt = None,
    as_json: Json = False,
) -> None:
    """Choose values for a method's fields on validation data, without test data and, unless asked for, without oracles."""
    document = search_module.search(
        scenario, method, home(store), out, trials, seeds, objective, over or (), seed, device, threads, workers, spoken(),
        tracker("trials"), precision, executor,
    )  # fmt: skip
    searched(document, as_json, out)


@app.command()
def methods(as_json: Json = False) -> None:
    """The unlearners and recipes."""
    listed(as_json, catalog.methods, "unlearner", "recipe")


@app.command()
def localizers(as_json: Json = False) -> None:
    """The localizers: what finds the weights that hold a forget set."""
    listed(as_json, catalog.localizers, "localizer")


@app.command()
def evaluators(as_json: Json = False) -> None:
    """The evaluators: what turns answers into scores."""
    listed(as_json, catalog.evaluators, "evaluator")


@app.command()
def observers(as_json: Json = False) -> None:
    """The observers: what asks the models themselves for scores that answers do not tell."""
    listed(as_json, catalog.observers, "observer")


@app.command()
def scenarios(as_json: Json = False) -> None:
    """The scenarios: data, model and request under a name."""
    listed(as_json, catalog.scenarios, "scenario", "request", "noise", "architecture")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A class, such as DEL, or a score, such as forget_gap.")], as_json: Json = False
) -> None:
    """One class or one score: what it is, its fields, its source."""
    found = catalog.show(name)
    if as_json:
        show_json(found)
        return
    plain = {key: found.get(key) for key in ("name", "role", "summary", "evaluator")}
    for key, words in (plain | found.get("entry", {}) | {"source": found.get("source")}).items():
        if words:
            typer.echo(f"{key:9} {words}")
    for field, about in found.get("fields", {}).items():
        reach = f" in {about['range']}" if about["range"] else ""
        default = f" = {about['default']}" if about["default"] is not None else ""
        typer.echo(f"  {field}: {about['type']}{reach}{default}\n      {about['doc']}")
    for score, about in found.get("scores", {}).items():
        typer.echo(f"  {score}: {about['means']}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A class's name, or the dotted name of a module or class of your own.")],
    as_json: Json = False,
) -> None:
    """Hold a method to what its role promises, for a plug-in's author."""
    found = check_module.check(name)
    broken = [f for f in found if f["error"]]
    if as_json:
        show_json(found)
    else:
        for f in found:
            why = f": {f['error']}" if f["error"] else ""
            typer.echo(f"{'broken' if why else 'kept':7} {f['method']}: {f['promise']}{why}")
        typer.echo(f"{len(found) - len(broken)} promises kept, {len(broken)} broken")
    raise typer.Exit(1 if broken else 0)


@app.command()
def store(
    store: StoreAt = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove entries.")] = False,
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="With --prune: those older than so many days; 0 is all.", min=0)
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every file with the digest it was written with.")] = False,
    as_json: Json = False,
) -> None:
    """How large the store is and what it holds; prunes it when asked."""
    found = store_module.store(home(store), prune, older_than, verify)
    if as_json:
        show_json(found)
    else:
        typer.echo(f"{found['store']}: {found['entries']} entries, {size(found['bytes'])}")
        for kind, held in found["kinds"].items():
            typer.echo(f"  {kind:10} {held['entries']:6}  {size(held['bytes'])}")
        for row in found["runs"]:
            typer.echo(f"  run {row['key'][:12]} {time.strftime('%Y-%m-%d %H:%M', time.localtime(row['made']))} {row['label']}")
        if prune:
            typer.echo(f"removed {found['pruned']['entries']} entries, {size(found['pruned']['bytes'])}")
        if verify:
            typer.echo(f"damaged: {found['damaged']}" if found["damaged"] else "every file is as it was written")
    raise typer.Exit(1 if found["damaged"] else 0)


def main() -> None:
    """The command; turns errors into one line and an exit code."""
    sys.path.append(os.getcwd())  # so that a plug-in under work can be named
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold bytes that no encoding knows
    try:
        code = app(standalone_mode=False)
        if code == 130:  # how newer versions of Typer tell of an interrupt
            raise KeyboardInterrupt
        sys.exit(code)
    except (BadInput, MissingExtra) as error:
        _fail(error, 2)
    except RunFailed as error:
        _fail(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped; what is finished is stored, and the same command goes on from there", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        _usage(error)


def _usage(error: Exception) -> None:
    """Typer's own complaints, in one line; which class they are of depends on its version, how they speak does not."""
    speak = getattr(error, "format_message", None)
    if speak is None:
        raise error
    where = getattr(getattr(error, "ctx", None), "command_path", "untrain")
    if type(error).__name__ == "NoArgsIsHelpError":
        print(speak())
        sys.exit(2)
    _fail(f"{speak().rstrip('.')}; `{where} --help` tells more", 2)


def _fail(error: object, code: int) -> None:
    print(f"untrain: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(code)
