"""Views of a known field: conventions of pose, pixel and depth; certainty; storing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from grounding3d.errors import SceneError
from grounding3d.features.encoders import BUNDLED
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.nerf.export import load_nerf, save_nerf
from grounding3d.nerf.views import Selection, draw_language, draw_view, rays_of, save_view
from tests.nerf.scenes import CENTRE, FLOOR_M, floor_nerf, small_model

CAMERA = Camera.from_focal(60, 55, 33.0, 21.5, 64, 48)
EYE = CENTRE + np.array([0.3, -0.9, 1.4])
POSE = look_at(EYE, CENTRE + np.array([0.1, 0.2, 0]), np.array([0, 0, 1.0]))


def floor_depth(camera: Camera) -> np.ndarray:
    """Exact z of the floor in every pixel."""
    down = camera.rays.astype(np.float64) @ POSE[2, :3]
    return (FLOOR_M - EYE[2]) / down


def test_depth_is_z_along_the_optical_axis_in_metres() -> None:
    view = draw_view(floor_nerf(), CAMERA, POSE)
    known = view.depth_m > 0
    assert known.mean() > 0.95
    error = np.abs(view.depth_m - floor_depth(CAMERA))[known]
    assert np.median(error) < 0.005
    assert error.max() < 0.03


def test_colour_shows_the_place_that_depth_names() -> None:
    nerf = floor_nerf()
    view = draw_view(nerf, CAMERA, POSE)
    depth = floor_depth(CAMERA)
    points = CAMERA.backproject(depth.astype(np.float32)) @ POSE[:3, :3].T + POSE[:3, 3]
    unit = nerf.world.to_nerf(points)[..., :2] / 2 + 0.5
    assert np.abs(view.rgb[..., :2] / 255 - unit).mean() < 0.01


def test_a_larger_view_shows_the_same_scene() -> None:
    nerf = floor_nerf()
    large = CAMERA.resized(128, 96)
    error = np.abs(draw_view(nerf, large, POSE).depth_m - floor_depth(large))
    assert np.median(error) < 0.005


def test_what_is_spread_or_thin_has_no_depth() -> None:
    nerf = floor_nerf()
    nerf.model.field.sharpness = 4.0  # fog
    assert (draw_view(nerf, CAMERA, POSE).depth_m == 0).mean() > 0.9
    nerf = floor_nerf()
    nerf.model.field.height = -1.0  # nothing there
    view = draw_view(nerf, CAMERA, POSE)
    assert (view.depth_m == 0).all()
    assert view.alpha.max() < 0.05


def test_language_lies_where_there_is_a_surface() -> None:
    nerf = floor_nerf(dim=8)
    torch.manual_seed(1)
    selection = Selection(torch.eye(8)[:4], torch.eye(8)[4:6], 3)
    cells = draw_language(nerf, CAMERA, POSE, 10, selection)
    assert cells.cells.shape == (5, 7)
    assert (cells.cells >= 0).mean() > 0.9
    assert cells.cells.max() == len(cells.vectors) - 1
    lengths = np.linalg.norm(cells.vectors.astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=2e-3)
    assert ((cells.weight >= 0) & (cells.weight <= 1)).all()
    assert (cells.weight[cells.cells < 0] == 0).all()


def test_a_stored_nerf_draws_the_same_pictures(tmp_path: Path) -> None:
    nerf = small_model(dim=8)
    with torch.no_grad():  # something to see
        nerf.model.density_grid.log_density.normal_()
        for name, p in nerf.model.named_parameters():
            if "table" in name:
                p.normal_().div_(2)
    save_nerf(tmp_path, nerf, {"method": "test", "n_images": 3})
    once = load_nerf(tmp_path)
    before, after = draw_view(nerf, CAMERA, POSE), draw_view(once, CAMERA, POSE)
    assert np.abs(before.rgb.astype(int) - after.rgb).max() <= 2  # half precision
    folder = tmp_path / "again"
    folder.mkdir()
    save_nerf(folder, once, {"method": "test", "n_images": 3})
    again = draw_view(load_nerf(folder), CAMERA, POSE)
    np.testing.assert_array_equal(after.rgb, again.rgb)
    np.testing.assert_array_equal(after.depth_m, again.depth_m)
    assert once.encoder == BUNDLED
    assert once.model.facts == dataclasses.replace(nerf.model.facts)


def test_a_written_view_keeps_the_contract(tmp_path: Path) -> None:
    nerf = floor_nerf(dim=8)
    selection = Selection(torch.eye(8)[:4], torch.eye(8)[4:6], 2)
    language = draw_language(nerf, CAMERA, POSE, 16, selection)
    save_view(tmp_path / "v.safetensors", draw_view(nerf, CAMERA, POSE), CAMERA, language)
    arrays = load_file(tmp_path / "v.safetensors")
    shapes = {name: (a.shape, str(a.dtype)) for name, a in arrays.items()}
    assert shapes["rgb"] == ((48, 64, 3), "uint8")
    assert shapes["depth_m"] == ((48, 64), "float32")
    assert shapes["alpha"] == shapes["sigma_m"] == ((48, 64), "float16")
    assert shapes["cells"] == ((3, 4), "int32")
    assert shapes["vectors"][1] == "float16"
    np.testing.assert_array_equal(arrays["K"], CAMERA.K)


@pytest.mark.parametrize("damage", ["version", "weights", "missing", "json"])
def test_a_damaged_store_is_refused(damage: str, tmp_path: Path) -> None:
    save_nerf(tmp_path, small_model(), {"method": "test", "n_images": 3})
    record, weights = tmp_path / "nerf.json", tmp_path / "nerf.safetensors"
    if damage == "version":
        record.write_text(json.dumps({**json.loads(record.read_text()), "schema": 99}))
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "missing":
        weights.unlink()
    else:
        record.write_text("{")
    with pytest.raises(SceneError):
        load_nerf(tmp_path)


def test_language_does_not_bend_the_geometry() -> None:
    model = small_model(dim=8).model.train()
    rays = rays_of(CAMERA, POSE, small_model().world, torch.rand(40, 2) * 40)
    rays.metadata["language_size"] = torch.full((40, 1), 0.1)
    outputs = model(rays)
    wanted = torch.nn.functional.normalize(torch.randn(40, 8), dim=1)
    losses = model.get_loss_dict(outputs, {"image": torch.rand(40, 3), "language": wanted})
    losses["language_loss"].backward()
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert touched == {"language"}
