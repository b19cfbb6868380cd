"""``python benchmarks [--quick] [--keep] [NAME...]``: measure, keep the rows, and write the tables of docs/performance.md anew.

With ``--quick`` nothing is kept: it shows that every benchmark runs; with ``--keep`` too its rows are, told as a short run.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from datetime import date
from pathlib import Path

from side_by_side import Row, machine, show

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "performance.md"
NAMES = (
    "localization", "masked_step", "training", "populations", "many_machines", "many_devices", "growth", "matrix_share", "startup",
    "attacks", "distances",
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


def main(arguments: list[str]) -> None:
    """Run some benchmarks, or all."""
    quick = "--quick" in arguments
    chosen = [a for a in arguments if not a.startswith("-")] or list(NAMES)
    unknown = [a for a in chosen if a not in NAMES]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        print(f"# {name}", flush=True)
        on, start = machine(), time.perf_counter()
        rows = importlib.import_module(name).main(quick)
        show(rows)
        if not quick or "--keep" in arguments:
            kept[name] = {
                "date": date.today().isoformat(),
                "short": quick,
                "machine": on,
                "seconds": time.perf_counter() - start,
                "rows": rows,
            }
            RESULTS.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
            write(kept)


if __name__ == "__main__":
    main(sys.argv[1:])
