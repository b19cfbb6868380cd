"""A vocabulary of word pieces, learned from texts by the tokenizers library."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from untrain.data.ragged import Ragged

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
