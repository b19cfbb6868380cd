"""Columns of Hugging Face datasets: which kind one has, and its cells as Arrow has them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import datasets


@contextmanager
def quiet() -> Iterator[None]:
    """Show neither progress bars nor log lines, and tell nobody what is read: the library would ask a host to count it."""
    bars, level = datasets.is_progress_bar_enabled(), logging.root.manager.disable
    counts, datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS, False
    datasets.disable_progress_bars()
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = counts
        if bars:
            datasets.enable_progress_bars()


def is_image(kind: Any) -> bool:
    """Return whether a feature is an image, decoded or as bytes."""
    return isinstance(kind, datasets.Image) or (isinstance(kind, dict) and set(kind) == {"bytes", "path"})


def is_plain(kind: Any) -> bool:
    """Return whether a feature is one plain value per row."""
    return isinstance(kind, datasets.ClassLabel) or (isinstance(kind, datasets.Value) and kind.dtype != "binary")


def column_of(table: datasets.Dataset, name: str) -> Any:
    """A column as Arrow has it: nothing of it is decoded, opened or fetched."""
    return table.select_columns(name).with_format("arrow")[:].column(name)
