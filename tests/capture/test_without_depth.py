"""Recordings without depth: refused with a way out, or read as colour alone if so wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.folder_writer import write_folder
from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.capture.summary import summarise
from grounding3d.errors import CaptureError
from tests.factories import ListCapture, make_capture

FRAMES = make_capture(3).frames
BARE = [replace(f, depth_m=np.zeros_like(f.depth_m)) for f in FRAMES]
OPTIONAL = CaptureConfig(depth="optional")


def test_colour_alone_is_refused_and_the_way_out_named(tmp_path: Path) -> None:
    folder = write_nerfstudio(ListCapture(BARE), tmp_path / "bare")
    assert not list(folder.glob("depth/*"))
    with pytest.raises(CaptureError, match=r"3 of 3 frames without.*--backend nerf"):
        open_capture(folder)


def test_colour_alone_is_read_where_that_is_wanted(tmp_path: Path) -> None:
    capture = open_capture(write_nerfstudio(ListCapture(BARE), tmp_path / "bare"), OPTIONAL)
    for mine, theirs in zip(capture, FRAMES, strict=True):
        np.testing.assert_array_equal(mine.rgb, theirs.rgb)
        np.testing.assert_allclose(mine.T_world_cam, theirs.T_world_cam, atol=1e-9)
        assert mine.depth_m.shape == theirs.depth_m.shape
        assert not mine.depth_m.any()
    assert "photometric only; scale comes from the poses" in "".join(capture.describe().warnings)
    assert summarise(capture).valid_depth_share == 0


def test_some_frames_may_lack_it(tmp_path: Path) -> None:
    mixed = ListCapture([FRAMES[0], BARE[1], FRAMES[2]])
    folder = write_nerfstudio(mixed, tmp_path / "mixed")
    left = open_capture(folder)
    np.testing.assert_allclose(left.poses, [FRAMES[i].T_world_cam for i in (0, 2)], atol=1e-9)
    assert all(frame.depth_m.any() for frame in left)
    assert "1 of 3 frames have no depth image" in left.describe().warnings[0]
    capture = open_capture(folder, OPTIONAL)
    assert [bool(f.depth_m.any()) for f in capture] == [True, False, True]
    assert "1 frames have no depth" in "".join(capture.describe().warnings)


def test_our_own_folder_too(tmp_path: Path) -> None:
    folder = write_folder(ListCapture(FRAMES), tmp_path / "own")
    record = json.loads((folder / "capture.json").read_text())
    for frame in record["frames"]:
        frame["depth"] = None
    (folder / "capture.json").write_text(json.dumps(record))
    with pytest.raises(CaptureError, match="--backend nerf"):
        open_capture(folder)
    capture = open_capture(folder, OPTIONAL)
    np.testing.assert_array_equal(next(iter(capture)).rgb, FRAMES[0].rgb)


def test_a_depth_image_that_is_named_must_be_there(tmp_path: Path) -> None:
    folder = write_nerfstudio(ListCapture(FRAMES), tmp_path / "cut")
    (folder / "depth" / "frame_00001.png").unlink()
    assert open_capture(folder, OPTIONAL).length == 2
