"""What a model must know of its data, as nerfstudio's datasets carry it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class SceneFacts:
    """What a model must know of its data; travels in the dataset's metadata.

    Attributes:
        metres_per_unit: of nerfstudio's world.
        is_bounded: the scene box holds all that was seen.
        hit, free: [N,3] points of measured surfaces and of passed space, nerfstudio's world.
        language_dim: D, 0 without language.
        regulariser_dim: C of the regulariser's features, 0 without.
        language_mean: [D] mean vector of all crops, from which the language field starts.
    """

    metres_per_unit: float = 1.0
    is_bounded: bool = False
    hit: Tensor | None = None
    free: Tensor | None = None
    language_dim: int = 0
    regulariser_dim: int = 0
    language_mean: Tensor | None = None


FACTS = "grounding3d"
"""Key of `SceneFacts` in a dataset's metadata."""

WORLD = "grounding3d_world"
"""Key of the exact `NerfWorld` in a dataset's metadata; nerfstudio keeps it in single precision."""
