"""The experiments of the DEL paper (arXiv 2412.02432), at two scales.

    python papers/del.py --scale small --data ../shared/data/cifar10          # two cores
    python papers/del.py --scale paper --data cifar10 --device cuda           # one GPU
    python papers/del.py --scale small --data ../shared/data/cifar10 main     # one experiment

The price is told before anything is trained; stopped or killed, the same command goes on. ``--price`` trains nothing. Each
experiment writes NAME.json (numbers), NAME.md (tables and verdicts) and NAME.svg (figure) into ``papers/del/SCALE``;
``--again`` makes tables and figures from stored numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch
from delpaper import experiments, pages, prices
from delpaper.scales import SCALES
from delpaper.sequence import SEED
from delpaper.work import Bench

from untrain.commands.arguments import setting_of
from untrain.core.atomic_write import atomic_write
from untrain.core.errors import BadInput, UntrainError
from untrain.runtime.executors.base import Resources, cores
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.serial import Serial
from untrain.runtime.store import Store


def arguments() -> argparse.Namespace:
    """What was asked for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(experiments.EXPERIMENTS)}; none means all")
    words.add_argument("--scale", choices=[*SCALES], default="small", help="how large (dry: to see that everything goes through)")
    words.add_argument("--data", default="", help="folder with train.parquet and test.parquet; none asks the hub")
    words.add_argument("--store", default="untrain-del", help="where models are kept")
    words.add_argument("--out", default=str(Path(__file__).parent / "del"), help="where results are written")
    words.add_argument("--device", default="cpu")
    words.add_argument("--workers", type=int, default=0, help="processes; 0 means one a core, and one on a GPU")
    words.add_argument("--price", action="store_true", help="tell what it takes, and train nothing")
    words.add_argument("--again", action="store_true", help="only make tables and figures anew from stored numbers")
    asked = words.parse_args()
    wrong = [n for n in asked.names if n not in experiments.EXPERIMENTS]
    if wrong:
        words.error(f"there is no experiment {wrong[0]!r}; there are {', '.join(experiments.EXPERIMENTS)}")
    if asked.workers < 0:
        words.error(f"--workers {asked.workers}: 0 or more is needed")
    return asked


def main() -> int:
    """Run what was asked for; 0 when it was done."""
    asked = arguments()
    names = asked.names or list(experiments.EXPERIMENTS)
    out = Path(asked.out) / asked.scale
    try:
        if not asked.again:
            run(asked, names, out)
            return 0
        lacking = [name for name in asked.names if not (out / f"{name}.json").exists()]
        if lacking:
            raise BadInput(f"there is no {out / lacking[0]}.json to make a page of: run {lacking[0]} first")
        for name in names:
            if (out / f"{name}.json").exists():
                pages.write(out, name, json.loads((out / f"{name}.json").read_text()))
    except UntrainError as error:
        print(f"del.py: {error}", file=sys.stderr)
        return 2
    return 0


def run(asked: argparse.Namespace, names: list[str], out: Path) -> None:
    """Tell the price, then run the experiments one after the other."""
    scale, setting = SCALES[asked.scale], setting_of(asked.device, 1, "auto", False)
    alone = torch.device(asked.device).type != "cpu"
    workers = 1 if alone else asked.workers or cores()
    executor = Serial() if alone or workers == 1 else Processes(workers)
    pool = executor.open(Resources(threads=setting.threads))
    bench = Bench(Store(asked.store), setting, pool, say)
    try:
        for name in names:
            say(prices.told(name, bench, scale, asked.data, workers))
        if asked.price:
            return
        for name in names:
            begun, known = time.perf_counter(), facts(asked, name, setting, workers)
            found = experiments.EXPERIMENTS[name](bench, scale, asked.data)
            document = known | {"seconds_here": round(time.perf_counter() - begun)} | found
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / f"{name}.json") as fresh:
                fresh.write_text(json.dumps(rounded(hidden(document, asked.data)), indent=1, allow_nan=False) + "\n")
            pages.write(out, name, json.loads((out / f"{name}.json").read_text()))
            say(f"{name}: written to {out / name}.json, .md and .svg")
    finally:
        pool.close()


def say(text: str) -> None:
    """Tell what goes on, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def facts(asked: argparse.Namespace, name: str, setting: Any, workers: int) -> dict[str, Any]:
    """Where, when and how; asked before the work, so that the commit is that of the code that did it."""
    data = " --data CIFAR10" if asked.data else ""
    device = "" if asked.device == "cpu" else f" --device {asked.device}"
    command = f"python papers/del.py --scale {asked.scale}{data}{device} {name}"
    commit = git("rev-parse", "HEAD") + (" and changes" if git("status", "--porcelain", "--", ".", "../src") else "")
    return {
        "experiment": name, "scale": asked.scale, "date": date.today().isoformat(), "command": command, "commit": commit,
        "machine": machine(setting.device), "device": setting.device, "workers": workers, "threads": setting.threads,
        "precision": setting.precision, "torch": torch.__version__, "originals": SCALES[asked.scale].seeds,
        "retrained": SCALES[asked.scale].oracles, "seed": SEED,
    }  # fmt: skip


def git(*words: str) -> str:
    """What git says of this checkout."""
    return subprocess.run(["git", *words], capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def machine(device: str) -> str:
    """The processor in words, and the GPU where one is used."""
    gpu = f"{torch.cuda.get_device_name(device)} and " if torch.device(device).type == "cuda" else ""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{gpu}{cores()} cores of {model}, {platform.machine()} {platform.system()}"


def hidden(document: Any, path: str) -> Any:
    """The document without the path of the data, which says something of the machine only."""
    given = json.dumps(f"path={path!r}")[1:-1]
    return json.loads(json.dumps(document).replace(given, "path='CIFAR10'"))


def rounded(document: Any) -> Any:
    """The document with six digits behind the point, more than any of its numbers is sure of."""
    if isinstance(document, dict):
        return {name: rounded(value) for name, value in document.items()}
    if isinstance(document, list):
        return [rounded(value) for value in document]
    return round(document, 6) if isinstance(document, float) else document


if __name__ == "__main__":
    sys.exit(main())
