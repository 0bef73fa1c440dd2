"""Projection of 3D Gaussians onto the image, in torch.

EWA splatting (Zwicker et al. 2001) as in Kerbl et al. 2023, with gsplat's constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grounding3d.geometry.camera import Camera
from grounding3d.scene.rasterizers.base import BLUR_PX2, MIN_ALPHA, NEAR_M

# The projection is linearised at most this share of the image's size outside the image.
LINEARISATION_MARGIN = 0.15


@dataclass(frozen=True, eq=False)
class GaussianTensors:
    """Activated Gaussians as tensors; quaternions of any norm. Fields as in `Gaussians`."""

    means: Tensor
    wxyz: Tensor
    scales: Tensor
    opacities: Tensor
    sh0: Tensor
    shN: Tensor

    def __len__(self) -> int:
        return len(self.means)

    def select(self, rows: Tensor) -> GaussianTensors:
        """The Gaussians at an index tensor."""
        return GaussianTensors(**{f: getattr(self, f)[rows] for f in self.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class Projection:
    """Gaussians in the image.

    Attributes:
        means2d: [N,2] projected centres, pixels.
        depth_m: [N] z of the centres.
        covariance: [N,3] xx, xy, yy of the blurred 2D covariance, pixels^2.
    """

    means2d: Tensor
    depth_m: Tensor
    covariance: Tensor

    @property
    def conics(self) -> Tensor:
        """[N,3] xx, xy, yy of the inverse covariance."""
        xx, xy, yy = self.covariance.unbind(-1)
        return torch.stack([yy, -xy, xx], -1) / (xx * yy - xy * xy)[:, None]


def rotation_matrices(wxyz: Tensor) -> Tensor:
    """Rotations [N,3,3] of quaternions [N,4], normalised here."""
    w, x, y, z = torch.nn.functional.normalize(wxyz, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def covariances(wxyz: Tensor, scales: Tensor) -> Tensor:
    """Covariances [N,3,3] in the world frame, metres^2."""
    M = rotation_matrices(wxyz) * scales[:, None, :]
    return M @ M.transpose(1, 2)


def project(gaussians: GaussianTensors, viewmat: Tensor, camera: Camera) -> Projection:
    """Project Gaussians, all in front of the camera, by `viewmat` [4,4] world to camera."""
    W = viewmat[:3, :3]
    x, y, z = (gaussians.means @ W.T + viewmat[:3, 3]).unbind(-1)
    means2d = torch.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], -1)
    JW = _jacobian(x, y, z, camera) @ W
    cov = JW @ covariances(gaussians.wxyz, gaussians.scales) @ JW.transpose(1, 2)
    blurred = torch.stack([cov[:, 0, 0] + BLUR_PX2, cov[:, 0, 1], cov[:, 1, 1] + BLUR_PX2], -1)
    return Projection(means2d, z, blurred)


def _jacobian(x: Tensor, y: Tensor, z: Tensor, camera: Camera) -> Tensor:
    """Derivative [N,2,3] of the pixel by the centre, taken near the image for centres far off it.

    gsplat clamps x/z to [-cx/fx - 0.3 tan, (W-cx)/fx + 0.3 tan] with tan = W/(2 fx), its pixel
    centres being at +0.5. That is a clamp of the pixel itself, and so free of the sign of fy.
    """
    tan_x = _clamped(x / z, camera.fx, camera.cx, camera.width)
    tan_y = _clamped(y / z, camera.fy, camera.cy, camera.height)
    zero = torch.zeros_like(z)
    du = torch.stack([camera.fx / z, zero, -camera.fx * tan_x / z], -1)
    dv = torch.stack([zero, camera.fy / z, -camera.fy * tan_y / z], -1)
    return torch.stack([du, dv], 1)


def _clamped(tan: Tensor, focal: float, centre: float, size: int) -> Tensor:
    margin = LINEARISATION_MARGIN * size
    pixel = (focal * tan + centre).clamp(-0.5 - margin, size - 0.5 + margin)
    return (pixel - centre) / focal


@torch.no_grad()
def drawn_radii(gaussians: GaussianTensors, viewmat: Tensor, camera: Camera) -> Tensor:
    """Half width and height [N,2] in pixels of the box outside which alpha is below 1/255.

    0 where a Gaussian is not drawn: nearer than `NEAR_M`, too transparent, or with a box that
    reaches no pixel's centre. (gsplat rounds the boxes up, and so draws a few more in vain.)
    """
    depth_m = gaussians.means @ viewmat[2, :3] + viewmat[2, 3]
    radii = torch.zeros_like(gaussians.means[:, :2])
    rows = ((depth_m >= NEAR_M) & (gaussians.opacities > MIN_ALPHA)).nonzero()[:, 0]
    seen = gaussians.select(rows)
    projection = project(seen, viewmat, camera)
    sigmas = (2 * (seen.opacities / MIN_ALPHA).log()).clamp(min=0).sqrt()
    radius = sigmas[:, None] * projection.covariance[:, [0, 2]].sqrt()
    last = radius.new_tensor([camera.width - 1, camera.height - 1])
    low, high = projection.means2d - radius, projection.means2d + radius
    inside = ((high >= 0) & (low <= last)).all(1)
    radii[rows[inside]] = radius[inside]
    return radii
