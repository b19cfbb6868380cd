"""The role of a reader: found by being there."""

import numpy as np
import pytest

from untrain.core import discovery
from untrain.core.errors import DataError
from untrain.data.readers.base import Arrays, Reader, reader_of
from untrain.data.readers.convert import examples
from untrain.data.readers.imagefolder import ImageFolder
from untrain.data.readers.parquet import Parquet


class Squares(Reader):
    """Numbers and whether their squares are odd, for a name that ends in .squares.

    Args:
        path: the name.

    Source: none.
    """

    path: str

    @classmethod
    def takes(cls, path):
        return path.suffix == ".squares"

    def read(self):
        x = np.arange(6.0)[:, None]
        return Arrays(x, (x[:, 0] % 2).astype(int), np.array(list("abcdef")), 2, {"size": x[:, 0]})


def test_readers_are_found_by_being_there():
    assert [place.name for place in discovery.of_role("reader")] == ["ImageFolder", "Parquet"]


def test_examples_come_from_any_reader_and_arguments_win_over_what_it_read():
    made = examples(Squares("x"))
    assert (made.y.tolist(), made.ids.tolist(), made.classes) == ([0, 1, 0, 1, 0, 1], list("abcdef"), 2)
    assert made.columns["size"].tolist() == [0, 1, 2, 3, 4, 5]
    other = examples(Squares("x"), ids=range(6), classes=5, columns={"size": np.ones(6)})
    assert (other.ids.tolist(), other.classes, other.columns["size"].tolist()) == ([*range(6)], 5, [1] * 6)


def test_a_path_goes_to_the_reader_that_takes_it(tmp_path, monkeypatch):
    assert reader_of("a.parquet") == Parquet(path="a.parquet")
    assert reader_of(tmp_path) == ImageFolder(path=str(tmp_path))
    (tmp_path / "blob").write_bytes(b"PAR1 and then nothing")
    assert reader_of(tmp_path / "blob") == Parquet(path=str(tmp_path / "blob"))
    # A plug-in's entry point adds a place to those that are found.
    real, place = discovery.of_role, discovery.ClassLocation("Squares", "reader", __name__, "", "")
    monkeypatch.setattr(discovery, "of_role", lambda *roles: [*real(*roles), place])
    load = discovery.load
    monkeypatch.setattr(discovery, "load", lambda name: Squares if name == "Squares" else load(name))
    assert examples("one.squares").ids.tolist() == list("abcdef")


def test_data_in_memory_have_no_reader():
    assert reader_of(np.zeros((2, 2))) is None
    assert reader_of((np.zeros((2, 2)), [0, 1])) is None


@pytest.mark.parametrize(
    ("name", "there", "message"), [("a.csv", True, "no reader takes"), ("b.csv", False, "there is no such file")]
)
def test_a_path_that_no_reader_takes_is_refused_with_those_that_there_are(tmp_path, name, there, message):
    if there:
        (tmp_path / name).write_text("x,y\n1,0\n")
    with pytest.raises(DataError, match=rf"{message}.*ImageFolder\(path=...\) or Parquet\(path=...\)"):
        examples(tmp_path / name)
