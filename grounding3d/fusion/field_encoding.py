"""From sums of codes to one or a few codes a Gaussian, over a codebook of their mean features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix, diags_array, hstack

from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.code_sums import CodeSums
from grounding3d.fusion.codebook import Codebook
from grounding3d.fusion.field_config import FieldConfig

_PART = 16384  # Gaussians whose features exist at a time
_ENERGY = 0.9995  # of the vectors, that their basis holds
_MOST_DIRECTIONS = 64
_LEAST_SHARE = 0.02  # further codes that weigh less are left out
_TYPICAL_SAMPLE = 512


def no_features(count: int, slots: int) -> GaussianFeatures:
    """Features of Gaussians that no language was seen on."""
    return GaussianFeatures(
        np.zeros((0, 0), np.float16),
        np.full((count, slots), NO_CODE, np.uint16),
        np.zeros((count, slots), np.float16),
        np.zeros(count, np.float16),
    )


def encode_sums(
    sums: CodeSums,
    vectors: np.ndarray,
    config: FieldConfig,
    things: GaussianFeatures | None = None,
) -> GaussianFeatures:
    """Codes of each Gaussian's mean feature, after its majority has been favoured.

    The means are clustered in the few directions that hold the vectors' variety, a part at a
    time, so that no array of N x D exists; a code's vector is the mean of its Gaussians' features
    in all D dimensions.

    Args:
        sums: of N Gaussians; weakened in place.
        vectors: [U,D] float32 unit vectors of the summed codes.
        things: features of the same Gaussians by the things they lie on; where there are both,
            they count `config.things_share`.
    """
    least = typical_cosine(vectors)
    least += config.majority_cosine * (1 - least)
    share = sums.favour_majority(least, config.minority_weight)
    mixtures = _mixtures(sums.codes, sums.weights, len(vectors))
    sure = share * sums.seen / (sums.seen + config.half_sure_views)
    if things is not None and len(things.codebook):
        vectors = np.concatenate([vectors, things.codebook.astype(np.float32)])
        mixtures = _mixed(mixtures, things, config.things_share)
        sure = np.maximum(sure, things.confidence)
    rows = np.flatnonzero(np.diff(mixtures.indptr))
    if not len(rows):
        return no_features(len(share), config.codes)
    basis = _basis(vectors)
    book = Codebook(config.result)
    short = vectors @ basis
    first = np.concatenate([book.add(f) for f in _features(mixtures[rows], short)])
    code = book.rows[first]
    used, code = np.unique(code, return_inverse=True)
    means = _member_means(mixtures[rows], code, len(used), vectors)
    codes = np.full((len(share), config.codes), NO_CODE, np.uint16)
    weights = np.zeros((len(share), config.codes), np.float16)
    codes[rows, 0], weights[rows, 0] = code, 1
    if config.codes > 1:
        parts = _features(mixtures[rows], short)
        _pursue(parts, means @ basis, codes, weights, rows)
    return GaussianFeatures(means.astype(np.float16), codes, weights, sure.astype(np.float16))


def typical_cosine(vectors: np.ndarray) -> float:
    """Median cosine between two of the vectors: what "nothing in common" looks like."""
    if len(vectors) < 2:
        return 0.0
    chosen = vectors[:: -(-len(vectors) // _TYPICAL_SAMPLE)]
    cosines = (chosen @ chosen.T)[np.triu_indices(len(chosen), 1)]
    return float(np.median(cosines)) if len(cosines) else 0.0


def _mixtures(codes: np.ndarray, weights: np.ndarray, count: int) -> csr_matrix:
    """[N,U] sparse, rows that sum to 1, or are empty."""
    weights = np.where(codes == NO_CODE, 0, weights).astype(np.float32)
    total = weights.sum(axis=1, keepdims=True)
    used = weights > 0
    shares = (weights / np.maximum(total, 1e-30))[used]
    begin = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    return csr_matrix((shares, codes[used].astype(np.int32), begin), (len(total), count))


def _mixed(mixtures: csr_matrix, things: GaussianFeatures, share: float) -> csr_matrix:
    """[N,U+K] rows that sum to 1, of which things have `share` where there are both."""
    by_thing = _mixtures(things.codes, things.weights, len(things.codebook))
    has_view, has_thing = np.diff(mixtures.indptr) > 0, np.diff(by_thing.indptr) > 0
    weight = np.where(has_view & has_thing, share, has_thing)
    parts = [diags_array(1 - weight) @ mixtures, diags_array(weight) @ by_thing]
    found = csr_matrix(hstack(parts))
    found.eliminate_zeros()
    return found


def _basis(vectors: np.ndarray) -> np.ndarray:
    """[D,P] orthonormal directions that hold nearly all of the vectors [U,D]."""
    if vectors.shape[0] < vectors.shape[1]:
        values, left = np.linalg.eigh(vectors @ vectors.T)
        values, left = values[::-1], left[:, ::-1]
        directions = vectors.T @ left / np.sqrt(np.maximum(values, 1e-9))
    else:
        values, directions = np.linalg.eigh(vectors.T @ vectors)
        values, directions = values[::-1], directions[:, ::-1]
    held = np.cumsum(np.maximum(values, 0)) / max(values.clip(0).sum(), 1e-30)
    count = min(int(np.searchsorted(held, _ENERGY)) + 1, _MOST_DIRECTIONS, len(values))
    return np.ascontiguousarray(directions[:, :count], np.float32)


def _features(mixtures: csr_matrix, vectors: np.ndarray) -> Iterator[np.ndarray]:
    """Unit mean features [n,P], a part of the Gaussians at a time."""
    for start in range(0, mixtures.shape[0], _PART):
        mean = np.asarray(mixtures[start : start + _PART] @ vectors)
        norm = np.linalg.norm(mean, axis=1, keepdims=True)
        # vectors that cancel out mean nothing in particular
        yield np.where(norm > 1e-6, mean / np.maximum(norm, 1e-6), np.eye(1, mean.shape[1]))


def _member_means(
    mixtures: csr_matrix, code: np.ndarray, count: int, vectors: np.ndarray
) -> np.ndarray:
    """[K,D] unit mean feature of each code's Gaussians."""
    ones = np.ones(len(code), np.float32)
    members = csr_matrix((ones, (code, np.arange(len(code)))), (count, len(code)))
    mean = np.asarray((members @ mixtures) @ vectors)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)


def _pursue(
    parts: Iterator[np.ndarray],
    short: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Matching pursuit (Mallat and Zhang 1993) with non-negative weights, in the short basis."""
    short = short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12)
    start = 0
    for part in parts:
        mine = rows[start : start + len(part)]
        start += len(part)
        rest = part.astype(np.float32)
        at = np.arange(len(part))
        for slot in range(codes.shape[1]):
            match = rest @ short.T
            best = match.argmax(axis=1)
            weight = match[at, best]
            keep = weight > (_LEAST_SHARE if slot else 0)
            codes[mine[keep], slot], weights[mine[keep], slot] = best[keep], weight[keep]
            rest -= np.where(keep, weight, 0)[:, None] * short[best]
