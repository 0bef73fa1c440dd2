"""Dense maps: the value path is what it claims to be, positions are interpolated, grids fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_clip import ARCHITECTURES, make_tiny_clip

from grounding3d.features.dense import dense_size, interpolate_positions
from grounding3d.features.encoders import load_encoder

RNG = np.random.default_rng(0)
SQUARE = RNG.integers(0, 256, (64, 64, 3), np.uint8)
STRIDES = {"tiny-vit": 8, "tiny-coca": 8, "tiny-sigmoid": 8, "tiny-swin": 8} | dict.fromkeys(
    ("tiny-attention-pool", "tiny-timm-vit"), 16
)


def tower(folder: Path, arch: str):
    encoder = load_encoder(make_tiny_clip(folder, arch))
    return encoder, encoder._image_side().module


def pixels(encoder, image: np.ndarray) -> torch.Tensor:
    return encoder.preprocess.batch([image], squash_to=encoder.preprocess.size)


def unit(x: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(x, dim=-1).detach().numpy()


def test_a_vits_map_is_the_value_path_of_its_last_attention(tmp_path: Path):
    encoder, visual = tower(tmp_path, "tiny-vit")
    x = visual._embeds(pixels(encoder, SQUARE))
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    values = last.ln_1(x) @ last.attn.in_proj_weight[64:].T + last.attn.in_proj_bias[64:]
    x = x + last.attn.out_proj(values)
    x = x + last.mlp(last.ln_2(x))
    expected = unit(visual.ln_post(x[0, 1:]) @ visual.proj).reshape(4, 4, -1)
    np.testing.assert_allclose(encoder.dense(SQUARE), expected, atol=1e-5)


def test_a_timm_vits_map_is_the_value_path_of_its_last_attention(tmp_path: Path):
    encoder, visual = tower(tmp_path, "tiny-timm-vit")
    trunk = visual.trunk
    x = trunk.norm_pre(trunk._pos_embed(trunk.patch_embed(pixels(encoder, SQUARE))))
    *blocks, last = trunk.blocks
    for block in blocks:
        x = block(x)
    width = x.shape[-1]
    qkv = last.attn.qkv
    values = last.norm1(x) @ qkv.weight[2 * width :].T + qkv.bias[2 * width :]
    x = x + last.ls1(last.attn.proj(values))
    x = x + last.ls2(last.mlp(last.norm2(x)))
    expected = unit(trunk.head(trunk.fc_norm(trunk.norm(x)))[0, 1:]).reshape(10, 10, -1)
    np.testing.assert_allclose(encoder.dense(SQUARE), expected, atol=1e-5)


def test_a_siglips_map_is_the_value_path_of_its_attention_pool(tmp_path: Path):
    encoder, visual = tower(tmp_path, "tiny-attention-pool")
    tokens = visual.trunk.forward_features(pixels(encoder, SQUARE))[0, 1:]
    pool = visual.trunk.attn_pool
    width = tokens.shape[-1]
    values = tokens @ pool.kv.weight[width:].T + pool.kv.bias[width:]
    x = pool.proj(values)
    x = x + pool.mlp(pool.norm(x))
    expected = unit(x).reshape(10, 10, -1)
    np.testing.assert_allclose(encoder.dense(SQUARE), expected, atol=1e-5)


@pytest.mark.parametrize("arch", ["tiny-convnext", "tiny-mobileclip"])
def test_a_convolutional_map_is_the_last_map_through_the_head(tmp_path: Path, arch: str):
    encoder, visual = tower(tmp_path, arch)
    last = visual.trunk.forward_features(pixels(encoder, SQUARE))
    dense = encoder.dense(SQUARE)
    assert dense.shape[:2] == tuple(last.shape[2:])
    alone = visual.head(visual.trunk.forward_head(last[:, :, 1:2, 0:1]))
    np.testing.assert_allclose(dense[1, 0], unit(alone)[0], atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_flat_image_looks_the_same_everywhere_and_as_a_whole(tmp_path: Path, scale: float):
    """Windows have neither absolute positions nor padding, at any size of the input."""
    flat = np.full((64, 64, 3), 130, np.uint8)
    encoder, _ = tower(tmp_path, "tiny-swin")
    dense, whole = encoder.dense(flat, scale), encoder.encode_image([flat])[0]
    np.testing.assert_allclose(dense, np.broadcast_to(whole, dense.shape), atol=2e-4)


def test_a_flat_image_without_positions_looks_the_same_everywhere(tmp_path: Path):
    encoder, visual = tower(tmp_path, "tiny-attention-pool")
    visual.trunk.pos_embed.zero_()
    dense = encoder.dense(np.full((64, 64, 3), 130, np.uint8), 1.5)
    assert dense.shape[:2] == (15, 15)
    np.testing.assert_allclose(dense, np.broadcast_to(dense[0, 0], dense.shape), atol=2e-4)


def test_a_resnets_map_is_the_value_path_of_its_pool(tmp_path: Path):
    """A pool that sees one place only, repeated, gives that place's value path."""
    encoder, visual = tower(tmp_path, "tiny-resnet")
    visual.attnpool.positional_embedding.zero_()
    features = visual.stem(pixels(encoder, SQUARE))
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        features = layer(features)
    one = features[:, :, 1:, :1].expand(-1, -1, 2, 2)
    dense = encoder.dense(SQUARE)
    assert dense.shape == (2, 2, encoder.dim)
    np.testing.assert_allclose(dense[1, 0], unit(visual.attnpool(one))[0], atol=1e-4)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_grid_follows_the_images_shape(tmp_path: Path, arch: str):
    encoder, _ = tower(tmp_path, arch)
    short = min(encoder.preprocess.size)
    stride = STRIDES.get(arch, 32)
    wide = RNG.integers(0, 256, (60, 120, 3), np.uint8)
    for image, scale, shape in (
        (wide, 1.0, (short, 2 * short)),
        (wide.transpose(1, 0, 2), 1.0, (2 * short, short)),
        (SQUARE, 2.0, (2 * short, 2 * short)),
        (SQUARE[:1, :1], 1.0, (short, short)),
        (RNG.integers(0, 256, (3, 900, 3), np.uint8), 1.0, (short, 4 * short)),
    ):
        grid = encoder.dense(image, scale)
        assert grid.shape == (shape[0] // stride, shape[1] // stride, encoder.dim)
        np.testing.assert_allclose(np.linalg.norm(grid, axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_dense_leaves_whole_images_as_they_were(tmp_path: Path, arch: str):
    encoder, _ = tower(tmp_path, arch)
    before, first = encoder.encode_image([SQUARE]), encoder.dense(SQUARE)
    encoder.dense(SQUARE, 2.0)
    np.testing.assert_allclose(encoder.encode_image([SQUARE]), before, atol=1e-5)
    np.testing.assert_allclose(encoder.dense(SQUARE), first, atol=1e-5)


@pytest.mark.parametrize("arch", ["tiny-vit", "tiny-attention-pool", "tiny-timm-vit"])
def test_a_larger_input_keeps_things_in_their_place(tmp_path: Path, arch: str):
    """At twice the size each place's nearest of the coarse map is found about where it was."""
    encoder, _ = tower(tmp_path, arch)
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32], image[32:, :32] = (255, 0, 0), (0, 0, 255)
    coarse, fine = encoder.dense(image), encoder.dense(image, 2.0)
    n = coarse.shape[0]
    for row, column in ((0, 0), (n - 1, 0), (n - 1, n - 1)):
        here = fine[2 * row, 2 * column]
        others = [coarse[r, c] @ here for r, c in ((0, 0), (n - 1, 0), (n - 1, n - 1))]
        assert int(np.argmax(others)) == [(0, 0), (n - 1, 0), (n - 1, n - 1)].index((row, column))


def test_positions_are_interpolated_not_scrambled():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(4.0), indexing="ij")
    ramp = torch.stack([rows, columns], -1).reshape(24, 2)
    positions = torch.cat([torch.full((1, 2), 9.0), ramp])
    assert interpolate_positions(positions, (6, 4), (6, 4)) is positions
    wide = interpolate_positions(positions, (6, 4), (12, 8))
    assert wide[0].tolist() == [9.0, 9.0]
    grid = wide[1:].reshape(12, 8, 2)
    inner = grid[3:-3, 3:-3]
    np.testing.assert_allclose(inner[1:, :, 0] - inner[:-1, :, 0], 0.5, atol=0.03)
    np.testing.assert_allclose(inner[:, 1:, 1] - inner[:, :-1, 1], 0.5, atol=0.03)


def test_a_tower_with_fixed_positions_keeps_its_size():
    class Fixed:
        class trunk:
            patch_embed = None

    assert dense_size(Fixed(), (32, 32), (10, 70), 2.0) == (32, 32)
