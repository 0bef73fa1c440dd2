"""Crops of masks: geometry, fill, and borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_clip import make_tiny_clip

from grounding3d.features.base import Mask
from grounding3d.features.crops import encode_masks, mask_crops
from grounding3d.features.encoders import load_encoder


def scene(u0: int, v0: int, w: int, h: int) -> tuple[np.ndarray, Mask]:
    rgb = np.full((120, 160, 3), (10, 20, 30), np.uint8)
    rgb[v0 : v0 + h, u0 : u0 + w] = (200, 0, 0)
    return rgb, Mask(u0, v0, np.ones((h, w), bool))


def test_crops_are_square_and_centred_with_a_margin():
    rgb, mask = scene(60, 50, 40, 20)
    context, alone = mask_crops(rgb, mask, margin=0.15)
    assert context.shape == alone.shape == (52, 52, 3)
    rows, columns = np.nonzero(context[:, :, 0] == 200)
    assert (rows.min(), rows.max()) == (16, 35)
    assert (columns.min(), columns.max()) == (6, 45)


def test_only_the_thing_is_left_in_the_second_crop():
    rgb, mask = scene(60, 50, 40, 20)
    bits = mask.bits.copy()
    bits[:, :10] = False
    _, alone = mask_crops(rgb, Mask(60, 50, bits), fill=(1, 2, 3))
    red = alone[:, :, 0] == 200
    assert red.sum() == bits.sum()
    assert (alone[~red] == (1, 2, 3)).all()


def test_a_mask_in_the_corner_is_padded():
    rgb, mask = scene(0, 0, 30, 10)
    context, alone = mask_crops(rgb, mask, fill=(9, 9, 9))
    assert context.shape == alone.shape == (39, 39, 3)
    assert (context[0, 0] == 9).all()


def test_a_mask_of_one_pixel_and_of_the_whole_image():
    for mask in (Mask(3, 4, np.ones((1, 1), bool)), Mask(0, 0, np.ones((120, 160), bool))):
        rgb, _ = scene(0, 0, 1, 1)
        context, alone = mask_crops(rgb, mask)
        assert context.shape == alone.shape
        assert context.shape[0] >= 2


def test_a_large_crop_is_thinned_to_every_nth_pixel():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for u0, v0, w, h in ((0, 0, 640, 480), (13, 7, 400, 91), (301, 202, 339, 278)):
        mask = Mask(u0, v0, rng.random((h, w)) < 0.5)
        whole, thinned = mask_crops(rgb, mask), mask_crops(rgb, mask, enough_px=100)
        step = len(whole[0]) // 100
        for a, b in zip(whole, thinned):
            np.testing.assert_array_equal(a[::step, ::step], b)


def test_one_vector_a_mask(tmp_path: Path):
    encoder = load_encoder(make_tiny_clip(tmp_path))
    rgb, mask = scene(60, 50, 40, 20)
    _, other = scene(10, 10, 15, 30)
    vectors = encode_masks(encoder, rgb, [mask, other])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[1], encode_masks(encoder, rgb, [other])[0], atol=1e-5)
    assert encode_masks(encoder, rgb, []).shape == (0, encoder.dim)
