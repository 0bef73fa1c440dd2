"""The contract that every scene backend keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from analytic import make_frame, table_frames
from scipy.spatial import cKDTree

from grounding3d.errors import ConfigError, SceneError
from grounding3d.scene.backends import SCENES, make_builder
from grounding3d.scene.base import Scene, SceneBuilder
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.nerf.config import NerfConfig
from grounding3d.scene.splat.config import SplatConfig
from tests.nerf_environment import needs_nerf

FRAMES = table_frames()


SHORT = SplatConfig.model_validate(
    {"iterations": 15, "merge_levels": 0, "densify": {"strategy": "none"}}
)
TINY = NerfConfig(
    iterations=250, rays_per_step=1024, held_out_every=0, ray_width=80, view_width=160
)


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.slow if name == "nerf" else ())
        for name in SCENES.names()
    ]
)
def builder(request: pytest.FixtureRequest, nerf_work: Path) -> SceneBuilder:
    nerf = TINY.model_copy(update={"work": str(nerf_work)})
    config = SceneConfig(backend=request.param, voxel_size_m=0.02, splat=SHORT, nerf=nerf)
    if request.param == "nerf":
        needs_nerf()
    return make_builder(config)


@pytest.fixture(scope="module")
def nerf_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: the same frames are trained on once, others start over."""
    return tmp_path_factory.mktemp("nerf") / "work"


def fresh(builder: SceneBuilder) -> SceneBuilder:
    return type(builder)(builder.config)


def assert_same(a: Scene, b: Scene) -> None:
    for name in vars(a.gaussians):
        np.testing.assert_array_equal(
            getattr(a.gaussians, name), getattr(b.gaussians, name), err_msg=name
        )
    np.testing.assert_array_equal(a.anchor, b.anchor)
    assert [k.frame_index for k in a.keyframes] == [k.frame_index for k in b.keyframes]
    assert [k.stamp_s for k in a.keyframes] == [k.stamp_s for k in b.keyframes]
    assert [k.camera for k in a.keyframes] == [k.camera for k in b.keyframes]
    for mine, theirs in zip(a.keyframes, b.keyframes):
        np.testing.assert_array_equal(mine.T_world_cam, theirs.T_world_cam)
    assert (a.world_frame, a.backend) == (b.world_frame, b.backend)


def test_scene_is_metric_and_consistent(builder: SceneBuilder) -> None:
    assert all(builder.add(frame).used for frame in FRAMES)
    scene = builder.finish()
    assert len(scene.gaussians) > 500
    assert scene.anchor.dtype == np.int32
    assert scene.anchor.min() >= 0
    assert scene.anchor.max() < len(scene.keyframes)
    for name, array in vars(scene.gaussians).items():
        assert array.dtype == np.float32, name
        assert np.isfinite(array).all(), name
    assert (scene.gaussians.scales > 0).all()
    assert ((scene.gaussians.opacities > 0) & (scene.gaussians.opacities < 1)).all()
    top = scene.gaussians.means[:, 2].max()
    assert top == pytest.approx(0.30, abs=0.02)  # the ball's


def test_snapshots_in_between_change_nothing(builder: SceneBuilder) -> None:
    plain = fresh(builder)
    for frame in FRAMES:
        builder.add(frame)
        builder.snapshot()
        plain.add(frame)
    assert_same(builder.finish(), plain.finish())


def test_snapshot_equals_finish(builder: SceneBuilder) -> None:
    for frame in FRAMES:
        builder.add(frame)
    a, b = builder.snapshot(), builder.finish()
    distance, _ = cKDTree(b.gaussians.means).query(a.gaussians.means)
    assert np.median(distance) < 0.01


def test_snapshot_is_immutable(builder: SceneBuilder) -> None:
    for frame in FRAMES[:4]:
        builder.add(frame)
    snapshot = builder.snapshot()
    before = snapshot.gaussians.means.copy()
    for frame in FRAMES[4:]:
        builder.add(frame)
    np.testing.assert_array_equal(snapshot.gaussians.means, before)
    assert len(snapshot.keyframes) == 4
    with pytest.raises(ValueError, match="read-only"):
        snapshot.gaussians.means[0] = 0


