"""The budget holds, detail is where the camera looks, and near views draw nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.interfaces.viewer.detail import Eye, select

BUDGET = 1000


def eye_at(position: tuple[float, float, float], target: tuple[float, float, float]) -> Eye:
    gap = np.subtract(target, position)
    return Eye(np.array(position), gap / np.linalg.norm(gap), np.deg2rad(30))


def test_a_scene_within_the_budget_is_drawn_whole(model) -> None:
    chosen = select(model, len(model))
    assert (chosen.rows == np.arange(len(model))).all()
    assert (chosen.growth == 1).all()


def test_the_budget_is_kept_and_rows_are_not_repeated(model) -> None:
    chosen = select(model, BUDGET, eye_at((0, -1, 1.5), (0, 0, 0.7)))
    assert len(chosen.rows) == BUDGET == len(np.unique(chosen.rows))
    assert chosen.n_candidates == len(model)
    assert chosen.growth.min() >= 1
    assert chosen.growth.max() > 1.05


def test_near_things_get_more_than_far_ones(model) -> None:
    at_mug = select(model, BUDGET, eye_at((-0.25, -0.3, 0.85), (-0.25, -0.05, 0.75)))
    at_bowl = select(model, BUDGET, eye_at((0.29, 0.0, 0.85), (0.29, 0.24, 0.74)))
    mug = model.thing == 1
    assert mug[at_mug.rows].sum() > 2 * mug[at_bowl.rows].sum()


def test_what_the_camera_cannot_see_is_still_there_a_little(model) -> None:
    away = select(model, 3000, eye_at((0, -1, 1.0), (0, -2, 1.0)))
    assert len(away.rows) == 3000


def test_two_near_views_draw_nearly_the_same(model) -> None:
    a = select(model, BUDGET, eye_at((0, -1, 1.5), (0, 0, 0.7)))
    b = select(model, BUDGET, eye_at((0.02, -1, 1.5), (0, 0, 0.7)))
    assert len(np.intersect1d(a.rows, b.rows)) > 0.9 * BUDGET


def test_what_covers_more_is_drawn_more_often(model) -> None:
    """Without a camera each thing gets its share of the surface."""
    chosen = select(model, 200)
    share = np.bincount(model.thing[chosen.rows], minlength=4) / 200
    surface = np.bincount(model.thing, model.area, minlength=4) / model.area.sum()
    assert share == pytest.approx(surface, abs=0.08)


def test_a_clipping_box_comes_first(model) -> None:
    keep = model.means[:, 2] > 0.72
    chosen = select(model, 500, None, keep)
    assert keep[chosen.rows].all()
    assert chosen.n_candidates == keep.sum()
