"""Folders of image files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np

from untrain.core.environment import expand_user
from untrain.core.errors import DataError, MissingExtra
from untrain.core.fields import Count
from untrain.data.readers.base import Array, Arrays, Reader

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


class ImageFolder(Reader):
    """Images in a folder with one sub-folder per class, such as ``cats/1.png`` and ``dogs/1.png``.

    Labels are the sub-folders in alphabetical order. The id of an image is its path from the folder on, ``'cats/1.png'``.
    Files at any depth of a sub-folder count, by the usual suffixes of images; hidden ones do not.

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
        folder = expand_user(self.path)
        if not folder.is_dir():
            raise DataError(f"there is no folder {self.path!r}")
        there = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
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
        folder, names = expand_user(self.path), self.class_names()
        files = [(label, file) for label, name in enumerate(names) for file in _images(folder / name)]
        if not files:
            raise DataError(f"{self.path} holds no images: files whose names end in {', '.join(sorted(SUFFIXES))}")
        images = self._decoded([file for _, file in files])
        ids = np.array([file.relative_to(folder).as_posix() for _, file in files])
        return Arrays(images, np.array([label for label, _ in files]), ids, len(names), {})

    def _decoded(self, files: list[Path]) -> Array:
        decode, first, images = _pillow().image_file, None, []
        for file in files:
            image = decode(file, self.side)
            first = image.shape if first is None else first
            if image.shape != first:
                raise DataError(
                    f"images differ in shape: {files[0]} has {first}, {file} has {image.shape}; make them alike, such as with "
                    "ImageFolder(side=64)"
                )
            images.append(image)
        return np.stack(images)


def _images(folder: Path) -> list[Path]:
    """Image files at any depth, in alphabetical order."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _pillow() -> ModuleType:
    try:
        from untrain.data.readers import pillow
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading images needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return pillow
