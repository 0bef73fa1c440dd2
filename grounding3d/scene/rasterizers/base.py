"""What every rasteriser gives, and the raw parameters that training works on.

Image formation is that of Kerbl et al. 2023 with the constants of gsplat, so that the members agree
and other viewers show the same picture. For pixel p and the Gaussians i in front-to-back order of
their centres' depth:

    alpha_i(p) = min(0.999, opacity_i exp(-0.5 d^T (Sigma_i' + 0.3 I)^-1 d)),  d = p - mean2d_i
    w_i(p) = alpha_i(p) prod_{j<i} (1 - alpha_j(p))

An alpha below 1/255 is dropped; a pixel ends with the first Gaussian that would bring its
transmittance to 1e-4 or less, which does not count any more. Colour is max(0, SH(direction) + 0.5).
Gaussians whose centre is nearer than `NEAR_M` are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Gaussians

NEAR_M = 0.01  # nearer centres are not drawn
BLUR_PX2 = 0.3  # added to both variances of a projected Gaussian, pixels^2
MAX_ALPHA = 0.999
MIN_ALPHA = 1 / 255
MIN_TRANSMITTANCE = 1e-4


@dataclass(frozen=True, eq=False)
class SplatParameters:
    """Raw (unconstrained) Gaussians as optimised; float32 throughout.

    Attributes:
        means: [N,3] metres, world frame.
        wxyz: [N,4] quaternions of any norm but 0.
        log_scales: [N,3] natural logarithm of the standard deviations in metres.
        logits: [N] logit of the opacities.
        sh0: [N,3] constant spherical-harmonic coefficients.
        shN: [N,K,3] higher ones, K = 0, 3, 8 or 15.
    """

    means: np.ndarray
    wxyz: np.ndarray
    log_scales: np.ndarray
    logits: np.ndarray
    sh0: np.ndarray
    shN: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.means)
        for name, shape in {
            "means": (n, 3), "wxyz": (n, 4), "log_scales": (n, 3), "logits": (n,),
            "sh0": (n, 3), "shN": (n, None, 3),
        }.items():  # fmt: skip
            check_shape(getattr(self, name), shape, name)

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def from_gaussians(cls, gaussians: Gaussians) -> SplatParameters:
        """Raw parameters of activated Gaussians."""
        p = np.clip(gaussians.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
        return cls(
            means=gaussians.means.astype(np.float32),
            wxyz=gaussians.wxyz.astype(np.float32),
            log_scales=np.log(np.maximum(gaussians.scales, 1e-9)).astype(np.float32),
            logits=np.log(p / (1 - p)).astype(np.float32),
            sh0=gaussians.sh0.astype(np.float32),
            shN=gaussians.shN.astype(np.float32),
        )

    def activated(self) -> Gaussians:
        """The Gaussians these parameters stand for."""
        return Gaussians(
            means=self.means.copy(),
            wxyz=self.wxyz / np.linalg.norm(self.wxyz, axis=1, keepdims=True),
            scales=np.exp(self.log_scales),
            opacities=1 / (1 + np.exp(-self.logits)),
            sh0=self.sh0.copy(),
            shN=self.shN.copy(),
        )


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a camera sees.

    Attributes:
        rgb: [H,W,3] float32 colour over the background; may exceed 1.
        depth_m: [H,W] float32 expected depth along the optical axis, sum(w z) / sum(w); 0 where
            alpha is 0.
        alpha: [H,W] float32 sum of the weights.
        channels: [H,W,C] float32 sum of w times the Gaussians' channels (not divided by alpha),
            None unless asked for.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    alpha: np.ndarray
    channels: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Contributions:
    """How much each Gaussian adds to each cell of cell_px x cell_px pixels of an image.

    Cells are numbered row by row; those at the right and lower border may be incomplete.

    Attributes:
        cell_px: edge of a cell in pixels.
        grid: (rows, columns) of cells.
        cell: [M] int32 cell of each entry, not decreasing.
        gaussian: [M] int32 Gaussian of each entry; no pair of cell and Gaussian occurs twice.
        weight: [M] float32 sum of w over the cell's pixels, > 0.
    """

    cell_px: int
    grid: tuple[int, int]
    cell: np.ndarray
    gaussian: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class ImageGradients:
    """Derivatives of a scalar by a rendering's images; what is not given is zero.

    Attributes:
        rgb: [H,W,3] float32.
        depth_m: [H,W] float32, by the expected depth.
        alpha: [H,W] float32.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of the same scalar by what the image was made from.

    Attributes:
        parameters: by every raw parameter.
        pose: [6] by the twist (v, omega) in T_world_cam exp(v, omega): a motion of the camera in
            its own axes, metres and radians.
        means2d: [N,2] by the projected centres, pixels; what densification looks at.
    """

    parameters: SplatParameters
    pose: np.ndarray
    means2d: np.ndarray


class Rasterizer(Protocol):
    """Draws Gaussians. Poses are camera to world, OpenCV axes; a pixel's centre is an integer."""

    name: str

    def render(
        self,
        gaussians: Gaussians,
        camera: Camera,
        T_world_cam: np.ndarray,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
        channels: np.ndarray | None = None,
    ) -> Rendering:
        """Draw one view.

        Args:
            background: colour behind everything, in [0, 1].
            channels: [N,C] float32 further values to blend, such as features.
        """
        ...

    def contributions(
        self, gaussians: Gaussians, camera: Camera, T_world_cam: np.ndarray, *, cell_px: int = 8
    ) -> Contributions:
        """Every Gaussian's share of every cell of the image; `cell_px` divides 16 or is 1."""
        ...

    def gradients(
        self,
        parameters: SplatParameters,
        camera: Camera,
        T_world_cam: np.ndarray,
        image: ImageGradients,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Gradients:
        """The vector-Jacobian product of `render` (of the activated parameters)."""
        ...
