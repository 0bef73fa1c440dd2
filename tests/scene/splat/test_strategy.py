"""The laws of cloning, splitting, pruning and relocating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from splats import balls, random_splats

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import matrix_from_wxyz
from grounding3d.scene.rasterizers import available_rasterizers, make_rasterizer
from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.splat.config import DensifyConfig
from grounding3d.scene.splat.engine import DensifyStatistics
from grounding3d.scene.splat.mcmc import relocate_and_grow, shared
from grounding3d.scene.splat.strategy import densify, opacity, reset_logits, split_in_two, take

CONFIG = DensifyConfig(max_gaussians=1000, gradient=1e-3, prune_opacity=0.05)


def statistics(pull: np.ndarray, radius: float = 0.01) -> DensifyStatistics:
    n = len(pull)
    return DensifyStatistics(
        gradient=(4 * pull).astype(np.float32),
        count=np.full(n, 4, np.int32),
        radius=np.full(n, radius, np.float32),
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def opaque(count: int) -> SplatParameters:
    parameters = random_splats(count)
    return replace(parameters, logits=np.full(count, 2.0, np.float32))


def test_nothing_changes_where_nothing_pulls() -> None:
    parameters = opaque(20)
    edit = densify(parameters, statistics(np.zeros(20)), CONFIG, 0.1, rng())
    np.testing.assert_array_equal(edit.keep, np.arange(20))
    assert len(edit.added) == len(edit.parents) == 0


def test_small_ones_are_cloned_and_large_ones_replaced_by_halves() -> None:
    parameters = opaque(4)
    parameters.log_scales[:2] = np.log(0.02)
    parameters.log_scales[2:] = np.log(0.5)
    pull = np.array([0, 2e-3, 0, 2e-3])
    edit = densify(parameters, statistics(pull), CONFIG, 0.1, rng())
    np.testing.assert_array_equal(edit.keep, [0, 1, 2])
    np.testing.assert_array_equal(edit.parents, [1, 3, 3])
    np.testing.assert_array_equal(edit.added.means[0], parameters.means[1])
    np.testing.assert_allclose(np.exp(edit.added.log_scales[1:]), 0.5 / 1.6, rtol=1e-5)
    assert (edit.added.means[1] != edit.added.means[2]).any()
    # an anchor follows its Gaussian
    np.testing.assert_array_equal(edit.carry(np.array([7, 8, 9, 5])), [7, 8, 9, 8, 5, 5])


def test_faint_and_image_filling_ones_go() -> None:
    parameters = opaque(5)
    parameters.logits[1] = -6
    seen = statistics(np.zeros(5))
    seen.radius[3] = 0.9
    edit = densify(parameters, seen, CONFIG, 0.1, rng())
    np.testing.assert_array_equal(edit.keep, [0, 2, 4])


def test_the_most_pulled_take_the_room_there_is() -> None:
    parameters = opaque(100)
    pull = np.linspace(1.1e-3, 2e-3, 100)
    config = CONFIG.model_copy(update={"max_gaussians": 110})
    edit = densify(parameters, statistics(pull), config, 0.01, rng())
    assert len(edit.keep) + len(edit.added) == 110
    assert set(edit.parents) == set(range(90, 100))


def test_a_gaussian_never_drawn_is_left_alone() -> None:
    parameters = opaque(3)
    seen = DensifyStatistics(
        np.zeros(3, np.float32), np.zeros(3, np.int32), np.zeros(3, np.float32)
    )
    assert len(densify(parameters, seen, CONFIG, 0.1, rng()).added) == 0


def test_halves_of_a_disc_stay_in_its_plane() -> None:
    disc = take(opaque(1), np.zeros(500, np.intp))
    disc.log_scales[:] = np.log([0.1, 0.05, 1e-4])
    halves = split_in_two(disc, np.arange(500), rng())
    local = (halves.means - disc.means[0]) @ matrix_from_wxyz(disc.wxyz[0])
    np.testing.assert_allclose(local.std(axis=0), [0.1, 0.05, 1e-4], rtol=0.1)
    np.testing.assert_allclose(local.mean(axis=0), 0, atol=0.01)


def test_reset_only_lowers() -> None:
    parameters = opaque(2)
    parameters.logits[:] = [-5, 3]
    lowered = opacity(replace(parameters, logits=reset_logits(parameters, 0.1)))
    np.testing.assert_allclose(lowered, [opacity(parameters)[0], 0.1], rtol=1e-5)


@pytest.mark.parametrize("copies", [2, 3, 10])
def test_copies_together_look_like_the_one_they_replace(copies: int) -> None:
    camera = Camera.from_focal(200, 200, 30, 30, 61, 61)
    rasterizer = make_rasterizer(available_rasterizers()[0])
    one = SplatParameters.from_gaussians(balls(np.array([0, 0, 1.0]), 0.03, 0.8))
    rows = np.zeros(copies, np.intp)
    many = shared(take(one, rows), np.full(copies, copies))
    before, after = (rasterizer.render(p.activated(), camera, np.eye(4)).alpha for p in (one, many))
    assert after[30, 30] == pytest.approx(before[30, 30], abs=0.01)
    assert after.sum() == pytest.approx(before.sum(), rel=0.1)
    naive = rasterizer.render(take(one, rows).activated(), camera, np.eye(4)).alpha
    assert abs(naive.sum() - before.sum()) > 3 * abs(after.sum() - before.sum())


def test_dead_ones_move_to_the_living_and_the_number_grows() -> None:
    parameters = opaque(100)
    parameters.logits[:30] = -9
    edit = relocate_and_grow(parameters, CONFIG, rng())
    assert len(edit.keep) + len(edit.added) == 105
    assert edit.keep.min() >= 30
    assert edit.parents.min() >= 30
    assert not set(edit.keep) & set(edit.parents)
    assert np.isfinite(edit.added.log_scales).all()
    assert (np.abs(edit.added.means - parameters.means[edit.parents]) == 0).all()


def test_the_bound_holds_and_a_dead_scene_stays() -> None:
    config = CONFIG.model_copy(update={"max_gaussians": 100})
    edit = relocate_and_grow(opaque(100), config, rng())
    assert len(edit.keep) + len(edit.added) == 100
    dead = opaque(10)
    dead.logits[:] = -9
    edit = relocate_and_grow(dead, config, rng())
    np.testing.assert_array_equal(edit.keep, np.arange(10))
    assert len(edit.added) == 0
