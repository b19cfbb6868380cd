"""Chat templates of a tokenizer's folder: how a question and its answer become the text that a chat model was trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.readers.damage import reading

SETTINGS, OWN_FILE = "tokenizer_config.json", "chat_template.jinja"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class ChatTemplate:
    """Makes one text of a question and of its answer, with the marks of who speaks.

    >>> said = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    >>> marks = said + "{% if add_generation_prompt %}<assistant>{% endif %}"
    >>> ChatTemplate(marks, "</s>").turn("Who?", "Ann.", "one")
    ('<user>Who?</s><assistant>', 'Ann.</s>')

    Args:
        source: the template, in Jinja.
        end: token behind an answer.
        special: other tokens that it may name, such as 'bos_token', as pairs.
        system: what is said before the question; empty says nothing.
    """

    source: str
    end: str
    special: tuple[tuple[str, str], ...] = ()
    system: str = ""

    def turn(self, question: str, answer: str, name: object) -> tuple[str, str]:
        """The text before an answer, and that of the answer with its end and nothing behind it.

        Args:
            question: what the user says.
            answer: what the model says.
            name: of the two, for a message.

        Raises:
            DataError: the template cannot be filled, or changes what is before an answer by the answer.
        """
        asked = [*([{"role": "system", "content": self.system}] if self.system else []), {"role": "user", "content": question}]
        before = self._filled(asked, True)
        whole = self._filled([*asked, {"role": "assistant", "content": answer}], False)
        told = whole.removeprefix(before)
        if not whole.startswith(before) or answer.strip() not in told:
            raise DataError(f"the chat template does not put the answer to {name!r} behind its question: give prompt and answer")
        text, mark, _ = told.rpartition(self.end)
        return before, text + mark if mark else told + self.end

    def _filled(self, messages: list[dict[str, str]], prompt: bool) -> str:
        try:
            # A template is text of others: it sees what it is given, and changes nothing.
            room = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
            room.globals["raise_exception"] = _refused
            known: dict[str, Any] = {**dict(self.special), "messages": messages, "add_generation_prompt": prompt}
            return room.from_string(self.source).render(known)
        except TemplateError as error:
            raise DataError(f"the chat template cannot be filled: {' '.join(str(error).split())[:200]}") from None


def chat_template(folder: str, end: str, system: str = "") -> ChatTemplate:
    """The chat template of a folder that ``save_pretrained`` wrote.

    Args:
        folder: with tokenizer_config.json, and chat_template.jinja where the template is a file of its own.
        end: token behind an answer; empty takes the folder's 'eos_token'.
        system: what is said before each question.

    Raises:
        DataError: there is none, or nothing says how an answer ends.
    """
    at = user_path(folder)
    settings = _settings(at)
    file = at / OWN_FILE
    with reading(f"cannot read {str(file)!r}"):
        source = file.read_text(encoding="utf-8") if file.is_file() else settings.get("chat_template")
    if isinstance(source, list):  # of several by name
        source = next((each.get("template") for each in source if each.get("name") == "default"), None)
    if not isinstance(source, str) or not source.strip():
        raise DataError(f"{folder!r} has no chat template in {SETTINGS} or {OWN_FILE}: give prompt and answer, without chat")
    special = tuple((name, text) for name in SPECIAL if (text := _text(settings.get(name))))
    ends = end or dict(special).get("eos_token", "")
    if not ends:
        raise DataError(f"{folder!r} does not say which token ends an answer: name it, such as end='</s>'")
    return ChatTemplate(source, ends, special, system)


def _settings(at: Path) -> dict[str, Any]:
    file = at / SETTINGS
    if not file.is_file():
        raise DataError(f"there is no {SETTINGS} in {str(at)!r}, which has the chat template: name a folder of save_pretrained")
    with reading(f"cannot read {str(file)!r}"):
        settings = json.loads(file.read_text(encoding="utf-8"))
    return settings if isinstance(settings, dict) else {}


def _text(token: Any) -> str:
    """A token, which may be written with how it is cut."""
    content = token.get("content", "") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""


def _refused(message: str) -> None:
    raise TemplateError(message)
