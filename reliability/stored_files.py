"""Fuzzed parcels, records, index, mark and results of a store: right, or refused; and prune removes all."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from attack import LEFT, SILENT, Attack, Outcome, Refused, asked
from mutate import changed

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    10**400,
    "",
    "x",
    [],
    {},
    [[]],
    {"a": {}},
    "../../escaped",
    "latest",
    ["run"],
    "\ud800",
)


def filled(folder: Path) -> Any:
    """A store of three small entries."""
    from untrain.runtime.store import Store

    store = Store(folder)
    for at, kind in enumerate(("model", "run", "scores")):
        arrays = {"logits": np.arange(6, dtype=np.float32) + at}
        record = {"cost": {"seconds": 1.5, "flops": 2}, "document": {"value": 0.25}}
        store.put({"kind": kind, "label": f"no. {at}", "seed": at}, record, arrays, {"weights": {"w": arrays["logits"] * 2}})
    return store


def fresh(folder: Path, name: str = "store") -> Any:
    """A copy of the filled store; the entries are made once per process."""
    from untrain.runtime.store import Store

    template, place = folder.parent / f"{folder.name}-template", folder / name
    if not template.exists():
        filled(template)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template, place)
    return Store(place)


def bent(draw: random.Random, document: Any, depth: int = 4) -> Any:
    """A document with one part exchanged, renamed, removed or nested."""
    if isinstance(document, dict) and document and depth and draw.random() < 0.9:
        name = draw.choice(sorted(document))
        rest = {n: v for n, v in document.items() if n != name}
        match draw.randrange(8):
            case 0:
                return rest
            case 1:
                return {**rest, draw.choice(("../x", "", "key", "x" * 300, "logits.npy")): document[name]}
        return {**document, name: bent(draw, document[name], depth - 1)}
    if isinstance(document, str) and document and draw.random() < 0.4:
        return document[:-1] + ("0" if document[-1] != "0" else "1")
    if isinstance(document, int | float) and draw.random() < 0.4:
        return document + draw.choice((1, -1, 0.5))
    return draw.choice(ODD)


def text_of(draw: random.Random, document: Any) -> bytes:
    """A bent document as a file, or a damaged file of the right one."""
    if draw.random() < 0.6:
        return json.dumps(bent(draw, document)).encode()
    if draw.random() < 0.1:
        return draw.choice((b"[", b'{"a":')) * draw.choice((10, 100_000))
    return changed(draw, json.dumps(document).encode())


def record(folder: Path, number: int) -> Outcome | None:
    """An entry whose record is another: not used as it is, named by verify, removed by prune."""
    draw, store = random.Random(number), fresh(folder)
    file = draw.choice(sorted(store.path.glob("objects/*/*/record.json")))
    right, key = json.loads(file.read_text()), file.parent.name
    raw = text_of(draw, right)
    file.write_bytes(raw)
    entry = asked(lambda: store.get(key))
    named = asked(store.verify)
    asked(store.entries)
    (store.path / "ledger.sqlite").unlink(missing_ok=True)
    asked(store.entries)
    wrong = differs(raw, right) and not isinstance(entry, Refused) and entry is not None and entry.record != right
    if wrong and (isinstance(named, Refused) or key not in named):
        return Outcome(SILENT, f"a changed record is used, and verify does not name it: {ascii(raw)[-120:]}", "record")
    asked(lambda: store.prune(0))
    return emptied(store.path)


def differs(raw: bytes, right: Any) -> bool:
    """Whether a record says something else than it did."""
    try:
        return bool(json.loads(raw) != right)
    except (ValueError, RecursionError):
        return True


def emptied(path: Path) -> Outcome | None:
    """What is left of entries after all were pruned."""
    left = [str(f.relative_to(path)) for part in ("objects", "tmp") for f in (path / part).rglob("*") if not f.is_dir()]
    return Outcome(LEFT, f"prune(0) leaves {len(left)} files, such as {left[0][-40:]}", "prune leaves files") if left else None


def index(folder: Path, number: int) -> Outcome | None:
    """A damaged index: the listing is that of the entries."""
    draw, store = random.Random(number), fresh(folder)
    right = store.entries()
    file = store.path / "ledger.sqlite"
    raw = file.read_bytes()
    kind = draw.randrange(12)
    if kind == 0:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(b"x" * 5000 if kind == 1 else changed(draw, raw) if kind < 8 else in_page(draw, raw))
    found = asked(store.entries)
    if not isinstance(found, Refused) and found != right:
        return Outcome(SILENT, "a damaged index changes what the listing shows", "index")
    if isinstance(found, Refused):
        return Outcome("traceback", f"the index is not rebuilt: {found.words[-160:]}", "index is not rebuilt")
    return None


def in_page(draw: random.Random, raw: bytes) -> bytes:
    """A byte changed where the rows are."""
    used = [at for at, byte in enumerate(raw) if byte]
    data = bytearray(raw)
    data[draw.choice(used[len(used) // 2 :])] ^= 1 << draw.randrange(8)
    return bytes(data)


def marker(folder: Path, number: int) -> Outcome | None:
    """A STORE.json of another kind."""
    from untrain.runtime.store import Store

    draw, store = random.Random(number), fresh(folder)
    (store.path / "STORE.json").write_bytes(text_of(draw, {"format": 1}))
    asked(lambda: Store(store.path).entries())
    return None


@cache
def parcel(folder: Path) -> tuple[bytes, str, Any]:
    """A parcel of an entry, its key and the entry."""
    from untrain.runtime.store_transfer import pack

    store = filled(folder)
    entry = store.get(store.entries()[0]["key"])
    return pack(entry), entry.key, entry


def unpacked(folder: Path, number: int) -> Outcome | None:
    """A parcel is taken as it was packed, or refused; nothing is written outside the store."""
    from untrain.runtime.store import Store
    from untrain.runtime.store_transfer import unpack

    draw = random.Random(number)
    raw, key, entry = parcel(folder.parent / f"{folder.name}-parcel")
    place = folder / "inner" / "store"
    shutil.rmtree(place.parent, ignore_errors=True)
    store = Store(place)
    sent = HOSTILE[number](raw, entry) if number < len(HOSTILE) else changed(draw, raw)
    if draw.random() < 0.3 and number >= len(HOSTILE):
        sent = HOSTILE[0](
            raw, entry, draw.choice(("../x.npy", "/tmp/x.npy", "a/../../x.npy", "..\\x.npy", "x\0.npy", "x" * 300 + ".npy"))
        )
    before = around(folder)
    made = asked(lambda: unpack(sent, key, store))
    new = [name for name in around(folder) - before if not name.startswith("inner/store/")]
    if new:
        return Outcome(SILENT, f"a parcel wrote outside the store: {new[:3]}", "parcel wrote outside")
    if not isinstance(made, Refused):
        same = np.array_equal(made.array("logits"), entry.array("logits"))
        if (
            not same
            or made.record["ingredients"] != entry.record["ingredients"]
            or set(made.record["files"]) != set(entry.record["files"])
        ):
            return Outcome(SILENT, "a changed parcel was taken", "parcel")
        if made.record["document"] != entry.record["document"]:
            return Outcome(SILENT, "a parcel with another record was taken", "parcel's record")
    return None


def around(folder: Path) -> set[str]:
    """Files near the store."""
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def with_file(raw: bytes, entry: Any, name: str = "../../../escaped.npy") -> bytes:
    """A parcel with one more file, whose digest is right."""
    array = io.BytesIO()
    np.save(array, np.arange(3))
    told = {"bytes": len(array.getvalue()), "sha256": hashlib.sha256(array.getvalue()).hexdigest()}
    return packed(raw, lambda record: {**record, "files": {**record["files"], name: told}}, {name: array.getvalue()})


def packed(raw: bytes, change: Callable[[Any], Any], more: dict[str, bytes]) -> bytes:
    """A parcel whose record is changed and that has more files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(data))) if name == "record.json" else data)
        for name, data in more.items():
            new.writestr(name, data)
    return stream.getvalue()


