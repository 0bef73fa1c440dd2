"""Smoothing fills holes along a surface and stops at its edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.fusion.affinity import smooth, ties
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.scene.base import SH_C0, Gaussians

CONFIG = FieldConfig(refine_rounds=3)


def sheet(z: float, rgb: float, n: int = 30, step_m: float = 0.005) -> Gaussians:
    """A flat square of surfels at height z."""
    x, y = np.meshgrid(np.arange(n) * step_m, np.arange(n) * step_m)
    means = np.stack([x.ravel(), y.ravel(), np.full(n * n, z)], axis=1).astype(np.float32)
    count = len(means)
    return Gaussians(
        means,
        np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        np.tile(np.array([step_m, step_m, 0.001], np.float32), (count, 1)),
        np.full(count, 0.9, np.float32),
        np.full((count, 3), (rgb - 0.5) / SH_C0, np.float32),
        np.zeros((count, 0, 3), np.float32),
    )


def two_sheets(gap_m: float, rgb: tuple[float, float] = (0.5, 0.5)) -> Gaussians:
    """One sheet above another, the depth edge between them `gap_m` high."""
    low, high = sheet(0, rgb[0]), sheet(gap_m, rgb[1])
    joined = {
        name: np.concatenate([getattr(low, name), getattr(high, name)])
        for name in Gaussians.__dataclass_fields__
    }
    return Gaussians(**joined)


def features_of(codes: np.ndarray, confidence: float = 0.8) -> GaussianFeatures:
    has = codes != NO_CODE
    return GaussianFeatures(
        np.eye(2, 8, dtype=np.float16),
        codes.astype(np.uint16)[:, None],
        has[:, None].astype(np.float16),
        np.where(has, confidence, 0).astype(np.float16),
    )


def test_holes_are_filled_and_no_code_crosses_a_depth_edge() -> None:
    gaussians = two_sheets(0.03)
    truth = np.repeat([0, 1], 900)
    holes = np.random.default_rng(0).random(1800) < 0.3
    found = smooth(features_of(np.where(holes, NO_CODE, truth)), gaussians, CONFIG)
    assert (found.codes[:, 0] == truth).all()
    assert 0 < found.confidence[holes].max() < found.confidence[~holes].min()


def test_a_sheet_without_language_stays_so_however_near_the_other_is_in_the_image() -> None:
    codes = np.repeat([0, NO_CODE], 900)
    found = smooth(features_of(codes), two_sheets(0.03), CONFIG)
    assert (found.codes[900:] == NO_CODE).all()
    assert not found.confidence[900:].any()


def test_single_wrong_codes_are_outvoted() -> None:
    truth = np.repeat([0, 1], 900)
    wrong = np.random.default_rng(1).random(1800) < 0.1
    found = smooth(features_of(np.where(wrong, 1 - truth, truth)), two_sheets(0.03), CONFIG)
    assert (found.codes[:, 0] == truth).mean() > 0.99


def test_colour_parts_what_touches() -> None:
    gaussians = sheet(0, 0.5)
    left = gaussians.means[:, 0] < 0.0725
    colours = np.where(left, 0.2, 0.9)[:, None].repeat(3, axis=1)
    gaussians = replace(gaussians, sh0=((colours - 0.5) / SH_C0).astype(np.float32))
    codes = np.where(left, 0, NO_CODE)
    found = smooth(features_of(codes), gaussians, CONFIG)
    assert (found.codes[~left] == NO_CODE).all()
    one = replace(gaussians, sh0=np.zeros_like(gaussians.sh0))
    assert (smooth(features_of(codes), one, CONFIG).codes[~left] != NO_CODE).any()


def test_ties_are_symmetric_in_strength_and_whole_to_oneself() -> None:
    neighbour, tie = ties(sheet(0, 0.5), CONFIG)
    assert (neighbour[:, 0] == np.arange(900)).all()
    assert (tie[:, 0] == 1).all()
    back = {(a, b): t for a, row, w in zip(range(900), neighbour, tie) for b, t in zip(row, w)}
    assert all(abs(t - back[b, a]) < 1e-5 for (a, b), t in back.items() if (b, a) in back)


def test_no_rounds_no_change() -> None:
    features = features_of(np.repeat([0, NO_CODE], 900))
    assert smooth(features, two_sheets(0.03), FieldConfig()) is features
