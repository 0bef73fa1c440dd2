"""How alike the places of an image are, by towers trained without text; sharpens dense features.

DINOv2's patch features (Oquab et al. 2023) follow the outlines of things far better than those of
towers trained on captions, so smoothing along them gathers a thing's cells and parts it from its
neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import ArrayError, ConfigError, EncoderError
from grounding3d.features.base import FeatureCells
from grounding3d.features.dense import dense_size
from grounding3d.features.hub import quick_hub
from grounding3d.features.open_clip_encoder import image_dtype
from grounding3d.features.preprocess import Preprocess
from grounding3d.features.towers import check_finite_weights
from grounding3d.registry import Registry

if TYPE_CHECKING:
    import torch

AFFINITIES = Registry(
    "affinity source",
    {"timm": "grounding3d.features.affinity:load_timm_affinity"},
    group="grounding3d.affinities",
)
"""Name -> `load(spec, device) -> AffinitySource`. The name is the SPEC up to its first colon."""


class AffinitySource(Protocol):
    """Features whose cosines say whether two places are of one thing."""

    def features(self, image: np.ndarray) -> np.ndarray:
        """[h,w,C] float32 unit vectors; the grid spans the whole uint8 image [H,W,3]."""
        ...


def load_affinity(spec: str, device: str = "cpu") -> AffinitySource:
    """The affinity source that `spec` names: `timm:ARCH` or `timm:ARCH@FILE`.

    Raises:
        EncoderError: no source, architecture or file of that name.
    """
    try:
        load = AFFINITIES.load(spec.partition(":")[0].strip())
    except ConfigError as error:
        raise EncoderError(
            f"unknown affinity source {spec!r}", expected="timm:ARCH or timm:ARCH@FILE"
        ) from error
    return cast(AffinitySource, load(spec, device))


def load_timm_affinity(spec: str, device: str = "cpu") -> TimmAffinity:
    """A ViT of timm, such as `timm:vit_small_patch14_dinov2`; its weights are read on first use.

    Raises:
        EncoderError: unknown architecture or file; later, weights that do not fit or an
            unreachable hub.
    """
    arch, at, file = spec.partition(":")[2].partition("@")
    prepare_torchvision()
    import timm

    if not timm.is_model(arch):
        near = timm.list_models(f"*{arch.partition('_')[0]}*dinov2*") or [
            "vit_small_patch14_dinov2"
        ]
        raise EncoderError(f"timm has no architecture {arch!r}", hint="For example " + near[0])
    if at and not Path(file).is_file():
        raise EncoderError(f"affinity source {spec!r}: there is no file {file}")
    return TimmAffinity(spec, arch, Path(file) if at else None, device)


class TimmAffinity:
    """Patch tokens of a timm ViT.

    Args:
        spec: for errors.
        arch: timm's name.
        file: weights; None: timm's pretrained ones, from the hub.
        device: torch device.
        scale: shorter side of the input, as a multiple of `base_px`.
        base_px: DINOv2 was trained at 518 pixels, which a robot need not spend.
    """

    def __init__(
        self,
        spec: str,
        arch: str,
        file: Path | None,
        device: str = "cpu",
        scale: float = 1.0,
        base_px: int = 224,
    ) -> None:
        self.spec = spec
        self._arch, self._file, self._device = arch, file, device
        self._scale, self._base_px = scale, base_px
        self._trunk: Any = None

    def features(self, image: np.ndarray) -> np.ndarray:
        """[h,w,C] float32 unit vectors; the grid spans the whole uint8 image [H,W,3]."""
        import torch

        trunk = self._load()
        base = (self._base_px, self._base_px)
        size = dense_size(_AsVisual(trunk), base, image.shape[:2], self._scale)
        batch = self._preprocess().batch([image], squash_to=size)
        with torch.inference_mode():
            tokens = trunk.forward_features(batch.to(self._device, image_dtype(self._device)))
        grid, patch = tokens[0, trunk.num_prefix_tokens :].float(), trunk.patch_embed.patch_size
        grid = torch.nn.functional.normalize(grid, dim=-1)
        return grid.reshape(size[0] // patch[0], size[1] // patch[1], -1).cpu().numpy()

    def _preprocess(self) -> Preprocess:
        config: Mapping[str, Any] = self._trunk.pretrained_cfg or {}
        names = ("mean", "std", "interpolation")
        return Preprocess.from_config({k: config[k] for k in names if config.get(k)})

    def _load(self) -> Any:
        if self._trunk is None:
            import timm

            try:
                with quick_hub():
                    trunk = timm.create_model(
                        self._arch,
                        pretrained=self._file is None,
                        checkpoint_path="" if self._file is None else str(self._file),
                        num_classes=0,
                        dynamic_img_size=True,
                    )
            except Exception as error:  # hub client, torch, safetensors, a tower without tokens
                text = str(error).strip() or type(error).__name__
                raise EncoderError(
                    f"the affinity source {self.spec!r} cannot be loaded",
                    found=text.splitlines()[0][:200],
                    hint=f"Without a network pass a file: timm:{self._arch}@/path/to.safetensors. "
                    "It must be a ViT's, without a classifier.",
                ) from error
            check_finite_weights(trunk.state_dict(), self.spec)
            dtype: torch.dtype = image_dtype(self._device)
            self._trunk = trunk.eval().requires_grad_(False).to(self._device, dtype)
        return self._trunk


class _AsVisual:
    """A bare timm tower in the place of open_clip's wrapper."""

    def __init__(self, trunk: Any) -> None:
        self.trunk = trunk


