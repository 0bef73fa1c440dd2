"""Rendered views on the way back: exact on planes, nothing blended across edges, checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from grounding3d.errors import TrainingError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.scene.nerf.views import read_facts, read_view, read_views, resampled_depth
from tests.factories import UP

CAMERA = Camera.from_focal(200, 210, 81.2, 57.4, 160, 120)
SMALL = CAMERA.resized(40, 30)


def plane_depth(camera: Camera) -> np.ndarray:
    """Depth of the floor under an inclined camera."""
    T = look_at(np.array([0.0, -1.0, 1.2]), np.zeros(3), UP)
    rays = camera.rays.astype(float) @ T[:3, :3].T
    return (-T[2, 3] / rays[..., 2]).astype(np.float32)


def view_arrays() -> dict[str, np.ndarray]:
    depth_m = plane_depth(SMALL)
    return {
        "rgb": np.full((30, 40, 3), 9, np.uint8),
        "depth_m": depth_m,
        "alpha": np.ones((30, 40), np.float16),
        "K": SMALL.K,
    }


def test_a_plane_seen_small_is_the_same_plane_seen_large() -> None:
    large = resampled_depth(plane_depth(SMALL), SMALL.K, CAMERA)
    inner = np.s_[4:-4, 4:-4]  # beyond the outermost small pixels nothing is known
    np.testing.assert_allclose(large[inner], plane_depth(CAMERA)[inner], rtol=1e-5)


def test_across_an_edge_and_beside_nothing_depth_is_one_sides() -> None:
    small = np.full((30, 40), 1.0, np.float32)
    small[:, 20:], small[:5] = 2.0, 0.0
    assert set(np.unique(resampled_depth(small, SMALL.K, CAMERA))) == {0.0, 1.0, 2.0}


def test_a_view_is_read_with_unit_vectors(tmp_path: Path) -> None:
    language = {
        "vectors": np.array([[3, 4], [0, 2]], np.float16),
        "cells": np.array([[0, -1], [1, 1]], np.int32),
        "weight": np.ones((2, 2), np.float32),
        "cell_px": np.array([64], np.int32),
    }
    save_file({**view_arrays(), **language}, tmp_path / "00007.safetensors")
    view = read_view(tmp_path / "00007.safetensors")
    assert (view.number, view.cell_px, view.camera.width) == (7, 64, 40)
    np.testing.assert_allclose(view.vectors, [[0.6, 0.8], [0, 1]], atol=1e-3)
    assert view.depth_m.dtype == np.float32


def test_without_language_there_are_no_vectors(tmp_path: Path) -> None:
    save_file(view_arrays(), tmp_path / "00000.safetensors")
    assert len(next(read_views(tmp_path)).vectors) == 0


def test_what_is_not_finite_is_no_surface(tmp_path: Path) -> None:
    arrays = view_arrays()
    arrays["depth_m"][0, :3] = np.nan, np.inf, -1
    save_file(arrays, tmp_path / "00000.safetensors")
    assert not read_view(tmp_path / "00000.safetensors").depth_m[0, :3].any()


def test_damaged_results_are_told(tmp_path: Path) -> None:
    path = tmp_path / "00000.safetensors"
    for damage in ({"rgb": np.zeros((3, 3, 3), np.uint8)}, {"alpha": np.zeros((1, 1))}):
        save_file({**view_arrays(), **damage}, path)
        with pytest.raises(TrainingError, match="no view of a NeRF"):
            read_view(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(TrainingError, match="no view of a NeRF"):
        read_view(path)
    with pytest.raises(TrainingError, match=r"report\.json"):
        read_facts(tmp_path / "report.json")
