"""Our own folder: versions, damage, replacement, cameras that change."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from grounding3d.capture import open_capture
from grounding3d.capture.folder_writer import write_folder
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from tests.factories import ListCapture, make_capture, orbit, render, table_scene


@pytest.fixture
def folder(tmp_path):
    return write_folder(make_capture(3, world_frame="odom"), tmp_path / "capture")


def _edit(folder, **changes):
    file = folder / "capture.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_it_says_everything_itself(folder):
    capture = open_capture(folder)
    assert capture.world_frame == "odom"
    assert capture[0].camera_frame == "camera_optical_frame"
    assert capture.describe().format == "folder"
    assert open_capture(folder / "capture.json").length == 3
    assert np.allclose(capture.poses[1], capture[1].T_world_cam)


def test_depth_unit_and_jpg(tmp_path):
    original = make_capture(2)
    write_folder(original, tmp_path / "fine", depth_unit_m=0.0001, image="jpg")
    got = open_capture(tmp_path / "fine")[1]
    assert np.abs(got.depth_m - original[1].depth_m).max() < 6e-5
    assert np.abs(got.rgb.astype(int) - original[1].rgb).mean() < 6


def test_cameras_may_differ_between_frames(tmp_path):
    original = make_capture(2)
    other = Camera.from_focal(90, 95, 50, 40, 100, 80)
    rgb, depth_m = render(table_scene(), other, orbit(2)[1])
    zoomed = replace(original[1], camera=other, rgb=rgb, depth_m=depth_m)
    write_folder(ListCapture([original[0], zoomed]), tmp_path / "two")
    capture = open_capture(tmp_path / "two")
    assert capture[0].camera == original[0].camera
    assert capture[1].camera == other


def test_an_older_recording_is_replaced_and_survives_a_failure(folder):
    class Failing(ListCapture):
        def __iter__(self):
            yield self.frames[0]
            raise OSError(28, "No space left on device")

    with pytest.raises(CaptureError, match="No space left"):
        write_folder(Failing(make_capture(2).frames), folder)
    assert open_capture(folder).length == 3
    write_folder(make_capture(2), folder)
    assert open_capture(folder).length == 2
    assert [p.name for p in folder.parent.iterdir()] == ["capture"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "another version"),
        ({"format": "somebody's"}, "another kind"),
        ({"depth_unit_m": 0}, "depth_unit_m"),
        ({"depth_unit_m": None}, "depth_unit_m"),
        ({"frames": []}, "no frames"),
        ({"up_world": [0, 0, 0]}, "up"),
        ({"camera": {"fx": 1, "fy": 1, "cx": 0, "cy": 0, "width": 8, "height": 8}}, "160x120"),
    ],
)
def test_wrong_records_are_refused(folder, change, message):
    _edit(folder, **change)
    with pytest.raises(CaptureError, match=message):
        list(open_capture(folder))


def test_files_outside_the_folder_are_not_read(folder):
    record = json.loads((folder / "capture.json").read_text())
    record["frames"][0]["rgb"] = "../secret.png"
    _edit(folder, frames=record["frames"])
    with pytest.raises(CaptureError, match="outside"):
        open_capture(folder)


def test_unknown_keys_are_ignored_and_broken_json_is_an_error(folder):
    _edit(folder, recorded_by="a robot")
    assert open_capture(folder).length == 3
    (folder / "capture.json").write_text('{"format": "grounding3d-cap')
    with pytest.raises(CaptureError, match="JSON"):
        open_capture(folder)


def test_intrinsics_hold_for_one_size_of_image(folder):
    for name in ("rgb", "depth"):
        file = folder / name / "000001.png"
        with Image.open(file) as image:
            small = image.resize((80, 60), Image.Resampling.NEAREST)
        small.save(file)
    capture = open_capture(folder)
    with pytest.raises(CaptureError, match=r"not fit its intrinsics.*expected 160x120.*80x60"):
        capture[1]
    assert [frame.frame_index for frame in capture] == [0, 2]
