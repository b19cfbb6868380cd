"""A vocabulary is learned the same way each time, and rows are cut."""

import pytest

pytest.importorskip("tokenizers")
from untrain.data.readers import tokenizers

TEXTS = ["the cat sat on the mat", "The dog sat on the cat", "a mat, a dog"]


def test_the_same_texts_give_the_same_vocabulary():
    a, b = (tokenizers.learn(TEXTS, 40).get_vocab() for _ in range(2))
    assert a == b
    assert len(a) <= 40
    assert a[tokenizers.UNKNOWN] == 0


def test_frequent_words_become_one_token_and_case_does_not_count():
    made = tokenizers.learn(TEXTS, 60)
    rows = tokenizers.encode(made, ["The cat", "the CAT"], 8)
    assert rows[:].tolist()[0] == rows[:].tolist()[1]
    assert rows.shape == (2, 2)


def test_rows_are_cut_and_a_text_of_nothing_is_unknown():
    made = tokenizers.learn(TEXTS, 60)
    rows = tokenizers.encode(made, ["the cat sat on the mat", "", "終"], 3)
    assert [len(row) for row in rows.rows()] == [3, 1, 1]
    assert [row.tolist() for row in rows.rows()][1:] == [[0], [0]]


def test_pieces_are_the_texts_of_tokens_with_their_spaces():
    made = tokenizers.learn_bytes(["The café is open, the café is closed."], 300, ("[END]",))
    pieces = tokenizers.pieces(made)
    text = "The café is closed, open."
    assert "".join(pieces[at] for at in made.encode(text).ids) == text
    assert " café" in pieces
    assert pieces[0] == "[END]"
    assert tokenizers.pieces(tokenizers.learn(TEXTS, 60))[0] == tokenizers.UNKNOWN
