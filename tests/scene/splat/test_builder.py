"""The builder's own behaviour: odd frames, live use, threads, checkpoints."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import make_capture, table_scene
from training import FAST, builder_of, frames, without_depth

from grounding3d.errors import Cancelled, SceneError, TrainingError
from grounding3d.scene.base import Scene
from grounding3d.scene.splat.builder import SplatBuilder
from grounding3d.scene.splat.schedule import Schedule


def assert_same(a: Scene, b: Scene) -> None:
    for name in vars(a.gaussians):
        np.testing.assert_array_equal(vars(a.gaussians)[name], vars(b.gaussians)[name])
    np.testing.assert_array_equal(a.anchor, b.anchor)


def test_frames_without_depth_teach_colour() -> None:
    views = [f if n % 3 == 0 else without_depth(f) for n, f in enumerate(frames())]
    builder = builder_of([], held_out_every=0)
    reports = [builder.add(view) for view in views]
    assert [r.used for r in reports] == [n % 3 == 0 for n in range(12)]
    assert "colour is trained on" in reports[1].reason
    again = builder.add(replace(views[-1], frame_index=12))
    assert not again.used
    scene = builder.finish()
    assert scene.report is not None
    assert scene.report["frames_colour_only"] == 8
    assert scene.report["frames_trained"] == 12
    assert [k.frame_index for k in scene.keyframes] == [0, 3, 6, 9]


def test_repeated_frames_are_not_trained_on_twice() -> None:
    builder = builder_of([frame for frame in frames()[:4] for _ in range(3)])
    assert len(builder._store) == 4


def test_without_any_frame_or_iteration_there_are_just_surfels() -> None:
    assert len(builder_of([]).finish().gaussians) == 0
    builder = builder_of(frames()[:4], iterations=0)
    scene = builder.finish()
    assert len(scene.gaussians) > 1000
    assert (scene.backend, scene.report) == ("splat", None)


def test_snapshots_can_be_taken_from_another_thread_while_it_trains() -> None:
    builder = builder_of(frames(), iterations=30)
    seen: list[Scene] = []
    waits: list[float] = []

    def look() -> None:
        while not stop.is_set():
            started = time.perf_counter()
            seen.append(builder.snapshot())
            waits.append(time.perf_counter() - started)

    stop = threading.Event()
    looker = threading.Thread(target=look)
    looker.start()
    final = builder.finish()
    stop.set()
    looker.join()
    assert len(seen) > 3
    assert all(np.isfinite(scene.gaussians.means).all() for scene in seen)
    assert len({scene.gaussians.sh0.tobytes() for scene in seen}) > 2  # it was training
    assert_same(final, builder_of(frames(), iterations=30).finish())


def test_refining_trains_and_takes_new_places_in() -> None:
    builder = builder_of(frames()[:4], iterations=40)
    assert builder.refine(1.0)
    assert builder._trainer is not None
    assert builder._trainer.steps > 0
    early = builder.snapshot()
    for frame in frames()[4:]:
        builder.add(frame)
    assert len(builder.snapshot().gaussians) > len(early.gaussians)
    assert len(builder.snapshot().keyframes) == 12
    assert builder.snapshot().anchor.max() > 4
    while builder.refine(5.0):
        pass
    assert not builder.refine(0.1)
    scene = builder.finish()
    assert scene.report is not None
    assert scene.report["steps"] >= 40
    assert scene.report["held_out"]["coverage"] > 0.9


def test_what_later_frames_look_through_leaves_the_trained_scene() -> None:
    without_blue = [item for item in table_scene() if item.name != "blue"]
    builder = builder_of(make_capture(8).frames, voxel_size_m=0.02, iterations=20)
    builder.finish()
    before = _blue(builder.snapshot())
    assert before > 10
    for number, frame in enumerate(make_capture(25, scene=without_blue)):
        builder.add(replace(frame, frame_index=100 + number))
    assert _blue(builder._points.snapshot()) < 5
    while builder.refine(5.0):
        pass
    assert _blue(builder.snapshot()) < before / 4


def _blue(scene: Scene) -> int:
    """Opaque Gaussians where the blue box's upper half is."""
    g = scene.gaussians
    low, high = np.array([0.24, 0.09, 0.85]), np.array([0.33, 0.18, 1.0])
    inside = ((g.means > low) & (g.means < high)).all(axis=1)
    return int((inside & (g.opacities > 0.3)).sum())


