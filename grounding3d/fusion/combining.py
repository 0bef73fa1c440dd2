"""Two sets of features of the same Gaussians as one."""

from __future__ import annotations

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.errors import ArrayError
from grounding3d.fusion.base import NO_CODE, GaussianFeatures


def combined(first: GaussianFeatures, second: GaussianFeatures) -> GaussianFeatures:
    """The first one's codes where it has any, the second one's elsewhere.

    Objects' codes are sharper on objects; the language field also knows what lies between them.

    Args:
        first, second: of the same N Gaussians, of any number of codes each.

    Raises:
        ArrayError: they are of other Gaussians, other encoders, or have too many vectors together.
    """
    check_shape(second.codes, (len(first.codes), None), "the second codes")
    books = [b for b in (first.codebook, second.codebook) if len(b)]
    if len({book.shape[1] for book in books}) > 1:
        raise ArrayError(
            "features of two encoders cannot be combined",
            found=f"dimensions {' and '.join(str(book.shape[1]) for book in books)}",
        )
    offset = len(first.codebook)
    if offset + len(second.codebook) >= NO_CODE:
        raise ArrayError(
            "too many vectors for 16-bit codes", found=str(offset + len(second.codebook))
        )
    slots = max(first.codes.shape[1], second.codes.shape[1])
    codes, weights = _widened(first, slots)
    more, more_weights = _widened(second, slots)
    more = np.where(more == NO_CODE, NO_CODE, more + np.uint16(offset)).astype(np.uint16)
    has = (codes != NO_CODE).any(axis=1)
    return GaussianFeatures(
        np.concatenate(books) if books else first.codebook,
        np.where(has[:, None], codes, more),
        np.where(has[:, None], weights, more_weights),
        np.where(has, first.confidence, second.confidence),
    )


def _widened(features: GaussianFeatures, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and weights with empty slots added up to that number."""
    padding = ((0, 0), (0, slots - features.codes.shape[1]))
    codes = np.pad(features.codes, padding, constant_values=NO_CODE)
    return codes, np.pad(features.weights, padding)
