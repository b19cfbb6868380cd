"""Areas, shapes and places of crops follow their laws, and what is cut out is resized as Pillow and torch do it."""

from math import log

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import integrate, stats
from torch.nn import functional as F

from untrain.core.errors import SpecError
from untrain.data.augmentations.randomresizedcrop import RandomResizedCrop

SIDE = 10_000  # so that whole pixels are fine enough


def test_areas_are_uniform_where_every_shape_fits_and_places_are_uniform():
    (top, tall), (left, wide) = RandomResizedCrop(least=0.2, stretch=1.0).boxes(5000, SIDE, SIDE, np.random.default_rng(0))
    assert (tall == wide).all()
    assert stats.kstest(tall * wide / SIDE**2, stats.uniform(0.2, 0.8).cdf).pvalue > 0.01
    for start, length in ((top, tall), (left, wide)):
        assert start.min() >= 0
        assert (start + length).max() <= SIDE
        assert stats.kstest((start + 0.5) / (SIDE - length + 1), stats.uniform().cdf).pvalue > 0.01
    assert abs(np.corrcoef(top / (SIDE - tall + 1), left / (SIDE - wide + 1))[0, 1]) < 0.05


def test_areas_and_shapes_follow_the_law_of_draws_that_fit_into_a_square():
    """A square of area a takes ratios with |log ratio| <= log(1 / a): the rest is drawn again."""
    low, reach = 0.08, log(4 / 3)
    (_, tall), (_, wide) = RandomResizedCrop().boxes(5000, SIDE, SIDE, np.random.default_rng(0))
    grid = np.linspace(low, 1, 2001)
    kept = np.minimum(1, np.log(1 / grid) / reach)
    law = integrate.cumulative_simpson(kept, x=grid, initial=0)
    area, ratio = tall * wide / SIDE**2, np.log(wide / tall)
    assert stats.kstest(area, lambda a: np.interp(a, grid, law / law[-1])).pvalue > 0.01
    assert abs(ratio).max() < reach + 1e-3
    free = area < 0.75  # where every ratio fits
    assert stats.kstest(ratio[free], stats.uniform(-reach, 2 * reach).cdf).pvalue > 0.01


def test_a_pixel_of_room_is_used_as_often_as_none():
    (top, tall), _ = RandomResizedCrop(least=0.9, stretch=1.0).boxes(4000, 20, 20, np.random.default_rng(0))
    assert set(tall) == {19, 20}
    places = np.bincount(top[tall == 19].astype(int))
    assert len(places) == 2
    assert stats.chisquare(places).pvalue > 0.01


def test_an_oblong_that_no_drawn_shape_fits_gives_its_largest_middle():
    boxes = RandomResizedCrop(least=1.0, stretch=1.25).boxes(3, 100, 300, np.random.default_rng(0))
    assert np.array(boxes).tolist() == [[[0] * 3, [100] * 3], [[87] * 3, [125] * 3]]
    boxes = RandomResizedCrop(least=1.0, stretch=1.25).boxes(3, 300, 100, np.random.default_rng(0))
    assert np.array(boxes).tolist() == [[[87] * 3, [125] * 3], [[0] * 3, [100] * 3]]


def test_the_whole_of_a_square_in_its_own_size_is_the_image():
    x = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(RandomResizedCrop(least=1.0, stretch=1.0)(x, np.random.default_rng(0)), x)
    assert torch.equal(RandomResizedCrop(size=16, least=1.0, stretch=1.0)(x.float(), np.random.default_rng(0)), x.float())


def test_a_flat_image_stays_flat():
    x = torch.full((50, 3, 20, 20), 77, dtype=torch.uint8)
    out = RandomResizedCrop(size=13)(x, np.random.default_rng(0))
    assert out.dtype == torch.uint8
    assert out.shape == (50, 3, 13, 13)
    assert (out == 77).all()


@pytest.mark.parametrize("out", [12, 24, 40])
def test_a_crop_is_resized_as_torch_does_alone(out):
    """Larger, equal and smaller than what is cut out."""
    x = torch.rand(30, 3, 32, 32)
    crop = RandomResizedCrop(size=out, least=0.2)
    (tops, talls), (lefts, wides) = crop.boxes(30, 32, 32, np.random.default_rng(4))
    made = crop(x, np.random.default_rng(4))
    for at, (t, h, le, w) in enumerate(zip(*(a.astype(int) for a in (tops, talls, lefts, wides)), strict=True)):
        cut = x[at : at + 1, :, t : t + h, le : le + w]
        alone = F.interpolate(cut, (out, out), mode="bilinear", antialias=True, align_corners=False)
        torch.testing.assert_close(made[at : at + 1], alone, rtol=0, atol=2e-6)


def test_bytes_differ_from_pillows_by_rounding_alone():
    x = torch.randint(0, 256, (20, 1, 40, 40), dtype=torch.uint8)
    crop = RandomResizedCrop(size=32)
    (tops, talls), (lefts, wides) = crop.boxes(20, 40, 40, np.random.default_rng(1))
    made = crop(x, np.random.default_rng(1))
    for at, (t, h, le, w) in enumerate(zip(*(a.astype(int) for a in (tops, talls, lefts, wides)), strict=True)):
        image = Image.fromarray(x[at, 0].numpy()).crop((le, t, le + w, t + h)).resize((32, 32), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(image).astype(int) - made[at, 0].numpy()).max() <= 1


def test_the_seed_decides_and_each_image_has_its_own_draw():
    x = torch.rand(1, 3, 24, 24).expand(8, 3, 24, 24)
    one, same, other = (RandomResizedCrop()(x, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len({image.numpy().tobytes() for image in one}) == 8


def test_images_that_lie_apart_do_not_mix():
    x = torch.arange(9.0)[:, None, None, None].expand(9, 2, 15, 15)
    out = RandomResizedCrop(size=10)(x, np.random.default_rng(0))
    torch.testing.assert_close(out, torch.arange(9.0)[:, None, None, None].expand(9, 2, 10, 10))


@pytest.mark.parametrize("field", ["least=0.0", "least=1.5", "stretch=0.9", "size=0"])
def test_fields_out_of_range_are_refused(field):
    name, value = field.split("=")
    with pytest.raises(SpecError, match=name):
        RandomResizedCrop(**{name: int(value) if name == "size" else float(value)})