def with_other_score(raw: bytes, entry: Any) -> bytes:
    """A parcel whose record shows another number."""
    return packed(raw, lambda record: {**record, "document": {"value": 0.99}}, {})


HOSTILE: tuple[Callable[..., bytes], ...] = (with_file, with_other_score)


def results(folder: Path, number: int) -> Outcome | None:
    """A folder of a report whose results.json is another names a run of the store, or is refused."""
    from untrain.experiments.run_record import find_runs

    draw, store = random.Random(number), fresh(folder)
    [run] = [row["key"] for row in store.entries() if row["kind"] == "run"]
    page = folder / "page"
    page.mkdir(exist_ok=True)
    document = {"command": "untrain run", "runs": [{"run": run, "results": []}], "failed": 0}
    (page / "results.json").write_bytes(text_of(draw, document))
    entries = asked(lambda: find_runs(str(page), store))
    if not isinstance(entries, Refused) and any(e.record["ingredients"]["kind"] != "run" for e in entries):
        return Outcome(SILENT, "results.json led to an entry that is no run", "results")
    return None


ATTACKS = (
    Attack("parcels", "fuzzed parcels of entries", unpacked, 2_500, 60, seconds=6, memory=1 << 29),
    Attack("records", "fuzzed record.json of entries", record, 2_000, 50, seconds=6),
    Attack("index", "fuzzed index of a store", index, 1_500, 40, seconds=40),
    Attack("mark", "fuzzed STORE.json", marker, 800, 20, seconds=6),
    Attack("results", "fuzzed results.json", results, 1_500, 40, seconds=6),
)
