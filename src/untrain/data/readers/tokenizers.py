"""Vocabularies of word pieces, learned from texts by the tokenizers library, or read from a file of it."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.ragged import Ragged
from untrain.data.readers.damage import reading

UNKNOWN = "[UNK]"


def learn(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Byte pairs of lower-case words, merged in the order of their frequency; the same texts give the same vocabulary.

    Args:
        texts: what it is learned from.
        vocabulary: largest number of tokens.
    """
    made = Tokenizer(models.BPE(unk_token=UNKNOWN))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[UNKNOWN], show_progress=False)
    made.train_from_iterator(texts, trainer)
    return made


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Ragged:
    """Rows of at most ``length`` tokens; a text without any becomes the unknown token."""
    # One after the other: the library's own threads and processes that fork do not go together.
    return Ragged.of([tokenizer.encode(text).ids[:length] or [0] for text in texts])


def learn_bytes(texts: Sequence[str], vocabulary: int, marks: Sequence[str]) -> Tokenizer:
    """Byte pairs of texts as they are, which give the same text back; marks such as '[END]' are tokens of their own.

    Args:
        texts: what it is learned from.
        vocabulary: largest number of tokens, but the marks and 256 single bytes are always there.
        marks: texts that are never cut, numbered from 0.
    """
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(marks),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def learn_phrases(phrases: Sequence[str], marks: Sequence[str]) -> Tokenizer:
    """A token for each phrase, between tabs, however many words it has.

    Args:
        phrases: numbered in their order, behind the marks; what is none of them is no token.
        marks: tokens of their own, numbered from 0.
    """
    numbered = {text: at for at, text in enumerate(dict.fromkeys([*marks, *phrases]))}
    made = Tokenizer(models.WordLevel(numbered, unk_token=None))
    made.pre_tokenizer = pre_tokenizers.Split("\t", "removed")
    made.add_special_tokens(list(marks))
    return made


def load(path: str) -> Tokenizer:
    """The tokenizer of a file tokenizer.json, or of the folder that holds it, as Hugging Face models have it.

    Raises:
        DataError: there is none, or the file holds something else.
    """
    where = user_path(path)
    file = where / "tokenizer.json" if where.is_dir() else where
    if not file.is_file():
        raise DataError(f"there is no tokenizer {str(file)!r}: name a folder with tokenizer.json, or that file")
    with reading(f"cannot read the tokenizer {str(file)!r}"):
        text = file.read_text(encoding="utf-8")
    try:
        made = Tokenizer.from_str(text)
    except Exception as error:  # the library raises no narrower one
        raise DataError(f"{str(file)!r} is no tokenizer of the tokenizers library: {' '.join(str(error).split())[:200]}") from None
    made.no_padding()
    made.no_truncation()
    return made


def pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    """The text of each token, by its number, with the space before it if there is one; a part of a letter is a mark of its own."""
    whole: list[str] = []
    for at in range(tokenizer.get_vocab_size()):
        token = tokenizer.id_to_token(at) or ""
        plain = tokenizer.decoder.decode([token]) if isinstance(tokenizer.decoder, decoders.ByteLevel) else token
        whole.append(plain.replace("\N{LOWER ONE EIGHTH BLOCK}", " "))
    return tuple(whole)