def test_restore_goes_on_to_the_same_result(builder: SceneBuilder, tmp_path) -> None:
    for frame in FRAMES[:4]:
        builder.add(frame)
    np.savez(tmp_path / "state.npz", **builder.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        state = dict(stored)
    other = fresh(builder)
    other.restore(state)
    assert_same(other.snapshot(), builder.snapshot())
    for frame in FRAMES[4:]:
        builder.add(frame)
        other.add(frame)
    assert_same(other.finish(), builder.finish())
    assert not other.add(FRAMES[-1]).used  # it remembers the last frame


def test_state_is_a_copy(builder: SceneBuilder) -> None:
    for frame in FRAMES[:4]:
        builder.add(frame)
    state = builder.state()
    expected = fresh(builder)
    expected.restore({name: array.copy() for name, array in state.items()})
    for frame in FRAMES[4:]:
        builder.add(frame)
    other = fresh(builder)
    other.restore(state)
    other.add(FRAMES[4])  # must not write into the caller's arrays either
    again = fresh(builder)
    again.restore(state)
    assert_same(again.snapshot(), expected.snapshot())


def test_order_hardly_matters(builder: SceneBuilder) -> None:
    backwards = fresh(builder)
    for frame in FRAMES:
        builder.add(frame)
    for frame in FRAMES[::-1]:
        backwards.add(frame)
    a, b = builder.finish().gaussians.means, backwards.finish().gaussians.means
    # a NeRF is trained on other random rays then, and is sure of other places
    limit_m = 0.05 if builder.config.backend == "nerf" else 0.005
    assert np.quantile(cKDTree(a).query(b)[0], 0.95) < limit_m


def test_frames_without_use_are_skipped_with_a_reason(builder: SceneBuilder) -> None:
    empty = make_frame(np.zeros((240, 320)), FRAMES[0].T_world_cam, 7)
    report = builder.add(empty)
    assert (report.frame_index, report.used) == (7, not builder.needs_depth)
    assert "depth" in report.reason if builder.needs_depth else not report.has_depth
    assert builder.add(FRAMES[0]).used
    repeated = builder.add(FRAMES[0])
    assert not repeated.used
    assert "same image" in repeated.reason
    expected = [0] if builder.needs_depth else [7, 0]
    assert [k.frame_index for k in builder.snapshot().keyframes] == expected


def test_nan_and_infinite_depth_are_unknown(builder: SceneBuilder) -> None:
    clean, dirty = FRAMES[0].depth_m.copy(), FRAMES[0].depth_m.copy()
    clean[:40], dirty[:20], dirty[20:40] = 0, np.nan, np.inf
    other = fresh(builder)
    builder.add(make_frame(clean, FRAMES[0].T_world_cam, 0))
    other.add(make_frame(dirty, FRAMES[0].T_world_cam, 0))
    assert_same(builder.finish(), other.finish())


def test_empty_builder_gives_an_empty_scene(builder: SceneBuilder) -> None:
    scene = builder.finish()
    assert len(scene.gaussians) == 0
    assert scene.keyframes == ()
    other = fresh(builder)
    other.restore(builder.state())
    assert_same(other.finish(), scene)


def test_another_world_frame_is_an_error(builder: SceneBuilder) -> None:
    from dataclasses import replace

    builder.add(FRAMES[0])
    with pytest.raises(SceneError, match="expected 'map', found 'odom'"):
        builder.add(replace(FRAMES[1], world_frame="odom"))


def test_damaged_states_are_refused(builder: SceneBuilder) -> None:
    builder.add(FRAMES[0])
    with pytest.raises(SceneError):
        builder.restore({})


def test_unknown_backend_lists_the_table() -> None:
    with pytest.raises(ConfigError, match="points"):
        make_builder(SceneConfig(backend="voxels"))
