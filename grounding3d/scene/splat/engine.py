"""What a training engine does: one optimisation step at a time on one device.

The trainer decides (which view, which rates, when to densify); the engine computes. There are two:
`native` (C++, no autograd) and `torch` (autograd over gsplat on CUDA, or over the reference
rasteriser). Both minimise, for one view with image C, rendered depth sums D = sum(w z), alpha A:

    loss = (1 - ssim) mean|g C + b - I| + ssim (1 - SSIM(g C + b, I))
         + depth mean_V rho(D - A Z) + coverage mean_V (1 - A)
         + needle mean_G max(0, s1 - s2 - log max_ratio)
         + opacity mean_G sigmoid(logit) + scale mean_G sum exp(log_scale)

with I the image in [0, 1], g and b the view's exposure (per channel), Z the measured depth, V the
pixels where it is known, s1 >= s2 >= s3 a Gaussian's log scales and G the Gaussians that were drawn
(projected inside the image). rho(e) = c (1 - exp(-|e| / c)), the L1 norm of small residuals that
lets go of outliers. The depth term is weighted by alpha instead of divided by it: it stays bounded
where little has been drawn. SSIM as in Wang et al. 2004 (11 x 11 window, sigma 1.5, K1 0.01, K2
0.03), over the pixels whose window lies inside the image; with `ssim_stride` s only rows
y = phase (mod s) are evaluated. Images smaller than 11 x 11 have no SSIM term.

Adam (Kingma and Ba 2015; beta 0.9 and 0.999, epsilon 1e-15) touches only Gaussians that were drawn,
each with a step count of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from grounding3d.geometry.camera import Camera
from grounding3d.scene.rasterizers.base import SplatParameters

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-15


@dataclass(frozen=True, eq=False)
class TrainView:
    """One training image at the resolution it is trained at.

    Attributes:
        rgb: [H,W,3] uint8.
        depth_m: [H,W] float32, 0 = unknown.
        camera: pinhole camera of that size.
        T_world_cam: [4,4] camera to world.
        exposure: [2,3] float32 gain and offset a channel, applied to the rendered colour.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    camera: Camera
    T_world_cam: np.ndarray
    exposure: np.ndarray


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms above; a term of weight 0 is not computed.

    Attributes:
        ssim: share of the structural term in the colour loss, 0 to 1.
        ssim_stride: every how many rows SSIM is evaluated.
        depth: per metre.
        depth_cutoff_m: c of rho, metres.
        coverage: of transparency where depth was measured.
        needle: of a longest axis over `max_ratio` times the second.
        max_ratio: see needle.
        opacity: of opacity (MCMC).
        scale: of size, per metre (MCMC).
    """

    ssim: float = 0.2
    ssim_stride: int = 1
    depth: float = 0.0
    depth_cutoff_m: float = 0.1
    coverage: float = 0.0
    needle: float = 0.0
    max_ratio: float = 4.0
    opacity: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True)
class LearningRates:
    """Adam's step size for every kind of parameter, in the parameter's own unit."""

    means: float
    wxyz: float
    log_scales: float
    logits: float
    sh0: float
    shN: float


@dataclass(frozen=True, eq=False)
class StepReport:
    """What one step saw, before its update.

    Attributes:
        loss: the whole loss.
        l1: mean absolute colour difference, exposure applied.
        mse: mean squared colour difference, exposure applied.
        ssim: mean SSIM, NaN where it was not computed.
        depth_m: mean |D - A Z| over V, metres; NaN without measured depth.
        drawn: number of Gaussians drawn.
        pose: [6] gradient by the twist of T_world_cam, see `Gradients.pose`.
        exposure: [2,3] gradient by the view's exposure.
    """

    loss: float
    l1: float
    mse: float
    ssim: float
    depth_m: float
    drawn: int
    pose: np.ndarray
    exposure: np.ndarray


@dataclass(frozen=True, eq=False)
class DensifyStatistics:
    """Sums since the last `edit` or `forget_statistics`.

    Attributes:
        gradient: [N] float32 sum over steps of the norm of the gradient by the projected centre,
            in half images (gsplat's unit: pixels' gradient times (W/2, H/2)).
        count: [N] int32 steps in which the Gaussian was drawn.
        radius: [N] float32 largest extent seen, as a share of the image's longer side.
    """

    gradient: np.ndarray
    count: np.ndarray
    radius: np.ndarray


@dataclass(frozen=True, eq=False)
class AdamState:
    """Moments beside the parameters, and each Gaussian's number of updates [N] int32."""

    first: SplatParameters
    second: SplatParameters
    steps: np.ndarray


class SplatEngine(Protocol):
    """Holds the parameters and Adam's state on its device; see the module's text for the loss."""

    name: str

    def load(self, parameters: SplatParameters, adam: AdamState | None = None) -> None:
        """Start from these; without `adam` all moments are zero."""
        ...

    def parameters(self) -> SplatParameters:
        """A copy of the parameters now."""
        ...

    def adam(self) -> AdamState:
        """A copy of Adam's state now."""
        ...

    def step(
        self,
        view: TrainView,
        weights: LossWeights,
        rates: LearningRates,
        *,
        sh_degree: int,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
        ssim_phase: int = 0,
    ) -> StepReport:
        """Render, differentiate and update once.

        Args:
            sh_degree: degree in use, at most that of the parameters; higher ones are left alone.

        Raises:
            TrainingError: the loss or a gradient is not finite; parameters are as before the step.
        """
        ...

    def statistics(self) -> DensifyStatistics:
        """A copy of the sums that densification looks at."""
        ...

    def forget_statistics(self) -> None:
        """Begin those sums anew."""
        ...

    def edit(self, keep: np.ndarray, added: SplatParameters) -> None:
        """Keep rows (indices, in this order; moments go along), append others (moments zero)."""
        ...

    def set_logits(self, logits: np.ndarray) -> None:
        """Replace all opacities' logits [N] and forget their moments."""
        ...

    def perturb(self, rate: float, seed: int) -> None:
        """MCMC noise (Kheradmand et al. 2024, eq. 9) on all means, scaled by `rate`.

        Each mean moves by rate * sigmoid(-100 (opacity - 0.005)) * Sigma eta, eta normal; the
        same seed gives the same noise on the same device.
        """
        ...
