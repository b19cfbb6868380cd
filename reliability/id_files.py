"""Fuzzed lists of ids and tables of scores: each id of the data that a file names is forgotten, or the file is refused."""

from __future__ import annotations

import csv
import io
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from attack import SILENT, Attack, Outcome, Refused, asked
from mutate import changed

TEXT = (
    "David", "Paul", "Ingrid", "id", "car_key", "page index", "user_id", "007", "7", "Zoë", "Zoe\u0308", "a,b", "a;b", "x y",
    "=1+1",
    "userId", "O'Neil", "nan", "None", "-1", "1e3", "a\u2028b", "KEY", "Astrid", "ids", "label",
)  # fmt: skip
WHOLE = (0, 1, 7, 8, 17, 100, 2**31, 2**53 + 1, 10**17, 2**62, 5, 6, 42, 99)
HEADINGS = ("id", "ids", "index", "user_id", "ID", "memorization")


@cache
def people(kind: str) -> Any:
    """Examples whose ids are text or whole numbers."""
    import untrain as ut

    ids = np.array(TEXT) if kind == "text" else np.array(WHOLE)
    return ut.examples(np.zeros((len(ids), 2), np.float32), np.arange(len(ids)) % 2, ids)


def cell(text: str) -> str:
    """A cell of a .csv file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()


def listed(draw: random.Random, ids: list[Any], ending: str) -> bytes:
    """A file of some ids as people export them."""
    if ending == "npy":
        file = io.BytesIO()
        np.save(file, np.array(ids))
        return file.getvalue()
    lines = [str(i) if ending == "txt" else cell(str(i)) for i in ids]
    if draw.random() < 0.4:
        lines.insert(0, draw.choice(HEADINGS))
    end = draw.choice(("\n", "\r\n", "\n\n", "\n", "\r"))
    text = end.join(lines) + draw.choice(("", end))
    return draw.choice((b"", b"", b"\xef\xbb\xbf")) + text.encode()


def ids(folder: Path, number: int) -> Outcome | None:
    """Ids of a list: refused, or all of them and no other."""
    import untrain as ut

    draw = random.Random(number)
    kind, ending = draw.choice(("text", "whole")), draw.choice(("txt", "csv", "npy"))
    train = people(kind)
    known = train.ids.tolist()
    chosen = draw.sample(known, draw.randint(1, 6))
    raw = listed(draw, chosen, ending)
    damaged = number % 2 == 1
    file = folder / f"ids.{ending}"
    file.write_bytes(changed(draw, raw) if damaged else raw)
    rows = asked(lambda: ut.IdFile(path=str(file)).draw(train).tolist())
    if isinstance(rows, Refused) or damaged:
        return None
    found = {known[row] for row in rows}
    heading = raw.decode("utf-8-sig").splitlines()[0].strip() if ending != "npy" else None
    # A first line that is an id of the data as well as a heading may be taken for the id: more may be forgotten, never less.
    if not set(chosen) <= found or not found <= {*chosen, heading}:
        return Outcome(
            SILENT, f"{ascii(raw)[:120]} names {ascii(chosen)[:60]}, chosen {ascii(sorted(map(str, found)))[:50]}", "ids"
        )
    return None


def scores(folder: Path, number: int) -> Outcome | None:
    """Scores by id: refused, or the examples with the largest ones."""
    import untrain as ut

    draw = random.Random(number)
    kind, ending = draw.choice(("text", "whole")), draw.choice(("csv", "npz", "npy"))
    train = people(kind)
    known = train.ids.tolist()
    order = draw.sample(known, len(known))
    value = {i: round(0.9 - 0.02 * at, 4) for at, i in enumerate(draw.sample(known, len(known)))}
    file, stream = folder / f"scores.{ending}", io.BytesIO()
    if ending == "csv":
        lines = ["id,memorization", *(f"{cell(str(i))},{value[i]}" for i in order)]
        stream.write("\n".join(lines).encode())
    elif ending == "npz":
        np.savez(stream, id=np.array(order), memorization=np.array([value[i] for i in order]))
    elif kind == "whole":
        np.save(stream, np.array([[i, value[i]] for i in order], dtype=float))
    else:
        np.save(stream, np.array(order))
    damaged = number % 2 == 1
    raw = stream.getvalue()
    file.write_bytes(changed(draw, raw) if damaged else raw)
    rows = asked(lambda: ut.Memorized(scores=str(file), fraction=0.3).draw(train).tolist())
    if isinstance(rows, Refused) or damaged:
        return None
    right = sorted(sorted(range(len(known)), key=lambda row: -value[known[row]])[: round(0.3 * len(known))])
    if sorted(rows) != right:
        return Outcome(SILENT, f"scores of {ending} chose rows {rows}, not {right}", "scores")
    return None


ATTACKS = (
    Attack("ids", "fuzzed lists of ids: .txt, .csv, .npy", ids, 16_000, 300, seconds=6),
    Attack("scores", "fuzzed tables of scores: .csv, .npz, .npy", scores, 10_000, 200, seconds=6),
)
