"""Images are decoded once, lie on disk from then on, and are those that were decoded."""

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.data.on_disk import OnDisk
from untrain.data.readers.datasets import Arrays
from untrain.data.readers.image_cache import decode_once

X = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 4), dtype=np.uint8)


class Read:
    """A source that counts how often it is read."""

    def __init__(self, x=X):
        self.times, self.x = 0, x

    def __call__(self, hold):
        self.times += 1
        held = hold(iter([self.x[:4], self.x[4:]]), len(self.x))
        who = np.array(["ann", "bob", "eve", "ann", "bob", "eve", "ann"])
        return Arrays(held, np.arange(7) % 3, np.arange(7) + 10, 5, {"who": who}, who[::-1])


def test_the_second_time_nothing_is_read_from_the_source(tmp_path):
    read = Read()
    first, again = (decode_once(str(tmp_path), "a set", read) for _ in range(2))
    assert read.times == 1
    for found in (first, again):
        assert isinstance(found.x, OnDisk)
        assert (found.x[:].numpy() == X).all()
        assert found.y.tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert found.ids.tolist() == list(range(10, 17))
        assert found.classes == 5
        assert found.columns["who"].tolist() == ["ann", "bob", "eve", "ann", "bob", "eve", "ann"]
        assert found.owner.tolist() == ["ann", "eve", "bob", "ann", "eve", "bob", "ann"]


def test_another_source_has_images_of_its_own(tmp_path):
    one, other = (decode_once(str(tmp_path), name, Read(x)) for name, x in (("a", X), ("b", 255 - X)))
    assert (one.x[:] + other.x[:] == 255).all()


@pytest.mark.parametrize("spoil", ["images", "index", "cut"])
def test_what_is_gone_or_damaged_is_decoded_again(tmp_path, spoil):
    read = Read()
    decode_once(str(tmp_path), "a set", read)
    (images,), (index,) = tmp_path.glob("*.npy"), tmp_path.glob("*.npz")
    if spoil == "images":
        images.unlink()
    elif spoil == "index":
        index.write_bytes(b"PK and nothing")
    else:
        images.write_bytes(images.read_bytes()[:150])
    again = decode_once(str(tmp_path), "a set", read)
    assert read.times == 2
    assert (again.x[:].numpy() == X).all()


def test_an_image_with_one_byte_changed_is_decoded_again_and_put_right(tmp_path):
    read = Read()
    decode_once(str(tmp_path), "a set", read)
    (images,) = tmp_path.glob("*.npy")
    spoiled = bytearray(images.read_bytes())
    spoiled[-5] ^= 1
    images.write_bytes(spoiled)
    for _ in range(2):
        assert (decode_once(str(tmp_path), "a set", read).x[:].numpy() == X).all()
    assert read.times == 2


@pytest.mark.slow
def test_an_index_damaged_anywhere_is_written_anew(tmp_path):
    """Cut short or with one byte turned round: bytes without a say may be kept, none is served wrong or let through as an error."""
    read = Read()
    decode_once(str(tmp_path), "a set", read)
    (index,) = tmp_path.glob("*.npz")
    whole = index.read_bytes()
    cuts = [whole[:at] for at in range(0, len(whole), 37)]
    flips = [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(len(whole))]
    for spoiled in cuts + flips:
        index.write_bytes(spoiled)
        again = decode_once(str(tmp_path), "a set", read)
        assert again.y.tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert again.ids.tolist() == list(range(10, 17))
        assert (again.x[:].numpy() == X).all()
    assert read.times > len(cuts) + len(flips) / 2


def test_nothing_but_the_two_files_is_left(tmp_path):
    decode_once(str(tmp_path), "a set", Read())
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".npy", ".npz"]


def test_a_source_that_fails_leaves_nothing(tmp_path):
    def read(hold):
        def pieces():
            yield X
            raise DataError("column 'image', row 7: cannot identify")

        return Arrays(hold(pieces(), 9), np.zeros(9), np.arange(9), 1, {})

    with pytest.raises(DataError, match="row 7"):
        decode_once(str(tmp_path), "a set", read)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write to .*file") as caught:
        decode_once(str(tmp_path / "file"), "a set", Read())
    assert "\n" not in str(caught.value)
