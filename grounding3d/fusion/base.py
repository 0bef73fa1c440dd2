"""The records that travel from frames to objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from grounding3d.fusion.evidence import Crop


@dataclass(frozen=True, eq=False)
class Segment:
    """One mask of one frame, lifted to 3D.

    Attributes:
        points: [n,3] float32 world, metres; the mask's surface, thinned to the fusion voxel.
        rgb: [n,3] uint8 colours of those points.
        embedding: [D] float32 unit vector, None for a mask that was not encoded.
        keyframe: index of the keyframe.
        kind: "object" or "support".
        n_pixels: pixels with depth.
        truncated: the mask reaches the image border.
        view_quality: weight in [0, 1] of this view for the embedding (size, sharpness, truncation).
        mask_index: row of the mask among those of its frame, -1 where unknown.
        crop: a small picture of it, None without.
    """

    points: np.ndarray
    rgb: np.ndarray
    embedding: np.ndarray | None
    keyframe: int
    kind: Literal["object", "support"]
    n_pixels: int
    truncated: bool
    view_quality: float
    mask_index: int = -1
    crop: Crop | None = None


@dataclass(frozen=True, eq=False)
class FusedSegment:
    """Segments of several frames that are one thing.

    Attributes:
        id: never reused within a map.
        kind: "object" or "support".
        points: [n,3] float32 world, one mean point a voxel that was seen often enough.
        counts: [n] int32 observations of each of those voxels.
        rgb: [n,3] uint8.
        embeddings: [V,D] float32 unit vectors of the views.
        view_quality: [V] float32 weights of the views, best first.
        view_keyframes: [V] int32 keyframes of the views.
        keyframes: [F] int32 indices of all keyframes it was seen in, ascending; F >= V where only
            the best views' embeddings are kept.
        crops: pictures of the best views that have one, best first.
        misfit_m: how far frames lay from it (root mean square of their medians), metres; 0 where
            nobody measured.
        body_id: of a support, the object that it is a face of: a shelf's board, a cabinet's top.
            None for a table, whose support is all of it.
    """

    id: int
    kind: Literal["object", "support"]
    points: np.ndarray
    counts: np.ndarray
    rgb: np.ndarray
    embeddings: np.ndarray
    view_quality: np.ndarray
    view_keyframes: np.ndarray
    keyframes: np.ndarray
    crops: tuple[Crop, ...] = ()
    misfit_m: float = 0.0
    body_id: int | None = None


NO_CODE = 0xFFFF
"""Index of an empty code slot."""


@dataclass(frozen=True, eq=False)
class GaussianFeatures:
    """Language features of N Gaussians as sparse codes over a codebook.

    A Gaussian's feature is the normalised weighted sum of its codes' vectors.

    Attributes:
        codebook: [K,D] float16 unit vectors.
        codes: [N,k] uint16 rows of the codebook, `NO_CODE` = none.
        weights: [N,k] float16, 0 where there is no code.
        confidence: [N] float16, 0 = never observed by the language side.
    """

    codebook: np.ndarray
    codes: np.ndarray
    weights: np.ndarray
    confidence: np.ndarray
