"""A section of a model card: what a checkpoint forgot, by which method, with which figures, and what that does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from untrain.core.escapes import printable
from untrain.maths.bounds import clopper_pearson
from untrain.maths.unseen_likeness import EVEN

BEGIN, END = "<!-- untrain: what this model forgot -->", "<!-- untrain: end -->"
HEAD = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)  # the card's YAML
Document = Mapping[str, Any]


def model_card(document: Document) -> str:
    """The Markdown of the section, from the document beside a checkpoint that ``untrain forget`` wrote.

    It holds counts and digests, and no id of an example. Text of others, such as paths and names, is escaped: it is not markup, and
    cannot end the YAML of a card.

    Args:
        document: as ``forget`` returns it.
    """
    request, after = document["request"], document["after"]
    lines = [
        BEGIN, "## What this model forgot", "",
        f"On {document['made'][:10]}, the method {_code(document['method'])} of untrain "
        f"{document['versions']['untrain']} was run to make the model forget {request['rows']:,} of {document['data']['rows']:,} "
        f"training examples. All other figures of this card that are older are of the model before.", "",
        "| | Before | After |", "|---|---|---|", *_figures(document["before"], after), "",
    ]  # fmt: skip
    lines += [*_evidence(document), "", "This does not cover:", ""]
    lines += [f"- {_plain(each)};" for each in document["does_not_cover"]]
    digests = {"model before": document["model"]["sha256"], "data": document["data"]["digest"], "request": request["digest"]}
    lines += ["", "Digests: " + ", ".join(f"{name} {_code(value)}" for name, value in digests.items()) + ".", END]
    return "\n".join(lines) + "\n"


def with_section(card: str, section: str) -> str:
    """A card with the section instead of the one that it has, or at its end; the YAML at its head and all else stay as they are.

    >>> card = with_section("---\\nlicense: mit\\n---\\n# Net\\n", f"{BEGIN}\\nold\\n{END}\\n")
    >>> with_section(card, f"{BEGIN}\\nnew\\n{END}\\n").splitlines()[-3:]
    ['<!-- untrain: what this model forgot -->', 'new', '<!-- untrain: end -->']

    Args:
        card: Markdown.
        section: as ``model_card`` makes it.
    """
    head = match.group() if (match := HEAD.match(card)) else ""
    body = card[len(head) :]
    start = body.find(BEGIN)
    end = body.find(END, max(0, start))
    if 0 <= start < end:
        return head + body[:start] + section.rstrip("\n") + body[end + len(END) :]
    return head + body.rstrip() + ("\n\n" if body.strip() else "") + section


def _figures(before: Document, after: Document) -> Iterator[str]:
    names = {"validation": "held-out", "retain": "kept training", "forget": "forgotten"}
    for side, name in names.items():
        yield f"| accuracy on {name} examples | {_share(before[side])} | {_share(after[side])} |"
        yield f"| mean loss on {name} examples, nats | {before[side]['loss']:.4g} | {after[side]['loss']:.4g} |"
    if before["alike"] and after["alike"]:
        chances = " | ".join(f"{each['area']:.3f} ± {1.96 * each['error']:.3f}" for each in (before["alike"], after["alike"]))
        aim = after["alike"].get("aim", EVEN)
        yield f"| chance that a forgotten example has a larger loss than an unseen one (aim {aim:.3f}) | {chances} |"


def _share(side: Document) -> str:
    """Accuracy with the exact 95 % interval of a share of so many examples."""
    low, high = clopper_pearson(round(side["accuracy"] * side["rows"]), side["rows"])
    return f"{100 * side['accuracy']:.1f} % [{100 * float(low):.1f}, {100 * float(high):.1f}] of {side['rows']:,}"


def _evidence(document: Document) -> Iterator[str]:
    audit, alike = document.get("audit"), document["after"]["alike"]
    if alike and alike.get("met") is False and not document["method"].startswith("Retrain"):
        unlike = "The new model may not see the forgotten examples as one that never saw them would"
        yield from (f"{unlike}: the chance above is off its aim by more than a standard error.", "")
    if not audit:
        yield "Intervals are 95 %. Nothing here compares with models trained without these examples: it proves no forgetting."
        return
    yield f"Compared with {audit['oracles']} models that were trained without these examples: {_plain(audit['conclusion'])}"
    yield from ("", "| Score | Value | 95 % interval | Among retrained models |", "|---|---|---|---|")
    for name, score in audit["scores"].items():
        between = "" if score["low"] is None else f"[{score['low']:.4g}, {score['high']:.4g}]"
        floor = "" if score.get("floor") is None else f"{score['floor']:.4g}"
        yield f"| {_plain(name.replace('_', ' '))} | {score['value']:.4g} | {between} | {floor} |"


def _plain(text: Any) -> str:
    """Text as text: in one line, without markup of Markdown or HTML."""
    words = " ".join(printable(str(text)).split())
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", words.replace("&", "&amp;"))


def _code(text: Any) -> str:
    """Text as code: in one line, within more backquotes than it holds."""
    words = " ".join(printable(str(text)).split()).replace("|", "¦")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    return f"{fence}{words}{fence}" if "`" not in words else f"{fence} {words} {fence}"
