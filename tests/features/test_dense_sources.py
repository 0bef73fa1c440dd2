"""Every dense source keeps the contract; what each one puts into a cell; the disk cache."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_clip import make_tiny_clip

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ArrayError, ConfigError
from grounding3d.features.base import Mask
from grounding3d.features.crops import encode_masks
from grounding3d.features.dense_cache import CachedCells, drop_oldest
from grounding3d.features.dense_crops import choose_levels, pyramid
from grounding3d.features.dense_sources import DENSE, DenseConfig, make_dense_source
from grounding3d.features.encoders import load_encoder
from grounding3d.geometry.camera import Camera
from tests.factories import make_capture

NO_VECTORS = np.zeros((0, 24), np.float32)


def blank_frame(width: int, height: int, depth_m: float = 1.0) -> RGBDFrame:
    camera = Camera.from_focal(width, width, (width - 1) / 2, (height - 1) / 2, width, height)
    rgb = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    depth = np.full((height, width), depth_m, np.float32)
    return RGBDFrame(rgb, depth, camera, np.eye(4), 0)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory):
    return load_encoder(make_tiny_clip(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def frame() -> RGBDFrame:
    return make_capture(1)[0]


def some_masks(frame: RGBDFrame) -> list[Mask]:
    height, width = frame.depth_m.shape
    half = np.ones((height, max(width // 2, 1)), bool)
    return [Mask(0, 0, half), Mask(0, 0, np.ones((max(height // 3, 1),) * 2, bool)[:, :width])]


@pytest.mark.parametrize("masked", ["masks", "no masks"])
@pytest.mark.parametrize("size", [(160, 120), (33, 50), (1, 1), (7, 90)])
@pytest.mark.parametrize("depth_m", [1.0, 0.0])
@pytest.mark.parametrize("name", DENSE.names())
def test_every_source_keeps_the_contract(encoder, name: str, size, masked: str, depth_m: float):
    frame = blank_frame(*size, depth_m=depth_m)
    masks = some_masks(frame) if masked == "masks" else []
    vectors = encode_masks(encoder, frame.rgb, masks)
    source = make_dense_source(DenseConfig(source=name, cell_px=8, cache=False))
    cells = source.cells(encoder, frame, masks, vectors)
    again = source.cells(encoder, frame, masks, vectors)
    assert cells.cell_px == 8
    assert cells.index.shape == (-(-size[1] // 8), -(-size[0] // 8))
    assert cells.index.dtype == np.int32
    assert cells.vectors.dtype == cells.weight.dtype == np.float32
    assert cells.index.min() >= -1
    assert cells.index.max() < len(cells.vectors)
    assert 0 <= cells.weight.min() <= cells.weight.max() <= 1
    assert (cells.weight[cells.index < 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(cells.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(cells.index, again.index)
    np.testing.assert_allclose(cells.vectors, again.vectors, atol=1e-6)


def paint(encoder, frame: RGBDFrame, masks: list[Mask], cell_px: int = 4):
    vectors = np.eye(len(masks), 24, dtype=np.float32)
    config = DenseConfig(source="masks", cell_px=cell_px)
    return make_dense_source(config).cells(encoder, frame, masks, vectors)


def test_the_smaller_mask_wins_and_borders_count_for_less(encoder):
    frame = blank_frame(16, 8)
    table = Mask(0, 0, np.ones((8, 16), bool), "support")
    mug = Mask(3, 0, np.ones((4, 4), bool))
    for masks, big, small in (([table, mug], 0, 1), ([mug, table], 1, 0)):
        cells = paint(encoder, frame, masks)
        assert cells.index.tolist() == [[big, small, big, big], [big] * 4]
        assert cells.weight.tolist() == [[0.75, 0.75, 1, 1], [1] * 4]


def test_cells_at_the_border_are_measured_by_the_pixels_they_have(encoder):
    cells = paint(encoder, blank_frame(6, 5), [Mask(4, 4, np.ones((1, 2), bool))])
    assert cells.index.tolist() == [[-1, -1], [-1, 0]]
    assert cells.weight.tolist() == [[0, 0], [0, 1]]


def test_masks_that_cover_nothing_leave_no_features(encoder):
    cells = paint(encoder, blank_frame(16, 8), [Mask(3, 3, np.zeros((2, 2), bool))])
    assert (cells.index == -1).all()


def test_a_thousand_masks_are_painted(encoder):
    masks = [Mask(x % 60, x % 40, np.ones((4, 4), bool)) for x in range(1000)]
    vectors = np.tile(np.eye(1, 24, dtype=np.float32), (1000, 1))
    cells = make_dense_source(DenseConfig(source="masks")).cells(
        encoder, blank_frame(64, 48), masks, vectors
    )
    assert (cells.index >= 0).mean() > 0.5


def test_a_missing_vector_is_an_error(encoder, frame):
    with pytest.raises(ArrayError, match="one vector"):
        make_dense_source(DenseConfig(source="masks")).cells(
            encoder, frame, some_masks(frame), NO_VECTORS
        )


def test_patches_lie_where_the_image_shows_them(encoder):
    frame = blank_frame(64, 64)
    config = DenseConfig(source="patches", patch_scale=1.0, cell_px=16, cache=False)
    cells = make_dense_source(config).cells(encoder, frame, [], NO_VECTORS)
    assert cells.index.tolist() == np.arange(16).reshape(4, 4).tolist()
    np.testing.assert_allclose(cells.vectors.reshape(4, 4, -1), encoder.dense(frame.rgb))
    fine = DenseConfig(source="patches", patch_scale=2.0, cell_px=4, cache=False)
    assert len(make_dense_source(fine).cells(encoder, frame, [], NO_VECTORS).vectors) == 64


def test_crops_show_about_the_same_metres_near_and_far(encoder):
    frame = blank_frame(320, 240)
    config = DenseConfig(source="crops", crop_size_m=0.25)
    levels = pyramid(frame.rgb.shape[:2], config)
    sides = [level.side for level in levels]
    for depth_m in (0.6, 1.0, 2.0):
        at = replace(frame, depth_m=np.full_like(frame.depth_m, depth_m))
        chosen, weight = choose_levels(at, levels, config)
        metres = sides[chosen[0, 0]] * depth_m / 320
        assert 0.25 / 1.3 < metres < 0.25 * 1.3
        assert weight.min() > 0.75
    far, weight = choose_levels(blank_frame(320, 240, 50.0), levels, config)
    assert (far == 0).all()
    assert weight.max() < 0.2


def test_a_cells_crop_holds_the_cell_and_the_pyramid_the_image():
    config = DenseConfig(source="crops")
    for shape in ((240, 320), (1, 1), (37, 500)):
        for level in pyramid(shape, config):
            for starts, length in ((level.tops, shape[0]), (level.lefts, shape[1])):
                assert starts[0] == 0
                assert starts[-1] + level.side == length
                assert (np.diff(starts) <= level.side).all()


def test_crops_are_encoded_in_batches_and_only_where_needed(encoder, frame):
    seen: list[int] = []

    class Counting:
        dim, centre, spec = encoder.dim, None, "counting"

        def encode_image(self, crops):
            seen.append(len(crops))
            return encoder.encode_image(crops)

    config = DenseConfig(source="crops", cache=False)
    cells = make_dense_source(config).cells(Counting(), frame, [], NO_VECTORS)
    assert max(seen) <= 64
    assert sum(seen) == len(cells.vectors) == len(np.unique(cells.index))
    every = sum(len(x.tops) * len(x.lefts) for x in pyramid(frame.rgb.shape[:2], config))
    assert sum(seen) < every


def test_an_unknown_source_is_named():
    with pytest.raises(ConfigError, match="masks, crops, patches"):
        make_dense_source(DenseConfig(source="nothing", cache=False))


class Once:
    """A source that may be asked once a frame."""

    def __init__(self, config: DenseConfig) -> None:
        self.inner, self.calls = DENSE.load(config.source)(config), 0

    def cells(self, *args):
        self.calls += 1
        return self.inner.cells(*args)


def cached(folder: Path, **values) -> tuple[CachedCells, Once]:
    config = DenseConfig(**{"source": "patches", "cache_folder": folder, **values})
    once = Once(config)
    return CachedCells(once, config), once


def test_the_cache_gives_the_same_to_half_precision(encoder, frame, tmp_path: Path):
    source, once = cached(tmp_path)
    first = source.cells(encoder, frame, [], NO_VECTORS)
    second = source.cells(encoder, frame, [], NO_VECTORS)
    assert once.calls == 1
    np.testing.assert_array_equal(first.index, second.index)
    np.testing.assert_allclose(first.vectors, second.vectors, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(second.vectors, axis=1), 1, atol=1e-6)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".npz"]


def test_the_cache_tells_encoders_settings_and_frames_apart(encoder, frame, tmp_path: Path):
    def calls(encoder, frame, **values) -> int:
        source, once = cached(tmp_path / "cache", **values)
        source.cells(encoder, frame, [], NO_VECTORS)
        return once.calls

    assert calls(encoder, frame) == 1
    assert calls(encoder, frame, cache_limit_mb=5.0) == 0
    assert calls(encoder, frame, patch_scale=1.0) == 1
    assert calls(encoder, replace(frame, rgb=frame.rgb[::-1].copy())) == 1
    assert calls(encoder, replace(frame, frame_index=77)) == 0
    other = load_encoder(make_tiny_clip(tmp_path, seed=3))
    assert calls(other, frame) == 1


def test_masks_are_part_of_the_key_where_they_matter(encoder, frame, tmp_path: Path):
    source, once = cached(tmp_path, source="masks")
    masks = some_masks(frame)
    vectors = np.eye(2, 24, dtype=np.float32)
    source.cells(encoder, frame, masks, vectors)
    source.cells(encoder, frame, masks, vectors)
    source.cells(encoder, frame, masks[:1], vectors[:1])
    assert once.calls == 2


def test_a_damaged_file_is_worked_out_again(encoder, frame, tmp_path: Path):
    source, once = cached(tmp_path)
    source.cells(encoder, frame, [], NO_VECTORS)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    source.cells(encoder, frame, [], NO_VECTORS)
    assert once.calls == 2
    source.cells(encoder, frame, [], NO_VECTORS)
    assert once.calls == 2


def test_the_files_used_longest_ago_are_dropped(tmp_path: Path):
    for number in range(5):
        path = tmp_path / f"cells-{number}.npz"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - number, 1000 - number))
    drop_oldest(tmp_path, 250, keep=tmp_path / "cells-4.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells-0.npz", "cells-4.npz"]


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(encoder, frame, tmp_path: Path):
    (tmp_path / "file").write_text("")
    source, once = cached(tmp_path / "file")
    assert source.cells(encoder, frame, [], NO_VECTORS).index.size
    assert once.calls == 1


def test_there_is_no_dense_source_unless_one_is_named():
    assert make_dense_source() is None


def test_masks_are_not_cached_unless_asked_for(tmp_path: Path):
    assert not isinstance(make_dense_source(DenseConfig(source="masks")), CachedCells)
    assert isinstance(make_dense_source(DenseConfig(source="masks", cache=True)), CachedCells)
    folder = make_dense_source(DenseConfig(source="crops", cache_folder=tmp_path))
    assert isinstance(folder, CachedCells)