def sharpen(
    cells: FeatureCells,
    affinity: np.ndarray,
    *,
    radius: int = 2,
    temperature: float = 0.1,
    floor: float = 0.3,
) -> FeatureCells:
    """Smooth features over those neighbours that belong to the same thing.

    Each cell becomes the mean of its neighbourhood, weighted by exp((cosine - 1) / temperature)
    of the affinity features and by the neighbours' own weights. A cell without features stays
    without.

    Args:
        cells: of a frame.
        affinity: [h,w,C] unit vectors of the same frame, on any grid.
        radius: of the neighbourhood, cells.
        temperature: smaller is stricter.
        floor: neighbours with a lower cosine do not count.

    Returns:
        Cells on the same grid, each with a vector of its own.

    Raises:
        ArrayError: `affinity` is not [h,w,C].
    """
    if affinity.ndim != 3 or 0 in affinity.shape:
        raise ArrayError(
            "affinity has the wrong shape", expected="[h,w,C]", found=str(affinity.shape)
        )
    known = cells.index >= 0
    if not known.any():
        return cells
    alike = _resampled(affinity, cells.index.shape)
    weight = np.where(known, np.maximum(cells.weight, 1e-6), 0).astype(np.float32)
    own = cells.vectors[np.maximum(cells.index, 0)] * weight[..., None]
    total = np.zeros_like(own)
    for dv in range(-radius, radius + 1):
        for du in range(-radius, radius + 1):
            here, there = _overlap(own.shape[:2], dv, du)
            cosine = (alike[here] * alike[there]).sum(axis=-1)
            share = np.where(cosine < floor, 0, np.exp((cosine - 1) / temperature))
            total[here] += share[..., None].astype(np.float32) * own[there]
    length = np.linalg.norm(total, axis=-1)
    is_kept = known & (length > 1e-12)
    index = np.full(known.shape, -1, np.int32)
    index[is_kept] = np.arange(int(is_kept.sum()), dtype=np.int32)
    vectors = total[is_kept] / length[is_kept, None]
    return FeatureCells(vectors, index, np.where(is_kept, cells.weight, 0), cells.cell_px)


def _resampled(grid: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[h,w,C] nearest place of a grid that spans the same image."""
    rows = ((np.arange(shape[0]) + 0.5) * grid.shape[0] / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * grid.shape[1] / shape[1]).astype(int)
    return grid[rows[:, None], columns]


def _overlap(
    shape: tuple[int, ...], dv: int, du: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Windows of the cells that have a neighbour (dv, du) away, and of those neighbours."""
    h, w = shape[:2]
    here = slice(max(-dv, 0), max(h - max(dv, 0), 0)), slice(max(-du, 0), max(w - max(du, 0), 0))
    there = slice(max(dv, 0), max(h + min(dv, 0), 0)), slice(max(du, 0), max(w + min(du, 0), 0))
    return here, there
