"""Frames kept for the job: what comes back is what went in, in metres, as any nerfstudio data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import SceneError
from grounding3d.scene.nerf.frames import FrameSpool, split, spread
from tests.factories import make_capture

FRAMES = make_capture(6).frames
BARE = replace(FRAMES[2], depth_m=np.zeros_like(FRAMES[2].depth_m))


def spooled(folder: Path, frames: list[RGBDFrame], max_frames: int = 100) -> FrameSpool:
    spool = FrameSpool(folder, max_frames)
    for n, frame in enumerate(frames):
        spool.add(frame, frame.depth_m, keyframe=n)
    spool.write_index()
    return spool


def test_the_folder_is_a_recording_in_the_captures_own_world(tmp_path: Path) -> None:
    spooled(tmp_path, [*FRAMES[:2], BARE])
    read = list(open_capture(tmp_path, CaptureConfig(depth="optional")))
    for mine, theirs in zip(read, [*FRAMES[:2], BARE], strict=True):
        np.testing.assert_array_equal(mine.rgb, theirs.rgb)
        np.testing.assert_allclose(mine.depth_m, theirs.depth_m, atol=0.0006)
        np.testing.assert_allclose(mine.T_world_cam, theirs.T_world_cam, atol=1e-9)
        np.testing.assert_allclose(mine.camera.K, theirs.camera.K)
    assert not read[2].depth_m.any()


def test_a_frame_is_read_back(tmp_path: Path) -> None:
    spool = spooled(tmp_path, [FRAMES[0], BARE])
    rgb, depth_m = spool.read(0)
    np.testing.assert_array_equal(rgb, FRAMES[0].rgb)
    np.testing.assert_allclose(depth_m, FRAMES[0].depth_m, atol=0.0006)
    assert not spool.read(1)[1].any()


def test_beyond_the_bound_every_second_frame_is_let_go(tmp_path: Path) -> None:
    spool = spooled(tmp_path, FRAMES, max_frames=4)
    assert [f.view.frame_index for f in spool.frames] == [0, 2, 4]
    for n, index in enumerate((0, 2, 4)):
        np.testing.assert_array_equal(spool.read(n)[0], FRAMES[index].rgb)
    assert len(list(tmp_path.glob("images/*.png"))) == 3


def test_images_of_an_earlier_run_go(tmp_path: Path) -> None:
    spooled(tmp_path, FRAMES)
    spooled(tmp_path, [BARE, *FRAMES[:1]])
    assert len(list(tmp_path.glob("images/*.png"))) == 2
    assert [p.name for p in tmp_path.glob("depth/*.png")] == ["frame_00001.png"]


def test_a_state_goes_on_in_another_folder(tmp_path: Path) -> None:
    a = spooled(tmp_path / "a", [*FRAMES[:3], BARE])
    b = FrameSpool(tmp_path / "b", 100)
    b.restore(a.state())
    assert (b.digest, len(b)) == (a.digest, 4)
    for spool in (a, b):
        spool.add(FRAMES[4], FRAMES[4].depth_m, keyframe=4)
        spool.write_index()
    assert b.digest == a.digest
    for path in (tmp_path / "a").rglob("*.*"):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_a_cut_state_is_refused(tmp_path: Path) -> None:
    state = spooled(tmp_path / "a", FRAMES[:2]).state()
    with pytest.raises(SceneError, match="do not fit"):
        FrameSpool(tmp_path / "b", 10).restore({**state, "files": state["files"][:-1]})


def test_other_pixels_poses_or_order_have_another_digest(tmp_path: Path) -> None:
    moved = replace(FRAMES[1], T_world_cam=FRAMES[2].T_world_cam)
    brighter = replace(FRAMES[1], rgb=FRAMES[1].rgb | 1)
    sets = [FRAMES[:2], FRAMES[1::-1], [FRAMES[0], moved], [FRAMES[0], brighter]]
    digests = {spooled(tmp_path / str(n), frames).digest for n, frames in enumerate(sets)}
    assert len(digests) == len(sets)


def test_held_out_frames_are_spread_and_never_trained_on(tmp_path: Path) -> None:
    frames = spooled(tmp_path, FRAMES).frames
    assert split(frames, every=3, most=20) == ([0, 1, 3, 4], [2, 5])
    assert split(frames, every=2, most=2) == ([0, 2, 3, 4], [1, 5])
    assert split(frames, every=0, most=20) == ([0, 1, 2, 3, 4, 5], [])
    assert spread(100, 3) == [0, 50, 99]
    assert spread(2, 5) == [0, 1]
