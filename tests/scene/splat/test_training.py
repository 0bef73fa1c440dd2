"""What training does to a scene, with the real engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import depth_disagreement_m
from training import builder_of, exposed, frames

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import TrainingError
from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.base import Scene
from grounding3d.scene.splat.builder import SplatBuilder
from grounding3d.scene.splat.engine import TrainView
from grounding3d.scene.splat.engines import rasterizer_of
from grounding3d.scene.splat.evaluation import ViewScore, mean_ssim, score_view
from grounding3d.scene.splat.exposure import IDENTITY
from grounding3d.scene.splat.poses import exp_twist
from grounding3d.scene.splat.trainer import Trainer


def score_of(scene: Scene, frame: RGBDFrame, builder: SplatBuilder) -> ViewScore:
    view = TrainView(frame.rgb, frame.depth_m, frame.camera, frame.T_world_cam, IDENTITY)
    assert builder._trainer is not None
    return score_view(scene.gaussians, view, rasterizer_of(builder._trainer.engine))


def prepared(views: tuple[RGBDFrame, ...] = (), **changes: object) -> Trainer:
    """A trainer before its first step."""
    builder = builder_of(views or frames(), **changes)
    builder._sync()
    assert builder._trainer is not None
    return builder._trainer


def test_training_betters_colour_and_keeps_depth() -> None:
    builder = builder_of(frames())
    report = builder.finish().report
    assert report is not None
    before, after = report["held_out_before"], report["held_out"]
    assert report["frames_held_out"] == 3
    assert after["psnr_db"] > before["psnr_db"] + 1
    assert after["ssim"] > before["ssim"]
    assert after["depth_l1_mm"] <= before["depth_l1_mm"]
    assert after["coverage"] > 0.9


def test_equal_seeds_give_equal_bits_and_others_do_not() -> None:
    a, b, c = (builder_of(frames(), seed=seed).finish() for seed in (1, 1, 2))
    for name in vars(a.gaussians):
        np.testing.assert_array_equal(vars(a.gaussians)[name], vars(b.gaussians)[name])
    assert len(a.gaussians) != len(c.gaussians) or (a.gaussians.means != c.gaussians.means).any()


@pytest.mark.parametrize("strategy", ["default", "mcmc", "none"])
def test_training_goes_on_from_its_state_to_the_same_bits(strategy: str) -> None:
    changes = {
        "exposure": True,
        "refine_poses": True,
        "densify": {"strategy": strategy, "every": 10, "start": 0.1, "gradient": 1e-4},
    }
    whole, first, second = (prepared(**changes) for _ in range(3))
    for _ in range(20):
        whole.step()
    for _ in range(10):
        first.step()
    assert first.at_boundary
    second.restore({name: array.copy() for name, array in first.state().items()})
    for _ in range(10):
        second.step()
    expected = whole.state()
    for name, array in second.state().items():
        if name != "running":  # holds seconds
            np.testing.assert_array_equal(array, expected[name], err_msg=name)
    if strategy != "none":
        assert len(whole.anchor) != len(prepared().anchor)


def test_anchors_stay_with_their_gaussians() -> None:
    builder = builder_of(frames(), densify={"every": 10, "gradient": 1e-5})
    scene = builder.finish()
    start = builder._points.snapshot()
    assert len(scene.gaussians) != len(start.gaussians)
    assert scene.anchor.dtype == np.int32
    for gaussian, anchor in list(zip(scene.gaussians.means, scene.anchor))[::97]:
        near = np.linalg.norm(start.gaussians.means - gaussian, axis=1) < 0.15
        assert anchor in start.anchor[near]


def test_a_sparse_start_has_far_fewer_and_learns() -> None:
    builder = builder_of(frames(), start="sparse", sparse_points=800, densify={"strategy": "none"})
    scene = builder.finish()
    assert scene.report is not None
    assert scene.report["start"] == "sparse"
    assert len(scene.gaussians) == 800
    before, after = scene.report["held_out_before"], scene.report["held_out"]
    assert after["psnr_db"] > before["psnr_db"]  # of all surfels, untrained


def test_wild_exposure_ends_in_the_exposures_and_not_in_the_scene() -> None:
    gains = np.tile([0.5, 1.0, 1.4], 4)
    wild = tuple(exposed(frame, gain) for frame, gain in zip(frames(), gains))
    trainer = prepared(wild, iterations=30, held_out_every=0)
    while not trainer.done:
        trainer.step()
    fitted = np.array([trainer.exposures.of(n)[0].mean() for n in range(12)])
    np.testing.assert_allclose(fitted / np.exp(np.log(fitted).mean()),
                               gains / np.exp(np.log(gains).mean()), rtol=0.06)  # fmt: skip
    np.testing.assert_allclose(np.log(fitted).mean(), 0, atol=0.02)
    plain = prepared(wild, iterations=30, held_out_every=0, exposure=False)
    while not plain.done:
        plain.step()
    assert trainer.psnr_db > plain.psnr_db + 3


def test_pose_refinement_takes_errors_out_and_does_not_move_the_map() -> None:
    rng = np.random.default_rng(4)
    errors = rng.normal(0, 4e-3, (12, 6))
    shaken = tuple(
        replace(frame, T_world_cam=frame.T_world_cam @ exp_twist(error))
        for frame, error in zip(frames(), errors)
    )
    trainer = prepared(
        shaken, iterations=240, held_out_every=0, refine_poses=True, pose_rate=3e-4, pose_prior=0
    )
    while not trainer.done:
        trainer.step()
    corrected = [trainer.poses.corrected(n, frame.T_world_cam) for n, frame in enumerate(shaken)]
    measured = [frame.T_world_cam for frame in shaken]
    truth = [frame.T_world_cam for frame in frames()]
    assert _relative_error(corrected, truth) < 0.7 * _relative_error(measured, truth)
    drift = np.mean([c[:3, 3] - m[:3, 3] for c, m in zip(corrected, measured)], axis=0)
    assert np.abs(drift).max() < 1e-5


def _relative_error(poses: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """Mean rotation error between neighbours, radians: free of the common motion."""
    errors = []
    for a, b, true_a, true_b in zip(poses, poses[1:], truth, truth[1:]):
        residual = invert_pose(invert_pose(true_a) @ true_b) @ invert_pose(a) @ b
        errors.append(np.arccos(np.clip((np.trace(residual[:3, :3]) - 1) / 2, -1, 1)))
    return float(np.mean(errors))


def test_people_who_walk_through_leave_the_geometry_alone() -> None:
    clean = builder_of(frames())
    crowded = builder_of(tuple(_with_blob(n, frame) for n, frame in enumerate(frames())))
    for builder in (clean, crowded):
        builder.finish()
    unseen = frames(13)[6]
    a, b = (score_of(x.snapshot(), unseen, x) for x in (clean, crowded))
    assert a.depth_median_mm is not None
    assert b.depth_median_mm is not None
    assert b.depth_median_mm < a.depth_median_mm + 1
    assert b.coverage is not None
    assert b.coverage > 0.9
    table = crowded.snapshot().gaussians
    floating = (table.means[:, 2] > 1.1) & (table.opacities > 0.5) & (table.means[:, 1] < 1)
    assert floating.mean() < 0.01


def _with_blob(number: int, frame: RGBDFrame) -> RGBDFrame:
    """A person-sized disc 0.5 m before the camera, elsewhere in every third frame."""
    if number % 3:
        return frame
    v, u = np.mgrid[:120, :160]
    hit = (u - 30 - 8 * number) ** 2 + (v - 60) ** 2 < 25**2
    rgb, depth_m = frame.rgb.copy(), frame.depth_m.copy()
    rgb[hit], depth_m[hit] = (250, 20, 200), 0.5
    return replace(frame, rgb=rgb, depth_m=depth_m)


def test_numbers_that_are_not_finite_stop_training_with_step_and_frame() -> None:
    trainer = prepared(rates={"means_voxels": 1e38, "log_scales": 1e30})

    def train() -> None:
        while not trainer.done:
            trainer.step()

    with pytest.raises(TrainingError, match=r"stopped at step \d+ of 40, frame \d+.*finite"):
        train()
    assert trainer.steps < 40


def test_ssim_of_an_image_with_itself_and_with_noise() -> None:
    image = frames()[0].rgb.astype(np.float32) / 255
    noisy = image + np.random.default_rng(0).normal(0, 0.1, image.shape).astype(np.float32)
    assert mean_ssim(image, image) == pytest.approx(1, abs=1e-4)
    full, strided = mean_ssim(image, noisy, 1), mean_ssim(image, noisy, 4)
    assert 0.05 < full < 0.9
    assert strided == pytest.approx(full, abs=0.03)
    assert np.isnan(mean_ssim(image[:5], image[:5]))


def test_exact_views_of_a_scene_score_as_exact() -> None:
    scene = builder_of(frames()).snapshot()
    frame = frames()[3]
    assert depth_disagreement_m(frame, frames()[4]) < 0.02
    builder = builder_of(frames())
    builder._sync()
    assert builder._trainer is not None
    rasterizer = rasterizer_of(builder._trainer.engine)
    drawn = rasterizer.render(scene.gaussians, frame.camera, frame.T_world_cam)
    view = TrainView(
        np.rint(255 * drawn.rgb.clip(0, 1)).astype(np.uint8),
        drawn.depth_m + np.float32(0.003),
        frame.camera,
        frame.T_world_cam,
        IDENTITY,
    )
    score = score_view(scene.gaussians, view, rasterizer)
    assert score.psnr_db > 45
    assert score.ssim > 0.99
    assert score.depth_l1_mm == pytest.approx(3, abs=0.01)
