"""The `native` training engine: rasteriser, loss, gradients and Adam in C++ (folder cpp/)."""

from __future__ import annotations

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.errors import ArrayError, TrainingError
from grounding3d.scene.rasterizers.arguments import sh_degree_of
from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.rasterizers.core import contiguous, core_view, load_core
from grounding3d.scene.splat.engine import (
    AdamState,
    DensifyStatistics,
    LearningRates,
    LossWeights,
    StepReport,
    TrainView,
)


class NativeEngine:
    """See `SplatEngine`. Steps are bit-identical whatever the number of threads.

    Safe to read from another thread during a step: readers wait for the step to end. Memory: three
    floats for each parameter (14 a Gaussian, 59 with harmonics of degree 3) and one for the
    gradient of each one drawn, besides what `CpuRasterizer` and the loss need (16 planes).

    Args:
        instruction_set: one of `instruction_sets()` of the core; empty: the fastest.
    """

    name = "native"

    def __init__(self, instruction_set: str = "") -> None:
        self._core = load_core()
        self._trainer = self._core.Trainer(instruction_set)
        self._sh_rest = 0

    def load(self, parameters: SplatParameters, adam: AdamState | None = None) -> None:
        """Start from these parameters."""
        self._sh_rest = parameters.shN.shape[1]
        moments: list[list[np.ndarray]] = [[], []]
        steps = np.zeros(0, np.int32)
        if adam is not None:
            moments = [_arrays(adam.first), _arrays(adam.second)]
            steps = np.ascontiguousarray(adam.steps, np.int32)
        self._trainer.load(_arrays(parameters), *moments, steps)

    def parameters(self) -> SplatParameters:
        """A copy of the parameters."""
        return self._parameters(0)

    def adam(self) -> AdamState:
        """A copy of Adam's state."""
        return AdamState(self._parameters(1), self._parameters(2), self._trainer.steps())

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
        """One step, see `SplatEngine.step`."""
        camera = view.camera
        check_shape(view.rgb, (camera.height, camera.width, 3), "view.rgb")
        check_shape(view.depth_m, (camera.height, camera.width), "view.depth_m")
        if view.rgb.dtype != np.uint8:
            raise ArrayError(
                "view.rgb has the wrong type", expected="uint8", found=str(view.rgb.dtype)
            )
        available = sh_degree_of(self._sh_rest)
        loss, l1, mse, ssim, depth_m, drawn, pose, exposure, failure = self._trainer.step(
            core_view(camera, view.T_world_cam, background, min(sh_degree, available)),
            np.ascontiguousarray(view.rgb),
            *contiguous(view.depth_m, view.exposure),
            self._core.LossSettings(
                ssim=weights.ssim,
                ssim_stride=weights.ssim_stride,
                ssim_phase=ssim_phase % weights.ssim_stride,
                depth=weights.depth,
                depth_cutoff_m=weights.depth_cutoff_m,
                coverage=weights.coverage,
                needle=weights.needle,
                max_ratio=weights.max_ratio,
                opacity=weights.opacity,
                scale=weights.scale,
            ),
            self._core.AdamRates(**vars(rates)),
        )
        if failure:
            raise TrainingError(
                f"{failure} is not finite",
                found=f"loss {loss:g} with {drawn} Gaussians drawn",
                hint="The parameters are as before the step; lower the learning rates.",
            )
        return StepReport(loss, l1, mse, ssim, depth_m, drawn, pose.astype(np.float32), exposure)

    def statistics(self) -> DensifyStatistics:
        """A copy of the sums that densification looks at."""
        return DensifyStatistics(*self._trainer.statistics())

    def forget_statistics(self) -> None:
        """Begin those sums anew."""
        self._trainer.forget_statistics()

    def edit(self, keep: np.ndarray, added: SplatParameters) -> None:
        """Keep rows, append others; see `SplatEngine.edit`."""
        count = len(self._trainer.steps())
        keep = np.ascontiguousarray(keep, np.int64)
        if len(keep) and (keep.min() < 0 or keep.max() >= count):
            raise ArrayError("rows to keep do not exist", expected=f"0 to {count - 1}")
        check_shape(added.shN, (len(added), self._sh_rest, 3), "added.shN")
        self._trainer.edit(keep, _arrays(added))

    def set_logits(self, logits: np.ndarray) -> None:
        """Replace all opacities' logits and forget their moments."""
        check_shape(logits, (len(self._trainer.steps()),), "logits")
        self._trainer.set_logits(contiguous(logits)[0])

    def perturb(self, rate: float, seed: int) -> None:
        """MCMC noise, see `SplatEngine.perturb`."""
        self._trainer.perturb(rate, seed % 2**64)

    def _parameters(self, which: int) -> SplatParameters:
        means, wxyz, log_scales, logits, sh0, shN = self._trainer.arrays(which)
        return SplatParameters(
            means, wxyz, log_scales, logits[:, 0], sh0, shN.reshape(len(means), self._sh_rest, 3)
        )


def _arrays(p: SplatParameters) -> list[np.ndarray]:
    return contiguous(p.means, p.wxyz, p.log_scales, p.logits, p.sh0, p.shN)
