"""The new checkpoint and its sidecar: written whole or not at all, and never over anything."""

from __future__ import annotations

import errno
import json
import os
from itertools import chain, count
from pathlib import Path
from typing import Any

from torch import nn

from untrain.core.atomic_write import atomic_write, sync
from untrain.core.environment import absolute
from untrain.core.errors import BadInput, DataError
from untrain.core.file_digests import file_digest
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.core.work_files import clear, hidden_name
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.reports.model_card import model_card, with_section

Document = dict[str, Any]


def place_of(opened_path: Path, out: str | Path | None) -> Path:
    """The path of the new checkpoint, beside the old one by default, after a check that nothing is there.

    >>> place_of(Path("/nowhere/model.pt"), "/tmp").name
    Traceback (most recent call last):
    ...
    untrain.core.errors.BadInput: /tmp exists already, and nothing is ever written over: name another place, --out NEW

    Raises:
        BadInput: something is there, or its folder is not.
    """
    suffix = "" if opened_path.is_dir() else opened_path.suffix
    file = _free(usual_place(opened_path)) if out is None else absolute(user_path(out))
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} to write {file.name} into")
    for each in (file, sidecar_of(file)):
        if os.path.lexists(each):
            raise BadInput(f"{each} exists already, and nothing is ever written over: name another place, --out NEW")
    if out is not None and suffix and file.suffix != suffix:
        raise BadInput(f"the checkpoint is a {suffix} file, and {file.name} is not called so: name it such as {file.stem}{suffix}")
    return file


def usual_place(opened_path: Path, at: int = 1) -> Path:
    """The path beside an old checkpoint where the at-th new one goes.

    >>> usual_place(Path("/models/net.pt"), 2).as_posix()
    '/models/net-forgot-2.pt'
    """
    suffix = "" if opened_path.is_dir() else opened_path.suffix
    name = opened_path.name.removesuffix(suffix)
    return absolute(opened_path).with_name(f"{name}-forgot{f'-{at}' if at > 1 else ''}{suffix}")


def _free(file: Path) -> Path:
    """The first of file, file-2, file-3 and so on where nothing is, nor its document."""
    names = (file.with_name(f"{file.stem}-{at}{file.suffix}") for at in count(2))
    return next(each for each in chain([file], names) if not any(map(os.path.lexists, (each, sidecar_of(each)))))


def folder_of_audit(file: Path) -> Path:
    """The folder of the audit of a checkpoint."""
    return file.with_name(f"{file.name}.audit")


def sidecar_of(file: Path) -> Path:
    """The path of the document beside a checkpoint."""
    return file.with_name(f"{file.name}.json")


def _add_to_card(file: Path, document: Document) -> None:
    """Write what was forgotten into the model card of a folder that has one; a note says so, or why not."""
    if not file.is_file():
        return
    try:
        text = with_section(file.read_text(encoding="utf-8"), model_card(document))
        with atomic_write(file) as fresh:
            fresh.write_text(text, encoding="utf-8")
    except UnicodeDecodeError:
        add_note("README.md is not UTF-8, and does not say what was forgotten: `untrain card` prints the section")
        return
    add_note("README.md has a section on what was forgotten, without any id; `untrain card` prints it again")


def write_document(document: Document) -> None:
    """Write the document beside its checkpoint anew.

    Raises:
        DataError: it cannot be written.
    """
    file = sidecar_of(Path(document["out"]["path"]))
    try:
        with atomic_write(file) as work:
            work.write_text(_text(document), encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {file}: {error.strerror or error}") from None


def _text(document: Document) -> str:
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def write_audited(document: Document) -> Document:
    """Write the document of a checkpoint with its audit anew, and the card of a folder, of which it holds the digest; the document.

    Raises:
        DataError: they cannot be written.
    """
    out = Path(document["out"]["path"])
    try:
        _add_to_card(out / "README.md", document)
    except OSError as error:
        raise DataError(f"cannot write {out / 'README.md'}: {error.strerror or error}") from None
    whole = {**document, "out": {"path": str(out), "sha256": file_digest(out)}}
    write_document(whole)
    return whole


def write_checkpoint(opened: OpenedModel, model: nn.Module, out: Path, document: Document, with_card: bool = True) -> Document:
    """Write a model as the new checkpoint, and the document with its digest beside it; the document.

    Where something has come to be at ``out`` since, the next free name is taken. Both are hidden until they are whole; the document
    takes its place first, so that no checkpoint is without one.

    Raises:
        DataError: they cannot be written.
    """
    wanted = out
    fresh, notes = out.with_name(hidden_name(out.name)), out.with_name(hidden_name(sidecar_of(out).name))
    try:
        opened.write(model, fresh)
        if with_card:  # an audit adds to it what it found
            _add_to_card(fresh / "README.md", document)
        for each in [*fresh.iterdir(), fresh] if fresh.is_dir() else [fresh]:
            sync(each)
        digest = file_digest(fresh)
        while True:
            out = _free(wanted)  # another run may have written there since it began; hours of work are not lost for that
            whole = {**document, "out": {"path": str(out), "sha256": digest}}
            notes.write_text(_text(whole), encoding="utf-8")
            sync(notes)
            if _place(notes, sidecar_of(out)):
                if _place(fresh, out):
                    break
                sidecar_of(out).unlink()
        sync(out.parent)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        clear(fresh)
        clear(notes)
    return whole


def _place(fresh: Path, place: Path) -> bool:
    """Put a file or a folder where nothing is; False where something came to be there at the same moment, which stays."""
    try:
        if fresh.is_dir():
            os.rename(fresh, place)  # which replaces an empty folder, and nothing else
        else:
            _link(fresh, place)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        return False
    return True


def _link(fresh: Path, place: Path) -> None:
    """Link a file to a free name, which unlike a rename replaces nothing."""
    try:
        os.link(fresh, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is taken first
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(fresh, place)
