"""From an image to numbers."""

import numpy as np
import pytest
from PIL import Image

from untrain.adapters.pillow import pixels
from untrain.core.errors import DataError


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 4), ("P", 3), ("CMYK", 3)])
def test_channels_come_first(mode, channels):
    array = pixels(Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode))
    assert array.shape == (channels, 4, 5)
    assert array.dtype == np.uint8
    assert (array == 255).all()


def test_a_palette_gives_colours_and_not_its_indices():
    assert pixels(Image.new("RGB", (1, 1), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE))[:, 0, 0].tolist() == [
        10,
        200,
        30,
    ]


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_more_than_8_bits_are_refused(mode):
    with pytest.raises(DataError, match=f"mode '{mode}' do not fit 8 bits"):
        pixels(Image.new(mode, (2, 2)))
