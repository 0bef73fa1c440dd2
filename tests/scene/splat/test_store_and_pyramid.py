"""Frames come back as they were; halved images show the same geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import SMALL_CAMERA, make_capture
from training import frames

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.camera import Camera
from grounding3d.scene.splat.pyramid import halved_camera, halved_depth, halved_rgb, levels_of
from grounding3d.scene.splat.store import DEPTH_STEP_M, FrameStore


def keep(store: FrameStore, frame: RGBDFrame, number: int = 0, held_out: bool = False) -> None:
    store.add(frame, frame.depth_m, keyframe=number, held_out=held_out)


def test_pixels_come_back() -> None:
    store = FrameStore(levels=1, max_frames=10)
    for number, frame in enumerate(frames()[:4]):
        keep(store, frame, number)
    for position in (2, 0, 3, 1):
        frame = frames()[position]
        rgb, depth_m, camera = store.read(position)
        np.testing.assert_array_equal(rgb, frame.rgb)
        assert np.abs(depth_m - frame.depth_m).max() <= 0.51 * DEPTH_STEP_M
        assert ((depth_m == 0) == (frame.depth_m == 0)).all()
        assert camera == frame.camera
        halved = store.read(position, level=1)
        np.testing.assert_array_equal(halved[0], halved_rgb(frame.rgb))
        assert halved[2] == halved_camera(frame.camera)


def test_millimetres_are_exact_and_what_is_too_far_is_unknown() -> None:
    depth = np.arange(SMALL_CAMERA.width * SMALL_CAMERA.height, dtype=np.float32) / 1000
    depth = depth.reshape(SMALL_CAMERA.height, SMALL_CAMERA.width)
    store = FrameStore(levels=0, max_frames=2)
    keep(store, replace(frames()[0], depth_m=depth))
    stored = store.read(0)[1]
    near = depth < 13
    np.testing.assert_array_equal(np.rint(stored[near] * 1000), np.rint(depth[near] * 1000))
    assert (stored[depth > 13.2] == 0).all()


def test_frames_of_different_sizes_live_together() -> None:
    small = Camera.from_focal(70, 70, 39.5, 29.5, 80, 60)
    store = FrameStore(levels=2, max_frames=10)
    mixed = [*make_capture(2), *make_capture(2, camera=small), *make_capture(1)]
    for frame in mixed:
        keep(store, frame)
    for position, frame in enumerate(mixed):
        np.testing.assert_array_equal(store.read(position)[0], frame.rgb)
    assert len(store.frames[2].cameras) == 1  # half of 60 rows teaches nothing
    assert store.read(2, level=1)[2] == small


def test_a_full_store_keeps_every_second_frame_and_its_file_does_not_grow() -> None:
    store = FrameStore(levels=0, max_frames=8)
    sizes = []
    for number in range(64):
        keep(store, replace(frames()[number % 12], frame_index=number), number)
        sizes.append(store._end)
    indices = [frame.frame_index for frame in store.frames]
    assert len(indices) < 8
    assert set(np.diff(indices)) == {16}
    assert max(sizes) == 8 * 5 * SMALL_CAMERA.width * SMALL_CAMERA.height
    for position, index in enumerate(indices):
        np.testing.assert_array_equal(store.read(position)[0], frames()[index % 12].rgb)


def test_state_holds_the_frames_and_is_a_copy(tmp_path) -> None:
    store = FrameStore(levels=1, max_frames=4)
    for number, frame in enumerate(frames()[:3]):
        keep(store, frame, number, held_out=number == 1)
    np.savez(tmp_path / "state.npz", **store.state())
    state = store.state()
    for frame in frames()[3:9]:
        keep(store, frame)  # thins, and writes into the freed places
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        for values in (dict(stored), state):
            other = FrameStore(levels=1, max_frames=4)
            other.restore(values)
            assert [f.held_out for f in other.frames] == [False, True, False]
            for position in range(3):
                np.testing.assert_array_equal(other.read(position)[0], frames()[position].rgb)
            keep(other, frames()[3])
    assert other.digest == _digest(frames()[:4])
    assert other.digest != _digest(frames()[1:5])


def _digest(views: tuple[RGBDFrame, ...]) -> bytes:
    store = FrameStore(levels=0, max_frames=10)
    for view in views:
        keep(store, view)
    return store.digest


def test_halved_depth_lies_on_the_plane_that_the_halved_camera_sees() -> None:
    normal, offset = np.array([0.3, -0.2, 0.9]), 1.4

    def plane(camera: Camera) -> np.ndarray:
        return (offset / (camera.rays @ normal)).astype(np.float32)

    halved = halved_camera(SMALL_CAMERA)
    assert np.abs(halved_depth(plane(SMALL_CAMERA)) - plane(halved)).max() < 1e-4
    quarter = halved_camera(halved)
    twice = halved_depth(halved_depth(plane(SMALL_CAMERA)))
    assert np.abs(twice - plane(quarter)).max() < 1e-3


def test_halved_depth_never_lies_between_two_surfaces() -> None:
    rng = np.random.default_rng(0)
    depth = np.where(rng.random((40, 60)) < 0.5, 0.8, 2.0).astype(np.float32)
    depth[rng.random(depth.shape) < 0.2] = 0
    values = np.unique(halved_depth(depth))
    assert np.abs(values[:, None] - [0, 0.8, 2.0]).min(axis=1).max() < 1e-6
    assert halved_depth(np.array([[0, 1.0], [0, 0]], np.float32)) == 0


def test_halved_colour_is_the_mean() -> None:
    image = np.array([[[0, 10, 255], [2, 10, 255]], [[4, 10, 255], [6, 11, 255]]], np.uint8)
    np.testing.assert_array_equal(halved_rgb(image), [[[3, 10, 255]]])


@pytest.mark.parametrize(("size", "wanted", "given"), [((640, 480), 4, 3), ((160, 120), 3, 1)])
def test_images_are_not_halved_to_nothing(size: tuple[int, int], wanted: int, given: int) -> None:
    assert levels_of(Camera.from_focal(100, 100, 1, 1, *size), wanted) == given


def test_odd_sizes_lose_a_row_and_no_geometry() -> None:
    camera = Camera.from_focal(100, 101, 20.2, 17.7, 43, 35)
    halved = halved_camera(camera)
    assert (halved.width, halved.height) == (21, 17)
    # the centre of a half pixel is the middle of its four
    assert np.allclose(halved.rays[3, 5], camera.rays[6:8, 10:12].mean(axis=(0, 1)))
