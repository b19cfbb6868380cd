"""The page of requests to ``untrain forget --method auto``: ``python -m papers.forget.page`` makes auto.md of auto.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from papers.vision.removal import publish

HEAD = ("request", "rows", "tries", "returned", "share of retraining", "area before", "it says", "area after", "retrained", "met")


def row(label: str, found: dict[str, Any], gap: float) -> list[str]:
    """The cells of a request."""
    area = found["area"]
    says = f"{found['proxy']['area']:.3f}{'' if found['proxy']['met'] else ' (not met)'}"
    return [
        label, str(found["rows"]), str(found["tries"]), f"`{found['method'].partition('(')[0]}`", f"{100 * found['share']:.1f} %",
        f"{area['before']:.3f}", says, f"{area['after']:.3f}", f"{area['oracles']:.3f} ± {area['spread']:.3f}",
        "yes" if is_met(found, gap) else "no",
    ]  # fmt: skip


def is_met(found: dict[str, Any], gap: float) -> bool:
    """Return whether the area is within the gap of that of retrained models."""
    return abs(found["area"]["after"] - found["area"]["oracles"]) <= gap


def table(rows: list[list[str]]) -> str:
    """Lines of a table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [list(HEAD), ["---"] * len(HEAD), *rows])


def counted(document: dict[str, Any]) -> list[str]:
    """Sentences that count: all requests, those that a cheaper method served, and those that were trained again."""
    gap, every = document["gap"], [one for part in document["sets"].values() for one in part["requests"].values()]
    cheap, again = ([one for one in every if one["retrained"] is kind] for kind in (False, True))
    lines = [f"{len(every)} requests; {sum(is_met(one, gap) for one in every)} end within {gap:g} of retrained models."]
    for name, some in (("a cheaper method", cheap), ("training again", again)):
        met, share = sum(is_met(one, gap) for one in some), [100 * one["share"] for one in some]
        cost = f", at {min(share):.1f} to {max(share):.1f} % of the operations of training again (all tries)" if some else ""
        lines.append(f"By {name}: {len(some)}, of which {met} are within {gap:g}{cost}.")
    half = sum(abs(one["area"]["oracles"] - 0.5) > gap for one in every)
    lines.append(f"For {half} of {len(every)} requests retrained models themselves are further than {gap:g} from one half.")
    return lines


def page(document: dict[str, Any]) -> str:
    """The page."""
    parts = ["# What `auto` returned, beside retrained models", "", *(f"- {line}" for line in counted(document)), ""]
    for name, part in document["sets"].items():
        rows = [row(label, found, document["gap"]) for label, found in part["requests"].items()]
        seconds = sum(found["cpu_seconds"] for found in part["requests"].values())
        parts += [
            f"## {name}",
            "",
            f"`{part['steps']}`; {part['date']}, {part['machine']}, {seconds:.0f} CPU seconds.",
            "",
            table(rows),
            "",
        ]
    parts += [
        "Area: chance that a forgotten row has a larger loss than an unseen one of its class. *It says* is by `--valid`, by which "
        "`auto` chose; all other areas are on held-out data by which nothing was chosen; *retrained* is the mean of "
        f"{document['oracles']} models that never saw the rows, ± their standard deviation. *Share* is the operations of all tries "
        "together.",
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    publish(__doc__, {"auto": page}, Path(__file__).parent)
