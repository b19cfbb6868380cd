"""Folders of image files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np

from untrain.core.errors import DataError, MissingExtra
from untrain.core.fields import Count
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.data.readers.base import Array, Arrays, Reader
from untrain.data.readers.visible_files import is_hidden, visible

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


class ImageFolder(Reader):
    """Images in a folder with one sub-folder per class, such as ``cats/1.png`` and ``dogs/1.png``.

    Labels are the sub-folders in alphabetical order. The id of an image is its path from the folder on, ``'cats/1.png'``.
    Files at any depth of a sub-folder count, by the usual suffixes of images; hidden ones do not, and a note counts them and
    all else that is left out.

    Args:
        path: the folder.
        side: pixels on each side of the squares that images become, as RGB: the shorter side resized, the middle kept. None
            leaves images as they are, which must then have one shape.
        classes: names of sub-folders in the order of their labels; empty takes all, in alphabetical order.

    Source: the layout of torchvision.datasets.ImageFolder.
    """

    path: str
    side: Count | None = None
    classes: tuple[str, ...] = ()

    @classmethod
    def takes(cls, path: Path) -> bool:
        """Folders."""
        return path.is_dir()

    def class_names(self) -> tuple[str, ...]:
        """Names of the sub-folders.

        Raises:
            DataError: there is no such folder, or it has no sub-folder, or not those that are named.
        """
        folder = user_path(self.path)
        if not folder.is_dir():
            raise DataError(f"there is no folder {self.path!r}")
        there = sorted(each.name for each in folder.iterdir() if each.is_dir() and not is_hidden(each, folder))
        if not there:
            raise DataError(f"{self.path} has no sub-folders: put the images of each class in one of their own, such as cats/")
        missing = [name for name in self.classes if name not in there]
        if missing:
            raise DataError(f"{self.path} has no sub-folder {missing[0]!r}; it has {there}")
        return self.classes or tuple(there)

    def read(self) -> Arrays:
        """All images, uint8 (n, channels, height, width).

        Raises:
            DataError: there are none, one cannot be decoded, or they differ in shape.
            MissingExtra: the library that decodes them is not installed.
        """
        folder, names = user_path(self.path), self.class_names()
        by_class = _images(folder, names)
        files = [(label, file) for label, name in enumerate(names) for file in by_class[name]]
        if not files:
            raise DataError(f"{self.path} holds no images: files whose names end in {', '.join(sorted(SUFFIXES))}")
        images = self._decoded([file for _, file in files])
        ids = np.array([file.relative_to(folder).as_posix() for _, file in files])
        return Arrays(images, np.array([label for label, _ in files]), ids, len(names), {})

    def _decoded(self, files: list[Path]) -> Array:
        decode, first, images = _pillow().Decoder(self.side), None, []
        for file in files:
            image = decode.image(file, str(file))
            first = image.shape if first is None else first
            if image.shape != first:
                raise DataError(
                    f"images differ in shape: {files[0]} has {first}, {file} has {image.shape}; make them alike, such as with "
                    "ImageFolder(side=64)"
                )
            images.append(image)
        decode.note(self.path)
        return np.stack(images)


def _images(folder: Path, names: tuple[str, ...]) -> dict[str, list[Path]]:
    """Image files at any depth of some sub-folders, in alphabetical order; a note counts what is left out."""
    there = [file for file in sorted(folder.rglob("*")) if file.is_file() or file.is_symlink()]
    images = visible((file for file in there if file.is_file() and file.suffix.lower() in SUFFIXES), folder)
    by_class: dict[str, list[Path]] = {name: [] for name in names}
    for file in images:
        first, *rest = file.relative_to(folder).parts
        if rest and first in by_class:
            by_class[first].append(file)
    known = {file for files in by_class.values() for file in files}
    # Classes that were not asked for are left out on purpose.
    asked = [file for file in there if file.parent == folder or file.relative_to(folder).parts[0] in by_class]
    others = [file for file in asked if file not in known and not is_hidden(file, folder)]
    if others:
        example = others[0].relative_to(folder).as_posix()
        add_note(f"{len(others)} files of {folder} are not images of a class and are left out, such as {example!r}")
    empty = [name for name, files in by_class.items() if not files]
    if empty and known:
        add_note(f"{len(empty)} of the {len(names)} classes of {folder} have no image, such as {empty[0]!r}")
    return by_class


def _pillow() -> ModuleType:
    try:
        from untrain.data.readers import pillow
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading images needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return pillow
