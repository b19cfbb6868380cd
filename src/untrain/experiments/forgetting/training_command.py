"""The command of a user that trains a model without some rows, and the files that it depends on."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from untrain.core.errors import BadInput, suggest
from untrain.core.file_digests import file_digest

PLACES = ("ids", "seed", "checkpoint")
SPELLED = 'such as "python train.py --exclude {ids} --seed {seed} --out {checkpoint}"'


@dataclass(frozen=True)
class TrainingScript:
    """A command that trains a model without some rows.

    Args:
        words: its words; ``{ids}`` stands for a file of the ids to leave out, one per line, ``{seed}`` for a number and
            ``{checkpoint}`` for the file or folder to write.
        files: digests of those words, and of what stands behind an equals sign in one, that are files, by path; and of the Python
            modules beside a file of Python and in packages there, which it may import.
    """

    words: tuple[str, ...]
    files: tuple[tuple[str, str], ...]

    def argv(self, ids: Path, seed: int, checkpoint: Path) -> list[str]:
        """The words with the places filled in.

        >>> TrainingScript(("train", "--out={checkpoint}", "{seed}", "{ids}"), ()).argv(Path("a b"), 3, Path("m.pt"))
        ['train', '--out=m.pt', '3', 'a b']
        """
        filled = {"ids": str(ids), "seed": str(seed), "checkpoint": str(checkpoint)}
        return [re.sub(r"\{(\w+)\}", lambda found: filled[found[1]], word) for word in self.words]


def script_of(text: str) -> TrainingScript:
    """The command that a user wrote, split as a shell splits words and never given to a shell.

    Raises:
        BadInput: it cannot be split, lacks a place, has one that is not known, or its program does not exist.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise BadInput(f"--train-with {text!r} cannot be split into words ({error}): write it {SPELLED}") from None
    named = re.findall(r"\{(\w+)\}", " ".join(words))
    for name in named:
        if name not in PLACES:
            raise BadInput(f"--train-with has {{{name}}}{suggest(name, PLACES)}; there are {_braced(PLACES)}, {SPELLED}")
    lacking = [name for name in PLACES if name not in named]
    if lacking:
        raise BadInput(f"--train-with {text!r} lacks {_braced(lacking)}: write it {SPELLED}")
    if shutil.which(words[0]) is None:
        raise BadInput(f"--train-with: there is no program {words[0]!r} that can be run: write it {SPELLED}")
    parts = [part for word in words for part in (word, word.partition("=")[2])]  # as in --config=net.yaml
    given = [Path(part) for part in parts if _is_file(part)]
    files = {str(file): file_digest(file) for each in given for file in (each, *_modules_beside(each))}
    return TrainingScript(words, tuple(sorted(files.items())))


def _modules_beside(file: Path) -> list[Path]:
    """The Python files in the folder of a Python file, and in packages within it: those that it can import from there."""
    if file.suffix != ".py":
        return []
    found, folders = list[Path](), [file.parent]
    while folders:
        for each in sorted(folders.pop().iterdir()):
            if each.is_file() and each.suffix == ".py" and each != file:
                found.append(each)
            elif each.is_dir() and not each.is_symlink() and (each / "__init__.py").is_file():
                folders.append(each)
    return found


def _braced(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _is_file(word: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(word).is_file()
    return False
