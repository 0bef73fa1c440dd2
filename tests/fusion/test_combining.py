"""Objects' codes first, the field's where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import ArrayError
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.combining import combined


def features(book: np.ndarray, codes: list[list[int]], confidence: float) -> GaussianFeatures:
    rows = np.array(codes, np.uint16)
    has = rows != NO_CODE
    return GaussianFeatures(
        book.astype(np.float16), rows, has.astype(np.float16),
        np.where(has.any(axis=1), confidence, 0).astype(np.float16),
    )  # fmt: skip


def test_each_gaussian_has_one_sources_codes_and_they_mean_what_they_meant() -> None:
    objects = features(np.eye(2, 4), [[1, 0], [NO_CODE, NO_CODE], [NO_CODE, NO_CODE]], 0.9)
    field = features(np.eye(4)[2:], [[0], [1], [NO_CODE]], 0.4)
    both = combined(objects, field)
    np.testing.assert_array_equal(both.codes, [[1, 0], [3, NO_CODE], [NO_CODE, NO_CODE]])
    np.testing.assert_array_equal(both.codebook[3], np.eye(4)[3])
    assert both.confidence.tolist() == pytest.approx([0.9, 0.4, 0], abs=1e-3)
    assert both.weights.dtype == both.confidence.dtype == both.codebook.dtype == np.float16
    assert both.codes.dtype == np.uint16


def test_an_empty_side_changes_nothing() -> None:
    none = features(np.zeros((0, 0)), [[NO_CODE]] * 2, 0)
    some = features(np.eye(2, 4), [[1], [0]], 0.5)
    for both in (combined(none, some), combined(some, none)):
        np.testing.assert_array_equal(both.codes, some.codes)
        np.testing.assert_array_equal(both.codebook, some.codebook)


def test_what_does_not_belong_together_is_refused() -> None:
    some = features(np.eye(2, 4), [[1], [0]], 0.5)
    with pytest.raises(ArrayError, match="codes"):
        combined(some, features(np.eye(2, 4), [[1]], 0.5))
    with pytest.raises(ArrayError, match="encoders"):
        combined(some, features(np.eye(2, 5), [[1], [0]], 0.5))
