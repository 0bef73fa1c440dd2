"""The records and protocols of features: encoders, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.checks import check_shape

PROBE_PHRASES = ("mug", "chair", "a red box", "plant", "keyboard", "table", "shoe", "window")
"""Phrases whose vectors identify an encoder; stored with every scene."""

CLIP_CANONICAL_PHRASES = ("object", "things", "stuff", "texture")
"""LERF's canonical phrases (Kerr et al. 2023, section 3.3)."""


class Encoder(Protocol):
    """Maps images and phrases into one space of unit vectors.

    Attributes:
        spec: the string that names this encoder, as in `--encoder`.
        dim: dimension D of the vectors.
        logit_scale: factor from cosine to logit.
        logit_bias: added to the logit (SigLIP), 0 where the model has none.
        canonical_phrases: what relevancy compares a query with.
        centre: [D] subtracted before normalising, None where vectors are used as they come.
    """

    spec: str
    dim: int
    logit_scale: float
    logit_bias: float
    canonical_phrases: tuple[str, ...]
    centre: np.ndarray | None

    def encode_image(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """[n,D] float32 unit vectors of n uint8 images [h,w,3] of any size."""
        ...

    def encode_text(self, phrases: Sequence[str]) -> np.ndarray:
        """[n,D] float32 unit vectors of n phrases; does not load the image side."""
        ...

    def dense(self, image: np.ndarray) -> np.ndarray:
        """[h,w,D] float32 unit vectors of image patches of a uint8 image [H,W,3]."""
        ...


@dataclass(frozen=True, eq=False)
class EncoderIdentity:
    """What a scene stores of the encoder it was built with, so that a query uses the same one.

    Attributes:
        spec: the encoder's name.
        dim: dimension D.
        preprocess: size, mean, std, interpolation of the image side, as JSON values.
        tokenizer: name and context length of the text side.
        centre: [D] or None.
        logit_scale, logit_bias: of the encoder.
        canonical_phrases: of the encoder.
        probes: [8,D] float32 vectors of `PROBE_PHRASES`.
        templates: sentences that a phrase is put into, `{}` alone where none are used.
        weights_sha256: hash of the weights' file, None where there is no such file. It says which
            file was used; what decides about sameness are the probes.
    """

    spec: str
    dim: int
    preprocess: dict[str, object]
    tokenizer: str
    centre: np.ndarray | None
    logit_scale: float
    logit_bias: float
    canonical_phrases: tuple[str, ...]
    probes: np.ndarray
    templates: tuple[str, ...] = ("{}",)
    weights_sha256: str | None = None


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Nouns with their text vectors in one encoder's space.

    Attributes:
        names: M nouns.
        vectors: [M,D] float32 unit vectors.
    """

    names: tuple[str, ...]
    vectors: np.ndarray


@dataclass(frozen=True, eq=False)
class Mask:
    """Pixels of one thing in one frame.

    Attributes:
        u0, v0: column and row of the top-left pixel of the mask's rectangle.
        bits: [h,w] bool inside that rectangle.
        kind: "object", or "support" for a plane that carries others (table, floor, shelf).
        score: the source's confidence in [0, 1].
    """

    u0: int
    v0: int
    bits: np.ndarray
    kind: Literal["object", "support"] = "object"
    score: float = 1.0

    def __post_init__(self) -> None:
        check_shape(self.bits, (None, None), "mask bits")

    @classmethod
    def from_image(
        cls, bits: np.ndarray, kind: Literal["object", "support"] = "object", score: float = 1.0
    ) -> Mask:
        """Mask from a full-size boolean image with at least one pixel set."""
        rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
        window = bits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return cls(int(columns[0]), int(rows[0]), window.copy(), kind, score)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.bits.sum())

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the mask's rectangle in an image [H,W]."""
        h, w = self.bits.shape
        return slice(self.v0, self.v0 + h), slice(self.u0, self.u0 + w)

    def touches_border(self, width: int, height: int, margin: int = 2) -> bool:
        """Whether the mask reaches the image's border, so that the thing may go on outside."""
        h, w = self.bits.shape
        return (
            self.u0 <= margin
            or self.v0 <= margin
            or self.u0 + w >= width - margin
            or self.v0 + h >= height - margin
        )


@dataclass(frozen=True, eq=False)
class FeatureCells:
    """Language features of one frame on a grid of square cells.

    Attributes:
        vectors: [n,D] float32 unit vectors; cells may share one, as all those of a mask do.
        index: [h,w] int32 row of `vectors` for each cell, -1 = none.
        weight: [h,w] float32 in [0, 1], how much each cell's vector is trusted.
        cell_px: edge of a cell in pixels; cell (i, j) starts at pixel (i cell_px, j cell_px).
    """

    vectors: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    cell_px: int

    def __post_init__(self) -> None:
        check_shape(self.vectors, (None, None), "vectors")
        check_shape(self.index, (None, None), "index")
        check_shape(self.weight, self.index.shape, "weight")


class MaskSource(Protocol):
    """Finds things in a frame without knowing what they are."""

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        """Masks of one frame; may overlap, may be empty.

        Args:
            frame: posed frame.
            up_world: direction against gravity in the frame's world, where known.
        """
        ...
