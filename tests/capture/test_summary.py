"""What `info` and `doctor` say about a recording."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from grounding3d.capture import open_capture
from grounding3d.capture.consistency import diagnose, pose_consistency
from grounding3d.capture.folder_writer import write_folder
from grounding3d.capture.summary import summarise
from grounding3d.errors import CaptureError
from grounding3d.geometry.frames import opengl_from_opencv
from grounding3d.geometry.transforms import invert_pose
from tests.factories import ListCapture, make_capture, orbit


def test_facts_of_a_known_capture(tmp_path):
    original = make_capture(30, rate_hz=5.0)
    write_folder(original, tmp_path / "c")
    for capture in (original, open_capture(tmp_path / "c")):
        summary = summarise(capture)
        assert summary.frames == 30
        assert summary.rate_hz == pytest.approx(5.0)
        assert summary.duration_s == pytest.approx(29 / 5)
        assert (summary.width, summary.height) == (160, 120)
        assert summary.intrinsics == (140, 140, 79.5, 59.5)
        steps = np.diff(np.stack(orbit(30))[:, :3, 3], axis=0)
        assert summary.path_length_m == pytest.approx(np.linalg.norm(steps, axis=1).sum())
        assert summary.up_world == (0, 0, 1)
        assert summary.up_source == "capture"
        assert summary.camera_frame == "camera_optical_frame"
        assert summary.valid_depth_share > 0.95
        assert 1.0 < summary.depth_percentiles_m["50"] < 3.0
        json.dumps(summary.as_dict(), allow_nan=False)


def test_doubts_are_named():
    frames = [
        replace(f, stamp_s=None, depth_stamp_s=None, depth_m=np.zeros_like(f.depth_m))
        for f in make_capture(3)
    ]
    still = [replace(f, T_world_cam=frames[0].T_world_cam) for f in frames]
    summary = summarise(ListCapture(still, up_world=None))
    text = " ".join(summary.warnings)
    assert summary.duration_s is None
    assert summary.depth_percentiles_m == {}
    assert "depth" in text
    assert "up" in text
    assert "never moves" in text
    backwards = make_capture(3).frames[::-1]
    assert "backwards" in " ".join(summarise(ListCapture(backwards)).warnings)


def test_an_empty_capture():
    with pytest.raises(CaptureError):
        summarise(ListCapture([]))


MIX_UPS = {
    "invert them": lambda f: {"T_world_cam": invert_pose(f.T_world_cam)},
    "OpenGL": lambda f: {"T_world_cam": opengl_from_opencv(f.T_world_cam)},
    "then negate": lambda f: {"T_world_cam": invert_pose(opengl_from_opencv(f.T_world_cam))},
    "multiply it by 0.2": lambda f: {"depth_m": f.depth_m * np.float32(5)},
    "multiply it by 5": lambda f: {"depth_m": f.depth_m * np.float32(0.2)},
    "multiply it by 1000": lambda f: {"depth_m": f.depth_m * np.float32(0.001)},
}


def test_a_sound_recording_needs_no_advice():
    result = pose_consistency(make_capture(12))
    assert result.consistent
    assert result.disagreement_m < 0.01
    assert "fit together" in diagnose(make_capture(12))


@pytest.mark.parametrize("advice", MIX_UPS)
def test_every_usual_mix_up_is_found_and_named(advice):
    wrong = [replace(f, **MIX_UPS[advice](f)) for f in make_capture(12)]
    result = pose_consistency(ListCapture(wrong))
    assert not result.consistent
    assert advice in result.advice
    assert advice in diagnose(ListCapture(wrong))


def test_what_no_mix_up_explains_is_said_too():
    frames = make_capture(12).frames
    rng = np.random.default_rng(0)
    for i, frame in enumerate(frames):
        T = frame.T_world_cam.copy()
        T[:3, 3] += rng.normal(0, 0.3, 3)
        frames[i] = replace(frame, T_world_cam=T)
    assert "no usual mix-up" in pose_consistency(ListCapture(frames)).advice


def test_too_little_to_compare():
    with pytest.raises(CaptureError):
        pose_consistency(make_capture(1))
