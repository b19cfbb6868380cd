"""The folder of a store: made where there is none, and refused where it is something else."""

from __future__ import annotations

import json
import os
from pathlib import Path

from untrain.core.atomic_write import sync
from untrain.core.errors import StoreError
from untrain.core.work_files import work_name
from untrain.runtime.disk import store_error

MARKER = "STORE.json"
FORMAT = 2
PARTS = ("objects", "locks", "tmp")
LATER = ("search",)  # made when it is needed


def open_folder(path: Path) -> None:
    """Make the folder of a store, unless it is one.

    Raises:
        StoreError: it is of another version, is not a store, or cannot be written.
    """
    marker = path / MARKER
    try:
        fresh = not marker.exists()
        # Folders of ours without a marker are left by a process that was killed here, or is at it now.
        strange = fresh and path.exists() and any(each.name not in PARTS for each in path.iterdir())
        if strange and not marker.exists():
            raise StoreError(f"{path} is not an untrain store and not empty: name another --store")
        for part in map(path.joinpath, (*PARTS, *LATER)):
            if part.is_symlink():
                raise StoreError(f"{part} is a link, and what lies behind it is not this store's: put a folder in its place")
            if part.exists() and not part.is_dir():
                raise StoreError(f"{part} is not a folder: move it away")
            if part.name in PARTS and not part.exists() and (fresh or os.access(path, os.W_OK)):
                part.mkdir(parents=True, exist_ok=True)
        if fresh:
            _mark(path)
        version = json.loads(marker.read_text()).get("format")
    except StoreError:
        raise
    except (ValueError, AttributeError, RecursionError):
        raise StoreError(f"{marker} is damaged: it does not hold JSON with a format") from None
    except OSError as error:
        raise store_error(path, error) from None
    if type(version) is not int or version != FORMAT:
        told = f"{path} is a store of format {str(version)[:20]}, this untrain reads format {FORMAT}"
        raise StoreError(f"{told}: name another --store, and remove that folder when its data have to go")


def _mark(path: Path) -> None:
    fresh = path / "tmp" / work_name("STORE")
    fresh.write_text(json.dumps({"format": FORMAT}))
    sync(fresh)
    fresh.replace(path / MARKER)
    sync(path)
