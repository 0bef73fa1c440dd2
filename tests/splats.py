"""Small sets of Gaussians, and a renderer that follows the definition pixel by pixel in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at
from grounding3d.scene.base import SH_C0, Gaussians
from grounding3d.scene.rasterizers.base import SplatParameters

SPLAT_CAMERA = Camera.from_focal(40, 38, 17.3, 11.6, 37, 23)  # odd sizes, off-centre


def splat_pose() -> np.ndarray:
    """A camera 2 m from the origin, slightly above and beside it."""
    return look_at(np.array([0.4, -2.0, 0.3]), np.zeros(3), np.array([0, 0, 1.0]))


def random_splats(
    count: int = 60, degree: int = 1, seed: int = 0, opacity_logit: float = 0.0
) -> SplatParameters:
    """Raw Gaussians of all shapes in a box of 1.6 m around the origin."""
    rng = np.random.default_rng(seed)
    raw = {
        "means": rng.uniform(-0.8, 0.8, (count, 3)),
        "wxyz": rng.normal(size=(count, 4)),
        "log_scales": rng.uniform(np.log(0.02), np.log(0.25), (count, 3)),
        "logits": rng.normal(opacity_logit, 1.5, count),
        "sh0": rng.normal(0, 1, (count, 3)),
        "shN": rng.normal(0, 0.3, (count, (degree + 1) ** 2 - 1, 3)),
    }
    return SplatParameters(**{name: value.astype(np.float32) for name, value in raw.items()})


def balls(
    means: np.ndarray,
    scale_m: float | np.ndarray,
    opacity: float | np.ndarray,
    rgb: np.ndarray | None = None,
) -> Gaussians:
    """Isotropic Gaussians of constant colour."""
    means = np.atleast_2d(np.asarray(means, np.float32))
    n = len(means)
    colours = np.full((n, 3), 0.5) if rgb is None else np.broadcast_to(rgb, (n, 3))
    return Gaussians(
        means=means,
        wxyz=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        scales=np.broadcast_to(np.reshape(scale_m, (-1, 1)), (n, 3)).astype(np.float32),
        opacities=np.broadcast_to(opacity, (n,)).astype(np.float32),
        sh0=((colours - 0.5) / SH_C0).astype(np.float32),
        shN=np.zeros((n, 0, 3), np.float32),
    )


def mirrored_in_y(gaussians: Gaussians) -> Gaussians:
    """The mirror image at the plane y = 0."""
    return replace(
        gaussians,
        means=gaussians.means * np.array([1, -1, 1], np.float32),
        wxyz=gaussians.wxyz * np.array([1, -1, 1, -1], np.float32),
    )


def render_by_hand(
    gaussians: Gaussians, camera: Camera, T_world_cam: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour [H,W,3], depth sums [H,W] and alpha [H,W] over black, in float64, degree 0 only."""
    T = invert_pose(T_world_cam)
    centres = gaussians.means.astype(np.float64) @ T[:3, :3].T + T[:3, 3]
    rotations = Rotation.from_quat(gaussians.wxyz[:, [1, 2, 3, 0]]).as_matrix()
    colours = np.maximum(gaussians.sh0.astype(np.float64) * SH_C0 + 0.5, 0)
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    rgb, depth = np.zeros((*u.shape, 3)), np.zeros(u.shape)
    transmittance, going = np.ones(u.shape), np.ones(u.shape, bool)
    for i in np.argsort(centres[:, 2], kind="stable"):
        x, y, z = centres[i]
        if z < 0.01:
            continue
        mean, cov = _footprint(x, y, z, T[:3, :3] @ rotations[i], gaussians.scales[i], camera)
        d = np.stack([u - mean[0], v - mean[1]], -1)
        mahalanobis = np.einsum("hwi,ij,hwj->hw", d, np.linalg.inv(cov), d)
        alpha = np.minimum(0.999, gaussians.opacities[i] * np.exp(-0.5 * mahalanobis))
        alpha[alpha < 1 / 255] = 0
        going &= (transmittance * (1 - alpha) > 1e-4) | (alpha == 0)
        weight = np.where(going, alpha * transmittance, 0)
        rgb += weight[..., None] * colours[i]
        depth += weight * z
        transmittance -= weight
    return rgb, depth, 1 - transmittance


def _footprint(
    x: float, y: float, z: float, R: np.ndarray, scales: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Projected centre [2] and blurred covariance [2,2]."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    # gsplat's limits, whose principal point counts from the image's corner; for fy < 0 mirrored
    tx = z * np.clip(x / z, *_limits(fx, cx + 0.5, camera.width))
    ty = z * np.clip(y / z, *sorted(_limits(fy, cy + 0.5, camera.height)))
    J = np.array([[fx / z, 0, -fx * tx / z**2], [0, fy / z, -fy * ty / z**2]])
    M = J @ R @ np.diag(scales.astype(np.float64))
    return np.array([fx * x / z + cx, fy * y / z + cy]), M @ M.T + 0.3 * np.eye(2)


def _limits(focal: float, centre: float, size: int) -> tuple[float, float]:
    tan = 0.5 * size / focal
    return -(centre / focal + 0.3 * tan), (size - centre) / focal + 0.3 * tan
