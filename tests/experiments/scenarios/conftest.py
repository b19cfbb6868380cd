"""Published sets in small: Parquet files as the hub has them, written here."""

import io
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"


def encoded(pixels, kind="PNG"):
    """A file of (h, w) or (h, w, 3) bytes, as Parquet holds it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture
def lay():
    """Writes images and columns to a Parquet file, or to several; gives the folder's name."""

    def write(folder, part, images, columns, shards=None, image="image"):
        rows = [encoded(each) if isinstance(each, np.ndarray) else each for each in images]
        cuts = [np.arange(len(rows))] if shards is None else np.array_split(np.arange(len(rows)), shards)
        for at, cut in enumerate(cuts):
            name = part if shards is None else f"{part}-{at:05d}-of-{shards:05d}"
            held = {image: [rows[i] for i in cut], **{n: [c[i] for i in cut] for n, c in columns.items()}}
            pq.write_table(pa.table(held), folder / f"{name}.parquet")
        return str(folder)

    return write


@pytest.fixture
def hub(monkeypatch):
    """A hub without a network: what is asked for is kept in a list; ``answer`` says what it has for a split."""
    asked, tables = [], {}

    def load_dataset(*args, **kwargs):
        asked.append((*args, kwargs))
        return tables[kwargs["split"]]

    def answer(split, images, columns, **features):
        image = next(name for name, kind in features.items() if isinstance(kind, datasets.Image))
        held = {image: [encoded(each) for each in images], **columns}
        tables[split] = datasets.Dataset.from_dict(held, features=datasets.Features(features))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked, answer


def squares(n, side=32, channels=3, seed=0):
    """Random images; the first pixel tells the row."""
    x = np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)
    x[:, 0, 0, 0] = np.arange(n) % 256
    return list(x)


@pytest.fixture(name="squares")
def _squares():
    return squares


@pytest.fixture(scope="session")
def shared():
    """The folder of a real set; the test is skipped where it is not on this machine."""

    def folder(name):
        if not (SHARED / name).is_dir():
            pytest.skip(f"{SHARED / name} is not on this machine")
        return str(SHARED / name)

    return folder
