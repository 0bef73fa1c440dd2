"""Merging discs keeps the surface and saves discs."""

from __future__ import annotations

import numpy as np
import pytest
from training import builder_of, frames

from grounding3d.scene.base import SH_C0, Gaussians
from grounding3d.scene.splat.coarsening import coarsened


def sheet(colours: np.ndarray, tilt: float = 0.3) -> Gaussians:
    """Discs every centimetre on a tilted plane of 40 x 40 cm."""
    x, y = (v.ravel() for v in np.meshgrid(*[np.arange(0.005, 0.4, 0.01)] * 2))
    n, half = len(x), 0.5 * np.arctan(tilt)
    return Gaussians(
        means=np.stack([x, y, tilt * x], axis=1).astype(np.float32),
        wxyz=np.tile(np.array([np.cos(half), 0, -np.sin(half), 0], np.float32), (n, 1)),
        scales=np.tile(np.array([0.006, 0.006, 0.001], np.float32), (n, 1)),
        opacities=np.full(n, 0.9, np.float32),
        sh0=((np.broadcast_to(colours, (n, 3)) - 0.5) / SH_C0).astype(np.float32),
        shN=np.zeros((n, 0, 3), np.float32),
    )


@pytest.mark.parametrize("levels", [1, 2])
def test_an_even_plane_becomes_few_discs_on_it(levels: int) -> None:
    discs = sheet(np.array([0.2, 0.5, 0.8]))
    anchor = np.arange(len(discs), dtype=np.int32)
    merged, anchors = coarsened(discs, anchor, 0.01, levels)
    assert len(merged) == len(anchors) < 1.7 * len(discs) / 4**levels
    assert np.abs(merged.means[:, 2] - 0.3 * merged.means[:, 0]).max() < 1e-4
    normal = np.array([-0.3, 0, 1]) / np.hypot(0.3, 1)
    assert np.abs(merged.normals @ normal).min() > 0.999
    np.testing.assert_allclose(merged.rgb, np.tile([0.2, 0.5, 0.8], (len(merged), 1)), atol=1e-4)
    assert merged.scales[:, 2].max() < 0.002


def test_a_pattern_stays() -> None:
    colours = np.random.default_rng(0).random((1600, 3))
    merged, _ = coarsened(sheet(colours), np.zeros(1600, np.int32), 0.01, 2)
    assert len(merged) == 1600


def test_anchors_come_from_members() -> None:
    discs = sheet(np.array([0.5, 0.5, 0.5]))
    anchor = (discs.means[:, 0] > 0.2).astype(np.int32)
    merged, anchors = coarsened(discs, anchor, 0.01, 1)
    clear = np.abs(merged.means[:, 0] - 0.2) > 0.02
    np.testing.assert_array_equal(anchors[clear], (merged.means[clear, 0] > 0.2))


def test_training_may_start_from_merged_discs() -> None:
    full, merged = builder_of(frames()), builder_of(frames(), merge_levels=1)
    assert len(merged._sync().anchor) < 0.95 * len(full._sync().anchor)
    report = merged.finish().report
    assert report is not None
    assert report["held_out"]["psnr_db"] > report["held_out_before"]["psnr_db"]