def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_scene(tmp_path: Path) -> None:
    path = tmp_path / "scene.checkpoint.safetensors"
    changes = {"checkpoint": str(path), "checkpoint_every_s": 1e-6}
    whole = builder_of(frames()).finish()

    class Killed(Exception):
        pass

    def kill(stage: str, done: int, total: int | None) -> None:
        if done >= 20:
            raise Killed

    with pytest.raises(Killed):
        builder_of(frames(), **changes).finish(kill)
    assert path.exists()
    steps = []
    again = builder_of(frames(), **changes, resume="required")
    resumed = again.finish(lambda stage, done, total: steps.append(done))
    assert steps[0] == 30
    assert_same(resumed, whole)
    assert not list(tmp_path.glob(".writing*"))


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, caplog) -> None:
    path = tmp_path / "checkpoint.safetensors"
    changes = {"checkpoint": str(path), "checkpoint_every_s": 1e-6}
    builder_of(frames(), **changes).finish()
    required = {**changes, "resume": "required"}
    with pytest.raises(SceneError, match="another capture"):
        builder_of(frames()[:8], **required).finish()
    with pytest.raises(SceneError, match="another configuration"):
        builder_of(frames(), **required, seed=5).finish()
    builder_of(frames()[:8], **changes).finish()
    assert "starts over" in caplog.text
    path.write_bytes(b"no checkpoint at all")
    with pytest.raises(SceneError, match="not a checkpoint"):
        builder_of(frames(), **required).finish()
    with pytest.raises(SceneError, match="not a checkpoint"):
        builder_of(frames(), **{**required, "checkpoint": str(tmp_path / "none")}).finish()


def test_a_broken_training_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    changes = {"checkpoint": str(path), "checkpoint_every_s": 1e-6}
    builder = builder_of(frames(), **changes)

    def spoil(stage: str, done: int, total: int | None) -> None:
        trainer = builder._trainer
        assert trainer is not None
        if done == 20:
            rates = trainer.config.rates.model_copy(update={"log_scales": 1e30})
            config = trainer.config.model_copy(update={"rates": rates})
            trainer.schedule = Schedule(config, means_rate=1e38)

    with pytest.raises(TrainingError, match=f"at step .*last checkpoint is {path}"):
        builder.finish(spoil)
    steps = []
    builder_of(frames(), **changes).finish(lambda stage, done, total: steps.append(done))
    assert 0 < steps[0] <= FAST["iterations"]


def test_finishing_twice_changes_nothing() -> None:
    builder = builder_of(frames(), iterations=10)
    first, second = builder.finish(), builder.finish()
    assert_same(first, second)
    assert first.report == second.report


def test_cancel_stops_between_two_steps() -> None:
    builder, cancel = builder_of(frames()), threading.Event()

    def stop(stage: str, done: int, total: int | None) -> None:
        assert stage.startswith("splat")
        assert "dB" in stage
        assert total == 40
        if done == 10:
            cancel.set()

    with pytest.raises(Cancelled, match="after step 10"):
        builder.finish(stop, cancel)
    assert len(builder.snapshot().gaussians) > 0


def test_training_ends_after_its_time() -> None:
    builder = builder_of(frames(), iterations=100_000, max_seconds=0.5)
    started = time.perf_counter()
    scene = builder.finish()
    assert time.perf_counter() - started < 30
    assert scene.report is not None
    assert 0 < scene.report["steps"] < 100_000
    assert builder._trainer is not None
    assert builder._trainer.schedule.level(builder._trainer.progress) == 0


def test_state_holds_a_training(tmp_path: Path) -> None:
    builder = builder_of(frames(), iterations=20)
    builder.finish()
    np.savez(tmp_path / "state.npz", **builder.state())
    other = SplatBuilder(builder.config)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        other.restore(dict(stored))
    assert_same(other.snapshot(), builder.snapshot())
    assert not other.refine(0.1)
