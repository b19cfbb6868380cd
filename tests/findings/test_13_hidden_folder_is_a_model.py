"""A folder with one .npy per model, or of images: what Jupyter or macOS left there is neither a model nor an example."""

import numpy as np
import pytest

import untrain as ut
from id_lists import LABELS, outputs
from untrain.core.metering import metered

SIDES = np.repeat(["forget", "retain", "test"], [10, 30, 20])
LITTER = [".ipynb_checkpoints/model_0-checkpoint.npy", "._model_0.npy", "__MACOSX/model_9.npy", "deep/.cache/model_7.npy"]


@pytest.mark.parametrize("left", LITTER)
@pytest.mark.parametrize("content", [outputs(1, seed=9)[0], None], ids=["array", "damaged"])
def test_what_systems_leave_behind_is_no_model(tmp_path, left, content):
    for who, models in (("u", outputs(3, 3.0)), ("o", outputs(12, seed=1))):
        (tmp_path / who).mkdir()
        for at, row in enumerate(models):
            with open(tmp_path / who / f"model_{at}.{'NPY' if at == 2 else 'npy'}", "wb") as file:
                np.save(file, row)
    place = tmp_path / "u" / left
    place.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        place.write_bytes(b"\x00\x05\x16\x07" + bytes(100))
    else:
        np.save(place, content)
    given = ut.Outputs(str(tmp_path / "u"), str(tmp_path / "o"), labels=LABELS, sides=SIDES)
    document = ut.audit(given, store=tmp_path / "runs", evaluators="Accuracy")
    assert document["seeds"] == 3
    assert f"1 hidden files of {tmp_path / 'u'} are left out, such as {left!r}" in document["warnings"]


def test_what_systems_leave_behind_is_no_class_and_no_image(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for at, name in enumerate(
        ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/.trash/2.png", "cats/._1.png", "__MACOSX/cats/1.png")
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image.new("RGB", (4, 4), (40 * at, 0, 0)).save(tmp_path / name)
    (tmp_path / "cats" / "notes.txt").write_text("")
    with metered() as meter:
        made = ut.examples(str(tmp_path))
    assert (made.ids.tolist(), made.classes) == (["cats/1.png", "cats/2.png", "dogs/1.png"], 2)
    assert [note.partition(" of ")[0] for note in meter.notes] == ["3 hidden files", "1 files"]
    assert "'cats/notes.txt'" in list(meter.notes)[1]
