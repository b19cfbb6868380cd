"""The same images as PNG, as columns of uint8 and as lists of uint8, however deep, are one set of examples."""

import io

import numpy as np
import pytest

import untrain as ut
from untrain.core.metering import metered

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
Image = pytest.importorskip("PIL.Image")
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
LABELS = np.arange(12) % 3


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def nested(kind, depth=3):
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


FORMS = {
    "png": (pa.array([{"bytes": png(image[0]), "path": None} for image in IMAGES]), ()),
    "lists": (pa.array(IMAGES.tolist(), nested(pa.uint8())), ("image",)),
    "large lists": (pa.array(IMAGES.reshape(12, -1).tolist(), pa.large_list(pa.uint8())), ("image",)),
    "fixed lists": (pa.array(IMAGES.reshape(12, -1).tolist(), pa.list_(pa.uint8(), 64)), ("image",)),
}


def examples(folder, column, x, **options):
    parquet.write_table(pa.table({"image": column, "label": LABELS}), folder / "a.parquet", **options)
    return ut.examples(ut.Parquet(path=str(folder / "a.parquet"), x=x))


@pytest.mark.parametrize("form", FORMS)
def test_the_type_is_kept(tmp_path, form):
    data = examples(tmp_path, *FORMS[form], row_group_size=5)
    assert str(data.x.dtype) == "torch.uint8"
    assert (data.x.numpy().reshape(12, -1) == IMAGES.reshape(12, -1)).all()


def test_columns_of_uint8_are_pixels_and_a_note_says_so(tmp_path):
    names = tuple(f"p{at}" for at in range(64))
    table = pa.table({**{name: IMAGES.reshape(12, -1)[:, at] for at, name in enumerate(names)}, "label": LABELS})
    parquet.write_table(table, tmp_path / "a.parquet")
    with metered() as meter:
        data = ut.examples(ut.Parquet(path=str(tmp_path / "a.parquet"), x=names))
    assert (data.x.numpy() == IMAGES.reshape(12, -1)).all()
    assert "64 columns of uint8, such as 'p0', are taken for pixels" in " ".join(meter.notes)


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.uint16()])
def test_whole_numbers_that_may_be_pixels_are_told_of(tmp_path, kind):
    with metered() as meter:
        data = examples(tmp_path, pa.array(IMAGES.tolist(), nested(kind)), ("image",))
    assert str(data.x.dtype) == "torch.float32"
    assert "if they are pixels, store them as uint8" in " ".join(meter.notes)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int8(), pa.bool_()])
def test_other_numbers_keep_their_values(tmp_path, kind):
    values = (IMAGES.reshape(12, -1) % 2).astype(kind.to_pandas_dtype())
    data = examples(tmp_path, pa.array(values.tolist(), pa.list_(kind)), ("image",))
    assert (data.x.numpy() == values.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [([[1, 2], [3]], "differ in length"), ([[1, 2], None], "empty cells"), ([[1, None], [3, 4]], "empty cells")],
)
def test_lists_that_are_no_table_are_refused(tmp_path, rows, message):
    table = pa.table({"image": pa.array(rows, pa.list_(pa.uint8())), "label": [0, 1]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ut.BadInput, match=message):
        ut.examples(ut.Parquet(path=str(tmp_path / "a.parquet"), x=("image",)))
