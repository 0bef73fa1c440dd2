"""Training engines in torch: autograd over the reference rasteriser, or over gsplat on CUDA."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from grounding3d.checks import check_shape
from grounding3d.errors import ArrayError, TrainingError
from grounding3d.scene.rasterizers.arguments import sh_degree_of
from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.rasterizers.cuda import CudaRasterizer
from grounding3d.scene.rasterizers.projection import covariances
from grounding3d.scene.rasterizers.reference import ReferenceRasterizer
from grounding3d.scene.rasterizers.torch_rasterizer import (
    Drawing,
    TorchRasterizer,
    activate,
    gradients_by,
    raw_tensors,
    to_numpy,
)
from grounding3d.scene.splat.engine import (
    AdamState,
    DensifyStatistics,
    LearningRates,
    LossWeights,
    StepReport,
    TrainView,
)
from grounding3d.scene.splat.lazy_adam import LazyAdam
from grounding3d.scene.splat.losses import Target, training_loss

_F = TypeVar("_F", bound=Callable[..., Any])


def _exclusive(method: _F) -> _F:
    """One call at a time: another thread may read the parameters while a step is running."""

    @wraps(method)
    def locked(self: TorchEngine, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked  # type: ignore[return-value]


class TorchEngine:
    """See `SplatEngine`; what the engines below share.

    Args:
        name: in the table of engines.
        rasterizer: draws differentiably, and says on which device and in which precision.
    """

    def __init__(self, name: str, rasterizer: TorchRasterizer) -> None:
        self.name = name
        self._rasterizer = rasterizer
        self._lock = threading.RLock()
        self._steps_done = 0
        nothing = {name: (0, *shape) for name, shape in _ROW_SHAPES.items()}
        self.load(SplatParameters(**{k: np.zeros(s, np.float32) for k, s in nothing.items()}))

    @_exclusive
    def load(self, parameters: SplatParameters, adam: AdamState | None = None) -> None:
        """Start from these; without `adam` all moments are zero."""
        sh_degree_of(parameters.shN.shape[1])
        self._raw = self._tensors(parameters)
        self._adam = LazyAdam(self._raw)
        if adam is not None:
            self._adam.first, self._adam.second = (
                self._tensors(adam.first),
                self._tensors(adam.second),
            )
            self._adam.steps = torch.tensor(adam.steps, dtype=torch.int64).to(self._adam.steps)
        self._steps_done = 0
        self.forget_statistics()

    @_exclusive
    def parameters(self) -> SplatParameters:
        """A copy of the parameters now."""
        return _arrays(self._raw)

    @_exclusive
    def adam(self) -> AdamState:
        """A copy of Adam's state now."""
        adam = self._adam
        return AdamState(_arrays(adam.first), _arrays(adam.second), to_numpy(adam.steps, np.int32))

    @_exclusive
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
        """Render, differentiate and update once; see `SplatEngine.step`."""
        target = self._target(view)
        sh_degree = min(sh_degree, sh_degree_of(self._raw["shN"].shape[1]))
        raw = {name: value.detach().requires_grad_() for name, value in self._raw.items()}
        twist = self._rasterizer.tensor(np.zeros(6)).requires_grad_()
        drawing = self._rasterizer.draw(
            activate(raw),
            self._rasterizer.view(view.camera, view.T_world_cam, background, sh_degree, twist),
        )
        loss = training_loss(drawing, raw, target, weights, ssim_phase)
        inputs = {**raw, "pose": twist, "exposure": target.exposure, "means2d": drawing.means2d}
        found = gradients_by(loss.total, list(inputs.values()))
        gradients = dict(zip(inputs, found, strict=True))
        self._check_finite(loss.total, gradients)
        drawn = drawing.radii.any(1)
        self._adam.update(
            self._raw, gradients, drawn.nonzero()[:, 0], rates, (sh_degree + 1) ** 2 - 1
        )
        self._add_statistics(drawing, drawn, gradients["means2d"], view)
        self._steps_done += 1
        return StepReport(
            loss=float(loss.total.detach()),
            l1=loss.l1,
            mse=loss.mse,
            ssim=loss.ssim,
            depth_m=loss.depth_m,
            drawn=int(drawn.sum()),
            pose=to_numpy(gradients["pose"]),
            exposure=to_numpy(gradients["exposure"]),
        )

    @_exclusive
    def statistics(self) -> DensifyStatistics:
        """A copy of the sums that densification looks at."""
        return DensifyStatistics(
            gradient=to_numpy(self._gradient),
            count=to_numpy(self._count, np.int32),
            radius=to_numpy(self._radius),
        )

    @_exclusive
    def forget_statistics(self) -> None:
        """Begin those sums anew."""
        logits = self._raw["logits"]
        self._gradient = torch.zeros_like(logits)
        self._count = torch.zeros_like(logits)
        self._radius = torch.zeros_like(logits)

    @_exclusive
    def edit(self, keep: np.ndarray, added: SplatParameters) -> None:
        """Keep rows (indices, in this order; moments go along), append others (moments zero)."""
        count = len(self._raw["means"])
        keep = np.asarray(keep, np.int64)
        if len(keep) and (keep.min() < 0 or keep.max() >= count):
            raise ArrayError(
                "rows to keep do not exist",
                expected=f"0 to {count - 1}",
                found=f"{keep.min()} to {keep.max()}",
            )
        check_shape(added.shN, (len(added), self._raw["shN"].shape[1], 3), "added.shN")
        rows = torch.from_numpy(keep).to(self._rasterizer.device)
        for name, value in self._tensors(added).items():
            self._raw[name] = torch.cat([self._raw[name][rows], value])
        self._adam.keep(rows, len(added))
        self.forget_statistics()

    @_exclusive
    def set_logits(self, logits: np.ndarray) -> None:
        """Replace all opacities' logits [N] and forget their moments."""
        check_shape(logits, tuple(self._raw["logits"].shape), "logits")
        self._raw["logits"] = self._rasterizer.tensor(logits)
        self._adam.forget("logits")

    @_exclusive
    def perturb(self, rate: float, seed: int) -> None:
        """MCMC noise on all means (Kheradmand et al. 2024, eq. 9); see `SplatEngine.perturb`."""
        gaussians = activate(self._raw)
        generator = torch.Generator(self._rasterizer.device).manual_seed(seed % 2**63)
        noise = torch.empty_like(gaussians.means).normal_(generator=generator)
        sigma = covariances(gaussians.wxyz, gaussians.scales)
        share = torch.sigmoid(-100 * (gaussians.opacities - 0.005))
        moves = (sigma @ noise[:, :, None])[:, :, 0]
        self._raw["means"] = gaussians.means + rate * share[:, None] * moves

    def _tensors(self, parameters: SplatParameters) -> dict[str, Tensor]:
        return raw_tensors(parameters, self._rasterizer.device, self._rasterizer.dtype)

    def _target(self, view: TrainView) -> Target:
        size = (view.camera.height, view.camera.width)
        check_shape(view.rgb, (*size, 3), "view.rgb")
        check_shape(view.depth_m, size, "view.depth_m")
        check_shape(view.exposure, (2, 3), "view.exposure")
        if view.rgb.dtype != np.uint8:
            raise ArrayError(
                "view.rgb has the wrong type", expected="uint8", found=str(view.rgb.dtype)
            )
        tensor = self._rasterizer.tensor
        return Target(
            rgb=tensor(view.rgb) / 255,
            depth_m=tensor(view.depth_m),
            exposure=tensor(view.exposure).requires_grad_(),
        )

    def _check_finite(self, loss: Tensor, gradients: dict[str, Tensor]) -> None:
        causes = ["the loss"] if not torch.isfinite(loss) else []
        causes += [
            f"the gradient of {name}" for name, g in gradients.items() if not g.isfinite().all()
        ]
        if causes:
            raise TrainingError(
                f"step {self._steps_done + 1} of training is not finite",
                found=f"loss {float(loss.detach()):g}; {', '.join(causes)}",
                hint="The parameters are as before the step; lower the learning rates.",
            )

    @torch.no_grad()
    def _add_statistics(
        self, drawing: Drawing, drawn: Tensor, means2d: Tensor, view: TrainView
    ) -> None:
        half_image = means2d.new_tensor([view.camera.width / 2, view.camera.height / 2])
        self._gradient += (means2d.reshape(-1, 2) * half_image).norm(dim=1) * drawn
        self._count += drawn
        longer = max(view.camera.width, view.camera.height)
        self._radius = torch.maximum(self._radius, drawing.radii.amax(1) / longer)


_ROW_SHAPES: dict[str, tuple[int, ...]] = {
    "means": (3,), "wxyz": (4,), "log_scales": (3,), "logits": (), "sh0": (3,), "shN": (0, 3),
}  # fmt: skip


def _arrays(raw: dict[str, Tensor]) -> SplatParameters:
    return SplatParameters(**{name: to_numpy(value) for name, value in raw.items()})


class ReferenceEngine(TorchEngine):
    """Autograd over the reference rasteriser, on the CPU: slow, for checks.

    Args:
        dtype: precision of everything.
    """

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__("reference", ReferenceRasterizer(dtype))


class GsplatEngine(TorchEngine):
    """Autograd over gsplat, on CUDA.

    Raises:
        MissingDependencyError: it cannot run here; says what to install.
    """

    def __init__(self) -> None:
        super().__init__("gsplat", CudaRasterizer())
