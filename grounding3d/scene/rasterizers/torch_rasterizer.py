"""What the rasterisers in torch share: numpy in and out, and gradients by autograd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from grounding3d.checks import check_shape
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.arguments import check_channels, sh_degree_of
from grounding3d.scene.rasterizers.base import (
    Gradients,
    ImageGradients,
    Rendering,
    SplatParameters,
)
from grounding3d.scene.rasterizers.projection import GaussianTensors


@dataclass(frozen=True, eq=False)
class TorchView:
    """One view as the differentiable functions take it.

    Attributes:
        viewmat: [4,4] world to camera.
        camera: pinhole camera.
        background: [3] colour.
        sh_degree: degree of spherical harmonics in use.
    """

    viewmat: Tensor
    camera: Camera
    background: Tensor
    sh_degree: int


@dataclass(frozen=True, eq=False)
class Drawing:
    """A differentiable image.

    Attributes:
        rgb: [H,W,3] over the background.
        depth_sum: [H,W] sum of w z.
        alpha: [H,W] sum of w.
        channels: [H,W,C] sum of w times the channels, None unless asked for.
        means2d: [N,2] or, one camera, [1,N,2] projected centres: the very tensor of the graph, so
            that gradients by it exist.
        radii: [N,2] half size of the box that matters in pixels, 0 where not drawn.
    """

    rgb: Tensor
    depth_sum: Tensor
    alpha: Tensor
    channels: Tensor | None
    means2d: Tensor
    radii: Tensor

    @property
    def depth_m(self) -> Tensor:
        """[H,W] expected depth, 0 where nothing is."""
        some = self.alpha > 0
        return torch.where(some, self.depth_sum / torch.where(some, self.alpha, 1), 0)


class Draw(Protocol):
    """A differentiable rasteriser."""

    def __call__(
        self, gaussians: GaussianTensors, view: TorchView, channels: Tensor | None = None
    ) -> Drawing: ...


def raw_tensors(
    parameters: SplatParameters, device: str, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Copies of the raw parameters by name, not yet requiring gradients."""
    return {
        name: torch.tensor(getattr(parameters, name), device=device, dtype=dtype)
        for name in parameters.__dataclass_fields__
    }


def activate(raw: dict[str, Tensor]) -> GaussianTensors:
    """The Gaussians of raw tensors, differentiable."""
    return GaussianTensors(
        means=raw["means"],
        wxyz=raw["wxyz"],
        scales=raw["log_scales"].exp(),
        opacities=raw["logits"].sigmoid(),
        sh0=raw["sh0"],
        shN=raw["shN"],
    )


def moved_viewmat(T_world_cam: np.ndarray, twist: Tensor) -> Tensor:
    """Inverse of T_world_cam exp(twist) [4,4] to first order, for a twist (v, omega) of zero."""
    v, omega = twist[:3], twist[3:]
    viewmat = twist.new_tensor(invert_pose(np.asarray(T_world_cam, np.float64)))
    R, t = viewmat[:3, :3], viewmat[:3, 3]
    moved = torch.cat([R, t[:, None] - v[:, None]], 1)
    turned = torch.linalg.cross(omega[:, None].expand(3, 4), torch.cat([R, t[:, None]], 1), dim=0)
    return torch.cat([moved - turned, viewmat[3:]])


def gradients_by(scalar: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Derivatives of a scalar by each input, zeros where it does not depend on it."""
    if not scalar.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(scalar, inputs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def to_numpy(tensor: Tensor, dtype: type = np.float32) -> np.ndarray:
    """A copy on the host."""
    return tensor.detach().cpu().numpy().astype(dtype)


class TorchRasterizer:
    """Numpy border around a differentiable `draw`.

    Args:
        draw: the rasteriser.
        device: where the tensors live.
        dtype: their precision.
    """

    def __init__(self, draw: Draw, device: str, dtype: torch.dtype = torch.float32) -> None:
        self.draw = draw
        self.device = device
        self.dtype = dtype

    def tensors(self, gaussians: Gaussians) -> GaussianTensors:
        """Activated Gaussians on the device."""
        return GaussianTensors(
            **{
                name: self.tensor(getattr(gaussians, name))
                for name in gaussians.__dataclass_fields__
            }
        )

    def tensor(self, values: np.ndarray | Sequence[float]) -> Tensor:
        """A copy on the device."""
        return torch.tensor(values, device=self.device, dtype=self.dtype)

    def view(
        self,
        camera: Camera,
        T_world_cam: np.ndarray,
        background: tuple[float, float, float],
        sh_degree: int,
        twist: Tensor | None = None,
    ) -> TorchView:
        """A view on the device, moved by `twist` [6] where one is given."""
        if twist is None:
            twist = self.tensor(np.zeros(6))
        return TorchView(
            viewmat=moved_viewmat(check_shape(T_world_cam, (4, 4), "T_world_cam"), twist),
            camera=camera,
            background=self.tensor(background),
            sh_degree=sh_degree,
        )

    @torch.no_grad()
    def render(
        self,
        gaussians: Gaussians,
        camera: Camera,
        T_world_cam: np.ndarray,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
        channels: np.ndarray | None = None,
    ) -> Rendering:
        """See `Rasterizer.render`."""
        view = self.view(camera, T_world_cam, background, sh_degree_of(gaussians.shN.shape[1]))
        channels = check_channels(channels, len(gaussians))
        extra = None if channels is None else self.tensor(channels)
        drawing = self.draw(self.tensors(gaussians), view, extra)
        return Rendering(
            rgb=to_numpy(drawing.rgb),
            depth_m=to_numpy(drawing.depth_m),
            alpha=to_numpy(drawing.alpha),
            channels=None if drawing.channels is None else to_numpy(drawing.channels),
        )

    def gradients(
        self,
        parameters: SplatParameters,
        camera: Camera,
        T_world_cam: np.ndarray,
        image: ImageGradients,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Gradients:
        """See `Rasterizer.gradients`."""
        raw = raw_tensors(parameters, self.device, self.dtype)
        for tensor in raw.values():
            tensor.requires_grad_()
        twist = self.tensor(np.zeros(6)).requires_grad_()
        degree = sh_degree_of(parameters.shN.shape[1])
        view = self.view(camera, T_world_cam, background, degree, twist)
        drawing = self.draw(activate(raw), view)
        scalar = self.tensor(np.zeros(()))
        for name in ("rgb", "depth_m", "alpha"):
            output = getattr(drawing, name)
            weight = check_shape(getattr(image, name), tuple(output.shape), f"image.{name}")
            scalar = scalar + (output * output.new_tensor(weight)).sum()
        *by_raw, pose, means2d = gradients_by(scalar, [*raw.values(), twist, drawing.means2d])
        return Gradients(
            parameters=SplatParameters(**dict(zip(raw, map(to_numpy, by_raw), strict=True))),
            pose=to_numpy(pose),
            means2d=to_numpy(means2d.reshape(-1, 2)),
        )
