"""Views drawn from a stored NeRF: colour, certain depth, and language on a grid of cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from safetensors.numpy import save_file
from torch import Tensor

from grounding3d.features.dense_sources import cell_centres
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import pixel_corner_from_center
from grounding3d.nerf.export import StoredNerf
from grounding3d.nerf.world import NerfWorld


@dataclass(frozen=True, eq=False)
class DrawnView:
    """One view.

    Attributes:
        rgb: [h,w,3] uint8.
        depth_m: [h,w] float32 z in metres, 0 where there is no surface or its place is not sure.
        alpha: [h,w] float32 share of a surface in the pixel.
        sigma_m: [h,w] float32 spread of the surface along the ray, metres.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    alpha: np.ndarray
    sigma_m: np.ndarray


@dataclass(frozen=True, eq=False)
class LanguageCells:
    """Language of a view on square cells of the full frame.

    Attributes:
        vectors: [M,D] float16 unit vectors.
        cells: [ch,cw] int32 rows of them, -1 = none.
        weight: [ch,cw] float32 trust in [0, 1].
        cell_px: edge of a cell.
    """

    vectors: np.ndarray
    cells: np.ndarray
    weight: np.ndarray
    cell_px: int


@dataclass(frozen=True, eq=False)
class Selection:
    """What a scale is chosen by.

    Attributes:
        nouns: [V,D] unit vectors of what may be asked for.
        canonical: [C,D] unit vectors of phrases that fit anything.
        n_scales: sizes to choose among.
    """

    nouns: Tensor
    canonical: Tensor
    n_scales: int = 5


def rays_of(
    camera: Camera, T_world_cam: np.ndarray, world: NerfWorld, at: Tensor | None = None
) -> RayBundle:
    """nerfstudio's rays of a view.

    Args:
        camera: pixel centres at integers.
        T_world_cam: [4,4] OpenCV axes, metres.
        world: how the NeRF's space lies in the capture's.
        at: [n,2] (row, column) in pixels; None: all pixels, rays [h,w].
    """
    pose = torch.from_numpy(world.nerf_pose(T_world_cam).astype(np.float32))
    cameras = Cameras(
        camera_to_worlds=pose[None],
        fx=camera.fx,
        fy=camera.fy,
        cx=pixel_corner_from_center(camera.cx),
        cy=pixel_corner_from_center(camera.cy),
        width=camera.width,
        height=camera.height,
        camera_type=CameraType.PERSPECTIVE,
    )
    if at is None:
        return cameras.generate_rays(camera_indices=0, keep_shape=True)
    indices = torch.zeros(len(at), 1, dtype=torch.long)
    return cameras.generate_rays(camera_indices=indices, coords=at + 0.5)


@torch.inference_mode()
def draw_view(nerf: StoredNerf, camera: Camera, T_world_cam: np.ndarray) -> DrawnView:
    """Draw every pixel of a view."""
    rays = rays_of(camera, T_world_cam, nerf.world)
    out = nerf.model.get_outputs_for_camera_ray_bundle(rays)
    rgb = (out["rgb"].clamp(0, 1) * 255).round().to(torch.uint8)
    depth, alpha, sigma = (
        out[name][..., 0].float().cpu().numpy() for name in ("depth_m", "accumulation", "sigma_m")
    )
    return DrawnView(rgb.cpu().numpy(), depth, alpha, sigma)


@torch.inference_mode()
def draw_language(
    nerf: StoredNerf, camera: Camera, T_world_cam: np.ndarray, cell_px: int, selection: Selection
) -> LanguageCells:
    """Language at the middle of each cell of a full frame, at the scale that says most.

    LERF chooses, for a query, the scale at which its relevancy is largest. Before any query the
    same is done with all nouns that may be asked for: a cell takes the scale at which its best
    noun stands out most from the canonical phrases.
    """
    rows, columns = (cell_centres(n, cell_px) for n in (camera.height, camera.width))
    at = torch.from_numpy(np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)).float()
    model, device = nerf.model, nerf.model.device
    rays = rays_of(camera, T_world_cam, nerf.world, at.reshape(-1, 2)).to(device)
    model.render_language = True
    try:
        out = model(rays)
    finally:
        model.render_language = False
    assert model.language is not None
    depth_m, features = out["depth_m"][:, 0], out["language_features"]
    short = min(camera.width, camera.height) / camera.fx
    low, high = nerf.crop_shares
    best = torch.full_like(depth_m, -torch.inf)
    chosen = torch.zeros(len(depth_m), model.facts.language_dim, device=device)
    trust = torch.zeros_like(depth_m)
    for share in np.geomspace(low, high, selection.n_scales):
        found = model.language.decoded(features, depth_m * float(share * short))
        length = found.norm(dim=1)
        unit = found / length.clamp(min=1e-6)[:, None]
        margin = (unit @ selection.nouns.T).amax(dim=1) - (unit @ selection.canonical.T).amax(dim=1)
        better = margin > best
        best = torch.where(better, margin, best)
        chosen = torch.where(better[:, None], unit, chosen)
        trust = torch.where(better, length, trust)
    is_sure = depth_m > 0
    cells = torch.full((len(depth_m),), -1, dtype=torch.int32)
    cells[is_sure.cpu()] = torch.arange(int(is_sure.sum()), dtype=torch.int32)
    weight = (trust.clamp(0, 1) * out["accumulation"][:, 0] * is_sure).clamp(0, 1)
    shape = len(rows), len(columns)
    return LanguageCells(
        chosen[is_sure].half().cpu().numpy(),
        cells.reshape(shape).numpy(),
        weight.reshape(shape).cpu().numpy(),
        cell_px,
    )


def save_view(
    path: Path, view: DrawnView, camera: Camera, language: LanguageCells | None = None
) -> None:
    """Write a view as safetensors."""
    tensors = {
        "rgb": view.rgb,
        "depth_m": view.depth_m.astype(np.float32),
        "alpha": view.alpha.astype(np.float16),
        "sigma_m": np.minimum(view.sigma_m, 6e4).astype(np.float16),
        "K": np.asarray(camera.K, np.float64),
    }
    if language is not None:
        tensors["vectors"] = language.vectors
        tensors["cells"] = language.cells
        tensors["weight"] = language.weight.astype(np.float32)
        tensors["cell_px"] = np.array([language.cell_px], np.int64)
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, path)
