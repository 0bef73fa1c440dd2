"""The Segment Anything family with small random weights; skips where a package is missing.

Random weights find nothing sensible, but they run the packages' real code from file to masks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from grounding3d.compat import prepare_torchvision
from grounding3d.features.base import MaskSource
from grounding3d.features.masks import MASKS, MaskConfig

RANDOM_WEIGHTS = {
    "sam": ("segment_anything", "vit_b"),
    "mobile_sam": ("mobile_sam", "vit_t"),
    "sam2": ("sam2", "sam2.1_hiera_t"),
}
"""Source -> package and smallest model."""


def random_weights(name: str, folder: Path) -> Path:
    """A file of random weights of the smallest model."""
    import torch

    package, model = RANDOM_WEIGHTS[name]
    prepare_torchvision()
    module = pytest.importorskip(package, reason=f"{package} is not installed")
    file = folder / f"{model}.pt"
    torch.manual_seed(0)
    if name == "sam2":
        from sam2.build_sam import build_sam2

        built = build_sam2(f"configs/sam2.1/{model}.yaml", device="cpu")
        torch.save({"model": built.state_dict()}, file)
    else:
        torch.save(module.sam_model_registry[model]().state_dict(), file)
    return file


def random_source(name: str, folder: Path, **values: object) -> MaskSource:
    """The source, lenient enough to let random masks through."""
    options = {
        "source": name,
        "weights": random_weights(name, folder),
        "points_per_side": 2,
        "min_quality": -10.0,
        "min_stability": 0.0,
        "max_image_share": 1.0,
    }
    return MASKS.load(name)(MaskConfig(**{**options, **values}))
