"""Masks of the Segment Anything family, through each model's own package and given weights.

SAM: Kirillov et al. 2023. MobileSAM: Zhang et al. 2023. SAM 2: Ravi et al. 2024.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.compat import prepare_torchvision, provide_nms
from grounding3d.errors import ConfigError, EncoderError
from grounding3d.extras import require
from grounding3d.features.base import Mask
from grounding3d.features.geometric_masks import GeometricMasks
from grounding3d.features.mask_depth_split import split_by_depth
from grounding3d.features.masks import MaskConfig
from grounding3d.features.towers import check_finite_weights

_SMALLEST_SIDE = 8
"""Images narrower than this, in pixels, show nothing to segment."""

_SAM2_CONFIGS = {
    f"{release}_hiera_{size}": f"configs/{release}/{release}_hiera_{size}.yaml"
    for release in ("sam2.1", "sam2")
    for size in ("t", "s", "b+", "l")
}


class _FamilyMasks:
    """Automatic masks of one package; a subclass says how its model is built.

    The package and the file are looked for at once; the weights are read with the first frame.
    The masks are those of the image alone, so a frame without depth has some too.

    Raises:
        ConfigError: no weights, no such file, or an unknown model.
        MissingDependencyError: the package is not installed.
    """

    source: str
    package: str
    models: Collection[str]

    def __init__(self, config: MaskConfig | None = None) -> None:
        self.config = config or MaskConfig(source=self.source)
        self._weights = self._find_weights()
        self._model = self._find_model(self._weights.name)
        self._modules = self._import()
        self._generator: Any = None

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        """Supports first where depth shows them, then what the model finds; these may overlap.

        Args:
            frame: its depth is used for supports and for `split_by_depth` alone.
            up_world: direction against gravity, for supports.
        """
        if min(frame.rgb.shape[:2]) < _SMALLEST_SIDE:
            return []
        found = as_masks(self._generate(frame.rgb), self.config)
        if self.config.split_by_depth:
            smallest = self.config.min_pixels
            found = [p for mask in found for p in split_by_depth(mask, frame.depth_m, smallest)]
        supports = self._supports(frame, up_world)
        return supports + [m for m in found if not any(_iou(m, s) > 0.5 for s in supports)]

    def _generate(self, rgb: np.ndarray) -> list[dict[str, Any]]:
        import torch

        if self._generator is None:
            self._generator = self._load()
        with torch.inference_mode():
            records: list[dict[str, Any]] = self._generator.generate(np.ascontiguousarray(rgb))
        return records

    def _supports(self, frame: RGBDFrame, up_world: np.ndarray | None) -> list[Mask]:
        if not self.config.geometric_supports:
            return []
        found = GeometricMasks(self.config).masks(frame, up_world)
        return [mask for mask in found if mask.kind == "support"]

    def _find_weights(self) -> Path:
        file = self.config.weights
        if file is None or not file.is_file():
            raise ConfigError(
                f"the mask source {self.source!r} needs a file of weights",
                expected="masks.weights",
                found="none" if file is None else f"no file {file}",
                hint=f"Download the weights of {' or '.join(self.models)} and add: "
                "--set masks.weights=FILE",
            )
        return file

    def _find_model(self, file: str) -> str:
        """The variant that is configured, else the one that the file's name holds."""
        name = self.config.model or next((m for m in self.models if self._hints(m, file)), None)
        if name not in self.models:
            raise ConfigError(
                f"the mask source {self.source!r} cannot tell the model of {file}",
                expected="masks.model one of " + ", ".join(self.models),
                found=repr(name) if name else "a file name that holds none of them",
            )
        assert name is not None
        return name

    def _hints(self, model: str, file: str) -> bool:
        return model in file

    def _import(self) -> ModuleType:
        prepare_torchvision()
        return require(self.package, purpose=f"the mask source {self.source!r}")

    def _load(self) -> Any:
        try:
            model = self._build()
        except Exception as error:  # torch, hydra and the packages raise each their own
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise EncoderError(
                f"the weights {self._weights} cannot be loaded as {self.source} {self._model}",
                found=" ".join(line.strip() for line in lines[:2])[:300],
                hint="Set masks.model to the variant that the file was trained as.",
            ) from error
        check_finite_weights(model.state_dict(), str(self._weights))
        return self._make_generator(model.to(self.config.device).eval())

    def _build(self) -> Any:
        return self._modules.sam_model_registry[self._model](checkpoint=str(self._weights))

    def _make_generator(self, model: Any) -> Any:
        provide_nms(require(f"{self.package}.automatic_mask_generator", purpose=self.source))
        return self._modules.SamAutomaticMaskGenerator(model, **self._options())

    def _options(self) -> dict[str, Any]:
        config = self.config
        options: dict[str, Any] = {"points_per_side": config.points_per_side}
        if config.min_quality is not None:
            options["pred_iou_thresh"] = config.min_quality
        if config.min_stability is not None:
            options["stability_score_thresh"] = config.min_stability
        return options


class SamMasks(_FamilyMasks):
    """SAM, through the package segment-anything."""

    source = "sam"
    package = "segment_anything"
    models = ("vit_b", "vit_l", "vit_h")


class MobileSamMasks(_FamilyMasks):
    """MobileSAM, through the package mobile_sam."""

    source = "mobile_sam"
    package = "mobile_sam"
    models = ("vit_t",)

    def _hints(self, model: str, file: str) -> bool:
        return True  # there is only one


class Sam2Masks(_FamilyMasks):
    """SAM 2 and 2.1 on single frames, through the package sam2."""

    source = "sam2"
    package = "sam2"
    models = _SAM2_CONFIGS

    def _hints(self, model: str, file: str) -> bool:
        return model in file.replace("base_plus", "b+")

    def _build(self) -> Any:
        from sam2.build_sam import build_sam2

        file, device = str(self._weights), self.config.device
        return build_sam2(
            _SAM2_CONFIGS[self._model], file, device=device, apply_postprocessing=False
        )

    def _make_generator(self, model: Any) -> Any:
        from sam2 import automatic_mask_generator as module

        provide_nms(module)
        return module.SAM2AutomaticMaskGenerator(model, **self._options())


def as_masks(records: Sequence[Mapping[str, Any]], config: MaskConfig) -> list[Mask]:
    """The packages' records as our masks, largest first.

    Those smaller than `min_pixels` and those that cover most of the image are dropped.

    Args:
        records: each with `segmentation` [H,W] bool and `predicted_iou`.
        config: limits of size.
    """
    masks = []
    for record in records:
        bits = np.asarray(record["segmentation"], bool)
        area = int(bits.sum())
        if config.min_pixels <= area <= config.max_image_share * bits.size:
            score = float(np.clip(np.nan_to_num(record["predicted_iou"]), 0, 1))
            masks.append(Mask.from_image(bits, "object", score))
    return sorted(masks, key=lambda mask: (-mask.area, mask.v0, mask.u0))


def _iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one image."""
    (av, au), (bv, bu) = a.window, b.window
    v0, v1 = max(av.start, bv.start), min(av.stop, bv.stop)
    u0, u1 = max(au.start, bu.start), min(au.stop, bu.stop)
    if v0 >= v1 or u0 >= u1:
        return 0.0
    inside_a = a.bits[v0 - a.v0 : v1 - a.v0, u0 - a.u0 : u1 - a.u0]
    inside_b = b.bits[v0 - b.v0 : v1 - b.v0, u0 - b.u0 : u1 - b.u0]
    common = int((inside_a & inside_b).sum())
    return common / (a.area + b.area - common)
