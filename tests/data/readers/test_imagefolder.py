"""Folders with one sub-folder per class."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

import untrain as ut
from untrain.core.errors import DataError, MissingExtra
from untrain.core.metering import metered
from untrain.core.spec import parse
from untrain.data.readers.convert import examples
from untrain.data.readers.imagefolder import ImageFolder


@pytest.fixture
def folder(tmp_path):
    """Two cats, three dogs, of 4 x 6 pixels, each of one colour; a text and a hidden file besides."""
    for at, name in enumerate(("cats/a.png", "cats/b.png", "dogs/1.PNG", "dogs/deep/2.png", "dogs/3.bmp")):
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (10 * at, 0, 255)).save(file)
    (tmp_path / "pets/dogs/notes.txt").write_text("all of them bark")
    (tmp_path / "pets/dogs/.hidden.png").write_bytes(b"not an image")
    return tmp_path / "pets"


def test_labels_are_sub_folders_in_alphabetical_order_and_ids_are_paths(folder):
    made = ImageFolder(path=str(folder)).read()
    assert made.ids.tolist() == ["cats/a.png", "cats/b.png", "dogs/1.PNG", "dogs/3.bmp", "dogs/deep/2.png"]
    assert made.y.tolist() == [0, 0, 1, 1, 1]
    assert made.classes == 2
    assert (made.x.dtype, made.x.shape) == (np.uint8, (5, 3, 4, 6))
    assert made.x[:, :, 0, 0].tolist() == [[0, 0, 255], [10, 0, 255], [20, 0, 255], [40, 0, 255], [30, 0, 255]]


def test_a_path_of_a_folder_and_a_reader_and_a_spelling_give_the_same_examples(folder):
    ways = (str(folder), folder, ImageFolder(path=str(folder)), parse(f"ImageFolder(path={str(folder)!r})"))
    first, *others = (examples(way) for way in ways)
    assert all(torch.equal(first.x, other.x) and first.ids.tolist() == other.ids.tolist() for other in others)


def test_images_become_squares(folder):
    Image.new("L", (9, 9), 200).save(folder / "cats/c.png")
    with pytest.raises(DataError, match=r"images differ in shape: .*a.png has \(3, 4, 6\), .*c.png has \(1, 9, 9\)"):
        ImageFolder(path=str(folder)).read()
    assert ImageFolder(path=str(folder), side=2).read().x.shape == (6, 3, 2, 2)


def test_classes_are_those_that_are_named_in_their_order(folder):
    (folder / "birds").mkdir()
    made = ImageFolder(path=str(folder), classes=("dogs", "cats")).read()
    assert made.y.tolist() == [0, 0, 0, 1, 1]
    whole = ImageFolder(path=str(folder)).read()
    assert (whole.classes, sorted(set(whole.y.tolist()))) == (3, [1, 2]), "an empty sub-folder is a class"


@pytest.mark.parametrize(
    ("spoil", "fields", "message"),
    [
        (lambda f: None, {"path": "/nowhere"}, "there is no folder '/nowhere'"),
        (lambda f: None, {"classes": ("cats", "fish")}, r"has no sub-folder 'fish'; it has \['cats', 'dogs'\]"),
        (lambda f: (f / "cats/z.png").write_bytes(b"no"), {}, "z.png is not an image that can be read"),
        (lambda f: (f / "flat").mkdir(), {"path": "flat"}, "has no sub-folders: put the images of each class"),
        (lambda f: (f / "flat/empty").mkdir(parents=True), {"path": "flat"}, "holds no images"),
    ],
    ids=["missing", "unknown class", "damaged", "flat", "empty"],
)
def test_what_cannot_be_read_is_refused_in_one_line(folder, spoil, fields, message):
    spoil(folder)
    path = folder / fields.get("path", ".")
    with pytest.raises(DataError, match=message) as caught:
        ImageFolder(**fields | {"path": str(path)}).read()
    assert "\n" not in str(caught.value)


def test_without_the_library_that_decodes_images_the_extra_is_named(folder, monkeypatch):
    import untrain.data.readers

    monkeypatch.delitem(sys.modules, "untrain.data.readers.pillow", raising=False)
    monkeypatch.delattr(untrain.data.readers, "pillow", raising=False)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"reading images needs PIL.*pip install 'untrain\[data\]'"):
        ImageFolder(path=str(folder)).read()


def test_a_scenario_of_two_folders_refuses_other_classes_in_the_test_set(folder, tmp_path):
    test = tmp_path / "test"
    for name in ("cats", "fish"):
        (test / name).mkdir(parents=True)
        Image.new("RGB", (6, 4)).save(test / name / "1.png")
    with pytest.raises(DataError, match=r"train has the classes \('cats', 'dogs'\) and test \('cats', 'fish'\)"):
        ut.Custom(train=str(folder), test=str(test), model=ut.MLP(width=2)).load()


def test_a_scenario_of_folders_runs_from_a_spelling(folder, tmp_path):
    spelled = f"Custom(train={str(folder)!r}, test=ImageFolder({str(folder)!r}), model=MLP(width=2), request=Ids(('cats/a.png',)))"
    made = parse(spelled)
    assert parse(repr(made)) == made
    data = made.load()
    assert "cats/a.png" in data.train.ids
    assert len(data.train) + len(data.valid) == 5


def test_what_is_left_out_or_not_turned_is_counted(folder):
    (folder / "birds").mkdir()
    (folder / "cats/gone.png").symlink_to(folder / "nowhere.png")
    (folder / "more").symlink_to(folder / "dogs")
    turned = Image.new("RGB", (6, 4))
    turned.getexif()[0x0112] = 6
    turned.save(folder / "cats/c.jpg", exif=turned.getexif())
    with metered() as meter:
        made = ImageFolder(path=str(folder)).read()
    assert len(made.ids) == 6
    assert list(meter.notes) == [
        f"1 hidden files of {folder} are left out, such as 'dogs/.hidden.png'",
        f"3 files of {folder} are not images of a class and are left out, such as 'cats/gone.png'",
        f"2 of the 4 classes of {folder} have no image, such as 'birds'",
        f"of the images of {folder}, 1 lie as they are stored, which their EXIF says to turn",
    ]
