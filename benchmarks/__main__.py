"""``python benchmarks [--quick] [--keep] [NAME...]``: measure, keep the rows, and write the tables of docs/performance.md anew.

With ``--quick`` nothing is kept: it shows that every benchmark runs; with ``--keep`` too its rows are, told as a short run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from datetime import date
from pathlib import Path

from side_by_side import Row, machine, show

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "performance.md"
NAMES = (
    "localization", "masked_step", "training", "populations", "many_machines", "many_devices", "growth", "matrix_share", "startup",
    "demo_phases",
    "attacks", "distances", "convex", "language",
)  # fmt: skip


def table(rows: list[Row]) -> str:
    """Rows for people."""
    lines = ["| what | median | least | most | n | asked |", "|---|---|---|---|---|---|"]
    for r in rows:
        low, mid, high = ("-" if r[k] is None else f"{r[k]:.3g}" for k in ("min", "median", "max"))
        unit = "" if r["unit"] in ("ratio", "exponent", "share") else f", {r['unit']}"
        lines.append(f"| {r['name']}{unit} | {mid} | {low} | {high} | {r['n']} | {r.get('asked', '')} |")
    return "\n".join(lines)


def write(kept: dict[str, dict[str, object]]) -> None:
    """The tables between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, held in kept.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if start not in text:
            continue
        on = held["machine"]
        when = f"{held['date']}{', a short run' if held.get('short') else ''}"
        head = (
            f"{when}: {on['processor']}, {on['instructions']}, {on['cores']} cores, GPU: {on['gpu'] or 'none'}, "  # type: ignore[index]
            f"torch {on['torch']}; load before {on['load']:.2f}; took {held['seconds']:.0f} s."  # type: ignore[index]
        )
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{head}\n\n{table(held['rows'])}\n{end}{rest.partition(end)[2]}"  # type: ignore[arg-type]
    PAGE.write_text(text, encoding="utf-8")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    words = argparse.ArgumentParser(prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none means all")
    words.add_argument("--quick", action="store_true", help="at the smallest size, and keep nothing")
    words.add_argument("--keep", action="store_true", help="keep the rows of a quick run too")
    asked = words.parse_args()
    unknown = [name for name in asked.names if name not in NAMES]
    if unknown:
        words.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    return asked


def main(asked: argparse.Namespace) -> None:
    """Run some benchmarks, or all."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.names or NAMES:
        print(f"# {name}", flush=True)
        on, start = machine(), time.perf_counter()
        rows = importlib.import_module(name).main(asked.quick)
        show(rows)
        if not asked.quick or asked.keep:
            kept[name] = {
                "date": date.today().isoformat(),
                "short": asked.quick,
                "machine": on,
                "seconds": time.perf_counter() - start,
                "rows": rows,
            }
            RESULTS.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
            write(kept)


if __name__ == "__main__":
    main(arguments())
