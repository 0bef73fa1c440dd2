"""Schedules, view order, exposures and pose corrections."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from factories import orbit
from scipy.linalg import expm

from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.splat.config import SplatConfig
from grounding3d.scene.splat.exposure import IDENTITY, Exposures, fit_exposure
from grounding3d.scene.splat.poses import PoseCorrections, exp_twist
from grounding3d.scene.splat.sampler import ViewSampler
from grounding3d.scene.splat.schedule import Schedule


def schedule(**changes: object) -> Schedule:
    return Schedule(SplatConfig.model_validate({"iterations": 1000, **changes}), means_rate=1e-3)


def test_rates_of_the_means_fall_and_the_others_stay() -> None:
    plan = schedule(rates={"means_last": 0.01})
    rates = [plan.rates(plan.progress(step)).means for step in (0, 500, 1000, 5000)]
    assert rates == pytest.approx([1e-3, 1e-4, 1e-5, 1e-5])
    assert plan.rates(0).sh0 == plan.rates(1.0).sh0


def test_images_grow_and_degrees_rise_in_equal_parts() -> None:
    plan = schedule(coarse_levels=2, coarse_until=0.5, sh_degree=3, sh_every=0.25)
    assert [plan.level(p) for p in (0, 0.249, 0.25, 0.499, 0.5, 1)] == [2, 2, 1, 1, 0, 0]
    assert [plan.sh_degree(p) for p in (0, 0.249, 0.25, 0.5, 1)] == [0, 0, 1, 2, 3]
    flat = schedule(coarse_levels=0, sh_degree=2, sh_every=0)
    assert flat.level(0) == 0
    assert flat.sh_degree(0) == 2


def test_the_schedule_follows_the_time_where_it_is_bounded() -> None:
    plan = schedule(max_seconds=20.0)
    assert plan.progress(100, seconds=0.0) == pytest.approx(0.1)
    assert plan.progress(100, seconds=10.0) == pytest.approx(0.5)
    assert plan.progress(100, seconds=30.0) == 1


def test_the_set_changes_only_in_its_time() -> None:
    plan = schedule(densify={"every": 100, "start": 0.2, "stop": 0.5})
    assert [step for step in range(1001) if plan.edits(step, plan.progress(step))] == [
        200,
        300,
        400,
        500,
    ]
    assert not any(schedule(densify={"strategy": "none"}).edits(step, 0.3) for step in range(1001))


def test_opacities_are_reset_for_sparse_starts_only() -> None:
    long = {"iterations": 10_000, "densify": {"stop": 0.7}}
    assert not any(schedule(**long).resets(step, 0.1) for step in range(10_001))
    sparse = schedule(**long, start="sparse")
    assert [n for n in range(10_001) if sparse.resets(n, sparse.progress(n))] == [3000, 6000]


def test_every_view_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    numbers = np.array([3, 5, 8, 13])
    sampler, again = ViewSampler(7), ViewSampler(7)
    order = [sampler.next(numbers) for _ in range(12)]
    assert order == [again.next(numbers) for _ in range(12)]
    assert Counter(order) == dict.fromkeys(numbers.tolist(), 3)
    assert len({tuple(order[i : i + 4]) for i in (0, 4, 8)}) > 1
    assert order != [ViewSampler(8).next(numbers) for _ in range(12)]


def test_new_views_come_first_and_lost_ones_never() -> None:
    sampler = ViewSampler(0)
    sampler.next(np.arange(6))
    sampler.put_first(np.array([20, 21]))
    numbers = np.array([0, 1, 20, 21])
    assert [sampler.next(numbers) for _ in range(2)] == [20, 21]
    assert {sampler.next(numbers) for _ in range(8)} == {0, 1, 20, 21}


def test_a_fitted_exposure_is_the_one_applied() -> None:
    rng = np.random.default_rng(0)
    rendered = rng.uniform(0.1, 0.6, (60, 80, 3)).astype(np.float32)
    gain, offset = np.array([1.3, 0.8, 1.0]), np.array([0.02, 0.05, -0.03])
    noisy = rendered * gain + offset + rng.normal(0, 0.02, rendered.shape)
    image = np.rint(255 * noisy.clip(0, 1)).astype(np.uint8)
    covered = np.ones((60, 80), bool)
    covered[:30] = False
    image[:30] = 7  # what the scene does not cover does not count
    np.testing.assert_allclose(fit_exposure(rendered, image, covered), [gain, offset], atol=0.02)


def test_too_few_pixels_fit_nothing() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    fitted = fit_exposure(np.ones((20, 20, 3), np.float32), image, np.ones((20, 20), bool))
    np.testing.assert_array_equal(fitted, IDENTITY)


def test_the_gauge_keeps_what_frames_differ_in() -> None:
    exposures = Exposures(rate=0.01, prior=0.0)
    rng = np.random.default_rng(1)
    given = {n: np.stack([rng.uniform(0.5, 2, 3), rng.uniform(-0.1, 0.1, 3)]) for n in range(5)}
    exposures.begin(given)
    exposures.fix_gauge(np.arange(5))
    now = np.array([exposures.of(n) for n in range(5)])
    np.testing.assert_allclose(np.log(now[:, 0]).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(now[:, 1].mean(axis=0), 0, atol=0.05)
    for a in range(5):  # the map from one frame's colours to another's is untouched
        for b in range(5):
            before = (
                given[a][0] / given[b][0],
                given[a][1] - given[a][0] / given[b][0] * given[b][1],
            )
            after = now[a][0] / now[b][0], now[a][1] - now[a][0] / now[b][0] * now[b][1]
            np.testing.assert_allclose(after, before, atol=1e-5)


def test_the_exponential_is_that_of_the_matrix() -> None:
    for twist in (np.array([0.1, -0.2, 0.3, 0.5, 0.2, -0.9]), np.zeros(6), np.full(6, 1e-9)):
        v, (x, y, z) = twist[:3], twist[3:]
        generator = np.zeros((4, 4))
        generator[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        generator[:3, 3] = v
        np.testing.assert_allclose(exp_twist(twist), expm(generator), atol=1e-12)


def test_the_pose_gauge_removes_a_common_motion_and_nothing_else() -> None:
    poses, numbers = np.array(orbit(6)), np.arange(6)
    common = exp_twist(np.array([1e-3, -2e-3, 5e-4, 1e-3, 2e-3, -1e-3]))  # of the whole world
    corrections = PoseCorrections(rate=1e-3, prior=0.0)
    corrections.rows.reserve(6)
    for n, pose in enumerate(poses):  # T exp(twist) = common T, to first order
        motion = invert_pose(pose) @ common @ pose
        R = motion[:3, :3] - np.eye(3)
        corrections.rows.values[n] = [*motion[:3, 3], R[2, 1], R[0, 2], R[1, 0]]
    corrections.fix_gauge(numbers, poses)
    assert np.abs(corrections.rows.values).max() < 2e-5
    own = np.random.default_rng(0).normal(0, 1e-3, (6, 6))
    corrections.rows.values[:] = own
    corrections.fix_gauge(numbers, poses)
    once = corrections.rows.values.copy()
    assert np.abs(once).max() > 5e-4
    corrections.fix_gauge(numbers, poses)
    np.testing.assert_allclose(corrections.rows.values, once, atol=1e-9)
