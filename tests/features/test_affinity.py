"""Affinity features of timm towers, and what sharpening does with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import ArrayError, EncoderError
from grounding3d.features.affinity import AFFINITIES, load_affinity, sharpen
from grounding3d.features.base import FeatureCells
from grounding3d.features.dense_sources import DenseConfig, make_dense_source
from tests.factories import make_capture

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (90, 120, 3), np.uint8)


def random_spec(folder: Path, arch: str = "test_vit", change=None) -> str:
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    state = timm.create_model(arch, num_classes=0).state_dict()
    if change is not None:
        change(state)
    save_file({k: v.contiguous() for k, v in state.items()}, str(folder / "w.safetensors"))
    return f"timm:{arch}@{folder / 'w.safetensors'}"


def test_the_table_has_timm():
    assert AFFINITIES.names() == ["timm"]


@pytest.mark.parametrize("shape", [(90, 120), (1, 1), (200, 20)])
def test_every_source_keeps_the_contract(tmp_path: Path, shape: tuple[int, int]):
    image = RNG.integers(0, 256, (*shape, 3), np.uint8)
    source = load_affinity(random_spec(tmp_path))
    grid = source.features(image)
    assert grid.ndim == 3
    assert grid.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(grid, axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(grid, source.features(image))


def test_the_grid_has_the_images_shape_and_a_patch_its_content(tmp_path: Path):
    grid = load_affinity(random_spec(tmp_path)).features(IMAGE)
    assert grid.shape[:2] == (14, 19)
    halves = np.zeros((90, 120, 3), np.uint8)
    halves[:, 60:] = 255
    grid = load_affinity(random_spec(tmp_path)).features(halves)
    inside, across = grid[5, 4] @ grid[9, 6], grid[5, 4] @ grid[9, 14]
    assert inside > across


def test_features_are_timms_own(tmp_path: Path):
    import timm

    spec = random_spec(tmp_path)
    source = load_affinity(spec)
    model = timm.create_model(
        "test_vit", num_classes=0, checkpoint_path=spec.partition("@")[2], dynamic_img_size=True
    ).eval()
    image = RNG.integers(0, 256, (224, 224, 3), np.uint8)
    found = source.features(image)
    mean, std = (torch.tensor(model.pretrained_cfg[k]).view(3, 1, 1) for k in ("mean", "std"))
    pixels = (torch.from_numpy(image).permute(2, 0, 1) / 255 - mean) / std
    with torch.inference_mode():
        tokens = model.forward_features(pixels[None])[0, model.num_prefix_tokens :]
    expected = torch.nn.functional.normalize(tokens, dim=-1).reshape(14, 14, -1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_dinov2s_own_architecture_is_known(tmp_path: Path):
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"not read before it is used")
    source = load_affinity(f"timm:vit_small_patch14_reg4_dinov2@{file}")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        source.features(IMAGE)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nothing:x", "timm:ARCH@FILE"),
        ("timm:vit_huge_of_nobody", "vit_.*dinov2"),
        ("timm:test_vit@/no/such/file", "/no/such/file"),
    ],
)
def test_a_wrong_spec_says_what_would_be_right(spec: str, message: str):
    with pytest.raises(EncoderError, match=message):
        load_affinity(spec)


def test_damaged_weights_are_an_error(tmp_path: Path):
    spec = random_spec(tmp_path, change=lambda s: s["norm.weight"].fill_(float("nan")))
    with pytest.raises(EncoderError, match=r"NaN.*norm\.weight"):
        load_affinity(spec).features(IMAGE)


def two_halves(noise: float) -> tuple[FeatureCells, np.ndarray, np.ndarray]:
    """Cells of two things side by side with noisy features, and clean affinity of them."""
    h, w = 12, 16
    truth = np.zeros((h, w, 8), np.float32)
    truth[:, :8, 0] = truth[:, 8:, 1] = 1
    noisy = truth + np.random.default_rng(1).normal(size=truth.shape).astype(np.float32) * noise
    noisy /= np.linalg.norm(noisy, axis=-1, keepdims=True)
    index = np.arange(h * w, dtype=np.int32).reshape(h, w)
    return FeatureCells(noisy.reshape(-1, 8), index, np.ones((h, w), np.float32), 8), truth, noisy


def test_sharpening_gathers_a_thing_and_parts_it_from_its_neighbour():
    cells, truth, noisy = two_halves(0.35)
    found = sharpen(cells, truth)
    after = found.vectors[found.index]
    assert (after * truth).sum(-1).mean() > (noisy * truth).sum(-1).mean() + 0.1
    blurred = sharpen(cells, np.ones((1, 1, 1), np.float32))
    edge = (slice(None), slice(6, 10))
    blind = blurred.vectors[blurred.index]
    assert (after * truth).sum(-1)[edge].mean() > (blind * truth).sum(-1)[edge].mean() + 0.05


def test_clean_features_stay_and_empty_cells_stay_empty():
    cells, truth, _ = two_halves(0.0)
    index = cells.index.copy()
    index[3:5, 2:4] = -1
    weight = np.where(index < 0, 0, cells.weight)
    found = sharpen(FeatureCells(cells.vectors, index, weight, 8), truth)
    assert ((found.index < 0) == (index < 0)).all()
    known = index >= 0
    np.testing.assert_allclose(found.vectors[found.index[known]], truth[known], atol=1e-5)
    np.testing.assert_array_equal(found.weight, weight)


def test_neighbours_count_by_their_weight():
    vectors = np.eye(2, dtype=np.float32)
    index = np.array([[0, 1]], np.int32)
    alike = np.ones((1, 2, 1), np.float32)
    found = sharpen(FeatureCells(vectors, index, np.array([[0.25, 1]], np.float32), 8), alike)
    np.testing.assert_allclose(found.vectors[0], np.array([0.25, 1]) / np.hypot(0.25, 1), atol=1e-6)


def test_nothing_to_sharpen():
    empty = FeatureCells(
        np.zeros((0, 8), np.float32), np.full((3, 4), -1, np.int32), np.zeros((3, 4), np.float32), 8
    )
    assert (sharpen(empty, np.ones((2, 2, 3), np.float32)).index == -1).all()
    with pytest.raises(ArrayError, match=r"\[h,w,C\]"):
        sharpen(empty, np.ones((2, 3), np.float32))


class Colours:
    """An encoder of which only `dense` is used: the mean colour of each 8x8 pixels."""

    spec, dim, centre, weights_sha256 = "colours", 3, None, "0"

    def dense(self, image: np.ndarray) -> np.ndarray:
        h, w = image.shape[0] // 8, image.shape[1] // 8
        cells = image[: 8 * h, : 8 * w].reshape(h, 8, w, 8, 3).mean(axis=(1, 3)) + 1.0
        return (cells / np.linalg.norm(cells, axis=-1, keepdims=True)).astype(np.float32)


def test_a_configuration_leads_to_it(tmp_path: Path):
    frame, spec = make_capture(1)[0], random_spec(tmp_path)
    nothing = np.zeros((0, 3), np.float32)
    plain = DenseConfig(source="patches", cell_px=8, cache=False)
    sharp = DenseConfig(source="patches", cell_px=8, cache_folder=tmp_path, affinity=spec)
    cells = make_dense_source(plain).cells(Colours(), frame, [], nothing)
    found = make_dense_source(sharp).cells(Colours(), frame, [], nothing)
    wanted = sharpen(cells, load_affinity(spec).features(frame.rgb))
    np.testing.assert_array_equal(found.index, wanted.index)
    np.testing.assert_allclose(found.vectors, wanted.vectors, atol=1e-6)
    assert np.abs(found.vectors - cells.vectors[cells.index[cells.index >= 0]]).max() > 0.01
    kept = make_dense_source(sharp).cells(Colours(), frame, [], nothing)  # from the disk
    np.testing.assert_allclose(kept.vectors, wanted.vectors, atol=1e-3)
    with pytest.raises(EncoderError, match="dino"):
        make_dense_source(DenseConfig(source="masks", affinity="dino:small"))
