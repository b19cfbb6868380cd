"""From an image to numbers."""

import numpy as np
import pytest
from PIL import Image

from untrain.core.errors import DataError
from untrain.data.readers.pillow import pixels, square


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


def ramp(height, width, mode="RGB"):
    """Brighter by one from column to column, and by 100 in the lower half."""
    array = np.arange(width)[None] + 100 * (np.arange(height)[:, None] >= height / 2)
    return Image.fromarray(array.astype(np.uint8)).convert(mode)


@pytest.mark.parametrize(
    ("height", "width", "left", "top"), [(8, 8, 0, 0), (8, 20, 6, 0), (8, 21, 6, 0), (8, 11, 2, 0), (20, 8, 0, 6), (11, 8, 0, 2)]
)
def test_a_square_of_the_shorter_side_is_the_middle_as_it_is(height, width, left, top):
    """Halves go to the even number, as torchvision's CenterCrop has it."""
    array, whole = square(ramp(height, width), 8), pixels(ramp(height, width))
    assert array.shape == (3, 8, 8)
    assert (array == whole[:, top : top + 8, left : left + 8]).all()


def test_a_square_of_half_the_size_weighs_neighbours_by_a_triangle():
    """Pixels at distances 1/2 and 3/2 of a triangle that ends at 2: weights 3, 3 and 1, 1 of 8."""
    line = np.random.default_rng(0).integers(0, 256, 40)
    small = square(Image.fromarray(np.repeat(line[None], 40, axis=0).astype(np.uint8)), 20)
    inner = (line[1:-4:2] + 3 * line[2:-3:2] + 3 * line[3:-2:2] + line[4:-1:2]) / 8
    assert np.abs(small[0, 0, 1:-1] - inner).max() <= 0.5
    assert (small == small[:1, :1]).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK"])
def test_a_square_is_rgb_whatever_it_was(mode):
    assert (square(Image.new("RGB", (9, 7), (255, 255, 255)).convert(mode), 5) == 255).all()


def test_a_square_of_more_than_8_bits_is_refused():
    with pytest.raises(DataError, match="mode 'I;16' do not fit 8 bits"):
        square(Image.new("I;16", (4, 4)), 2)
