"""Small pictures."""

import base64
import io

import numpy as np
import pytest

from untrain.reports.html import data_uris


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels_that_went_in(channels):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (channels, 5, 7), dtype=np.uint8)
    back = np.asarray(image.open(io.BytesIO(data_uris.png(pixels))))
    np.testing.assert_array_equal(back if channels == 3 else back[..., None], pixels.transpose(1, 2, 0))


def test_large_images_are_thinned():
    text = data_uris.data_uri(np.zeros((3, 224, 100), dtype=np.uint8))
    head = base64.b64decode(text.partition(",")[2])[16:24]
    assert [int.from_bytes(head[i : i + 4], "big") for i in (0, 4)] == [20, 45]


def test_numbers_become_pixels():
    np.testing.assert_array_equal(data_uris.to_bytes(np.array([0.0, 0.5, 1.0])), [0, 128, 255])
    np.testing.assert_array_equal(data_uris.to_bytes(np.array([-2.0, 0.0, 2.0])), [0, 128, 255])
    np.testing.assert_array_equal(data_uris.to_bytes(np.array([7, 255], dtype=np.uint8)), [7, 255])
    np.testing.assert_array_equal(data_uris.to_bytes(np.full(2, 3.0)), [0, 0])


@pytest.mark.parametrize(("shape", "is_one"), [((4, 1, 8, 8), True), ((4, 3, 8, 8), True), ((4, 2, 8, 8), False), ((4, 9), False)])
def test_what_counts_as_an_image(shape, is_one):
    assert data_uris.is_image(np.zeros(shape)) is is_one
