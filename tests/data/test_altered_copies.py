"""Copies of forgotten images and texts are found although somebody altered them, and others are not taken for copies."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from untrain.core.metering import metered
from untrain.data import altered_copies as module
from untrain.data.altered_copies import alike_texts, altered_copies


def images(n, seed=0, side=32):
    """Images of blobs of several sizes, as uint8."""
    draw = torch.Generator().manual_seed(seed)
    layers = [F.interpolate(torch.rand(n, 3, size, size, generator=draw), size=side, mode="bilinear") for size in (4, 8, 16)]
    return (255 * torch.stack(layers).mean(0)).to(torch.uint8)


def shifted(x, across, down):
    padded = F.pad(x.float(), (6, 6, 6, 6))
    return padded[:, :, 6 + down : 38 + down, 6 + across : 38 + across]


def cropped(x, share):
    size = round(x.shape[2] * share)
    return F.interpolate(x[:, :, 1 : 1 + size, 2 : 2 + size].float(), size=x.shape[2], mode="bilinear", antialias=True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda x: shifted(x, 3, -2), lambda x: x.flip(3), lambda x: cropped(x, 0.85), lambda x: shifted(x.flip(3), -1, 4),
        lambda x: cropped(x.flip(3), 0.9) * 0.8 + 20,
    ],
    ids=["shifted", "mirrored", "cropped", "mirrored and shifted", "mirrored, cropped and brighter"],
)  # fmt: skip
def test_altered_copies_are_found_and_nothing_else_whichever_of_the_two_is_forgotten(alter):
    x = images(40)
    copies = alter(x[:3]).clamp(0, 255).to(torch.uint8)
    assert altered_copies(x[:3], torch.cat([x[3:], copies])).tolist() == [37, 38, 39]
    assert altered_copies(copies, x[:20]).tolist() == [0, 1, 2]
    assert altered_copies(x[:3], x[3:20]).tolist() == []


def test_images_of_one_colour_small_ones_and_rows_of_numbers_are_copies_of_nothing():
    assert altered_copies(torch.zeros(2, 1, 20, 20), torch.zeros(3, 1, 20, 20)).tolist() == []
    assert altered_copies(images(2, side=8), images(2, side=8).flip(3)).tolist() == []
    assert altered_copies(torch.rand(3, 5), torch.rand(3, 5)).tolist() == []


def test_what_would_take_too_long_is_not_looked_for_and_a_note_says_so(monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 3)
    with metered() as meter:
        assert altered_copies(images(2), images(2)).tolist() == []
    assert "are not looked for" in " ".join(meter.notes)


def test_texts_that_differ_in_how_they_are_typed_are_alike_and_empty_ones_are_not():
    assert alike_texts(["A good film.", "  "], ["a bad film", "¡A  GÓOD\nfilm!", "", "ﬁlm"]).tolist() == [1]
    assert np.array_equal(alike_texts(["Straße", "ﬁlm"], ["STRASSE", "film"]), [0, 1])


@pytest.mark.parametrize(("one", "other"), [("की", "का"), ("ガラス", "カラス"), ("ไม้", "ไม่")])
def test_texts_that_differ_in_a_vowel_a_voicing_or_a_tone_are_others(one, other):
    assert alike_texts([one], [other, one]).tolist() == [1]


def test_texts_that_differ_in_accents_and_points_are_alike():
    assert alike_texts(["naïve", "مُدَرِّس"], ["naive", "مدرس", "Naïve"]).tolist() == [0, 1, 2]
