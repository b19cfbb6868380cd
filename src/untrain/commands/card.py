"""A section of a model card from the document of a checkpoint that forgot.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from untrain.commands.arguments import Document
from untrain.core.errors import DataError
from untrain.core.paths import user_path


def card(document: str | Path | Mapping[str, Any], readme: str | Path | None = None) -> Document:
    """Write the section of a model card on what was forgotten.

    Examples:
        untrain card net-forgot.pt.json
        untrain card vit-forgot.json --readme vit-forgot/README.md

    The section holds counts, figures with intervals and what they do not cover, and no id. In a file that has one already it is
    replaced; all else there stays.

    Args:
        document: file beside the new checkpoint, which `untrain forget` wrote; in Python what ``forget`` returned, too.
        readme: model card to write the section into; None prints it alone.

    Returns:
        ``section``, the Markdown, and ``readme``, the path that was written, or None.

    Raises:
        BadInput: the document is not one of these, or the card cannot be read or written.
    """
    from untrain.core.atomic_write import atomic_write
    from untrain.reports.model_card import model_card, with_section

    facts = document if isinstance(document, Mapping) else _read(user_path(document))
    try:
        section = model_card(facts)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            "the document is not one that `untrain forget` wrote beside a checkpoint: name NEW.json, of a request that was done"
        ) from None
    if readme is None:
        return {"section": section, "readme": None}
    file = user_path(readme)
    try:
        old = file.read_text(encoding="utf-8") if file.exists() else ""
        with atomic_write(file) as fresh:
            fresh.write_text(with_section(old, section), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{file} cannot be read and written as a model card ({reason}): name a README.md") from None
    return {"section": section, "readme": str(file)}


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{file} cannot be read as the document of a checkpoint ({reason}): name NEW.json") from None
