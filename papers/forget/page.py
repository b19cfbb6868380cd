"""The page of requests to ``untrain forget --method auto``: ``python -m papers.forget.page`` makes auto.md of its numbers.

auto.json is of the aim by surrogates, half.json of the same requests with the aim of one half that ``auto`` had before.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

from papers.vision.removal import publish

HEAD = (
    "request",
    "rows",
    "tries",
    "returned",
    "share of retraining",
    "area before",
    "aim",
    "it says",
    "area after",
    "retrained",
    "met",
)
PLACE = Path(__file__).parent


def row(label: str, found: dict[str, Any], gap: float) -> list[str]:
    """The cells of a request."""
    area, aim = found["area"], found["aim"]
    aims = "none" if aim["area"] is None else f"{aim['area']:.3f} ± {aim['error']:.3f}"
    says = f"{found['proxy']['area']:.3f}{'' if found['proxy']['met'] else ' (not met)'}"
    return [
        label, str(found["rows"]), str(found["tries"]), f"`{found['method'].partition('(')[0]}`", f"{100 * found['share']:.1f} %",
        f"{area['before']:.3f}", aims, says, f"{area['after']:.3f}", f"{area['oracles']:.3f} ± {area['spread']:.3f}",
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
    lines += aims(every)
    for name, some in (("a cheaper method", cheap), ("training again", again)):
        met, share = sum(is_met(one, gap) for one in some), [100 * one["share"] for one in some]
        cost = f", at {min(share):.1f} to {max(share):.1f} % of the operations of training again (all tries)" if some else ""
        lines.append(f"By {name}: {len(some)}, of which {met} are within {gap:g}{cost}.")
    half = sum(abs(one["area"]["oracles"] - 0.5) > gap for one in every)
    lines.append(f"For {half} of {len(every)} requests retrained models themselves are further than {gap:g} from one half.")
    return lines


def aims(every: list[dict[str, Any]]) -> list[str]:
    """A sentence on how far aims are from retrained models, beside one half."""
    made = [one for one in every if one["aim"]["area"] is not None]
    if not made:
        return []
    off = [one["aim"]["area"] - one["area"]["oracles"] for one in made]
    half = [abs(0.5 - one["area"]["oracles"]) for one in made]
    within = sum(abs(each) <= 2 * one["aim"]["error"] for each, one in zip(off, made, strict=True))
    sizes, shares = [abs(each) for each in off], [100 * one["aim"]["share"] for one in made]
    return [
        f"Aims by surrogates are {mean(sizes):.3f} from retrained models on average ({max(sizes):.3f} at most, bias "
        f"{mean(off):+.3f}), where one half is {mean(half):.3f} away ({max(half):.3f} at most); {within} of {len(made)} are within "
        f"two of their standard errors. They cost {min(shares):.1f} to {max(shares):.1f} % of the operations of training again."
    ]


def summary(document: dict[str, Any]) -> list[str]:
    """The cells that compare two ways of aiming: gaps met, cheap ones and their shares, all shares."""
    gap, every = document["gap"], [one for part in document["sets"].values() for one in part["requests"].values()]
    cheap = [one for one in every if not one["retrained"]]
    share = [100 * one["share"] for one in cheap]
    return [
        f"{sum(is_met(one, gap) for one in every)} of {len(every)}", f"{len(cheap)}",
        f"{sum(is_met(one, gap) for one in cheap)} of {len(cheap)}", f"{min(share):.1f} to {max(share):.1f} %" if share else "",
        f"{100 * mean([one['share'] for one in every]):.1f} %",
    ]  # fmt: skip


def beside(document: dict[str, Any]) -> str:
    """The table of both ways of aiming."""
    before = json.loads((PLACE / "half.json").read_text())
    head = ["aim", "met", "by a cheaper method", "of these met", "at a share of", "mean share of all"]
    rows = [["one half, as before", *summary(before)], ["by surrogates", *summary(document)]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def page(document: dict[str, Any]) -> str:
    """The page."""
    parts = [
        "# What `auto` returned, beside retrained models",
        "",
        *(f"- {line}" for line in counted(document)),
        "",
        beside(document),
        "",
    ]
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
        "Area: chance that a forgotten row has a larger loss than an unseen one of its class. *Aim* is the area of the surrogate, "
        "± its standard error. *It says* is by `--valid`, by which `auto` chose; all later areas are on held-out data by which "
        f"nothing was chosen; *retrained* is the mean of {document['oracles']} models that never saw the rows, ± their standard "
        "deviation. *Share* is the operations of the surrogates and all tries together.",
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    publish(__doc__, {"auto": page}, PLACE)
