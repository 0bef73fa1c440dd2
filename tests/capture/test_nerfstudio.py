"""nerfstudio's transforms.json: transforms undone, lenses, half pixels, depth of other sizes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.errors import CaptureError
from tests.factories import depth_disagreement_m, make_capture, render, table_scene


@pytest.fixture
def original():
    return make_capture(3)


@pytest.fixture
def folder(original, tmp_path):
    return write_nerfstudio(original, tmp_path / "ns")


def _meta(folder):
    return json.loads((folder / "transforms.json").read_text())


def _save(folder, meta):
    (folder / "transforms.json").write_text(json.dumps(meta))


def test_axes_are_opengls(folder, original):
    matrix = np.array(_meta(folder)["frames"][0]["transform_matrix"])
    forward = original[0].T_world_cam[:3, 2]
    assert matrix[:3, 2] == pytest.approx(-forward)


def test_applied_transform_and_scale_are_undone(folder, original):
    applied = np.array([[0, 1, 0, 0.5], [0, 0, 1, -1], [1, 0, 0, 2], [0, 0, 0, 1]], float)
    meta = _meta(folder)
    for frame in meta["frames"]:
        moved = applied @ np.array(frame["transform_matrix"])
        moved[:3, 3] *= 0.25
        frame["transform_matrix"] = moved.tolist()
    meta |= {"applied_transform": applied[:3].tolist(), "applied_scale": 0.25}
    _save(folder, meta)
    for got, want in zip(open_capture(folder), original):
        assert got.T_world_cam == pytest.approx(want.T_world_cam, abs=1e-9)


def test_principal_points_lose_half_a_pixel_and_global_intrinsics_hold(folder, original):
    meta = _meta(folder)
    own = {key: meta["frames"][0][key] for key in ("fl_x", "fl_y", "cx", "cy", "w", "h")}
    assert own["cx"] == original[0].camera.cx + 0.5
    for frame in meta["frames"][1:]:
        for key in own:
            del frame[key]
    meta |= {**own, "fl_x": 150.0}
    _save(folder, meta)
    capture = open_capture(folder)
    assert [f.camera.fx for f in capture] == [140, 150, 150]
    assert capture[1].camera.cx == original[0].camera.cx


def test_frames_come_in_the_natural_order_of_their_names(folder, original):
    meta = _meta(folder)
    for number, frame in zip((10, 2, 1), meta["frames"]):
        name = f"images/f_{number}.png"
        (folder / frame["file_path"]).rename(folder / name)
        frame["file_path"] = name
    _save(folder, meta)
    poses = open_capture(folder).poses
    assert poses[0] == pytest.approx(original[2].T_world_cam)
    assert poses[2] == pytest.approx(original[0].T_world_cam)


@pytest.mark.parametrize("shape", [(60, 80), (240, 320)])
def test_depth_of_another_size_shows_the_same_view(folder, original, shape):
    camera = original[0].camera.resized(shape[1], shape[0])
    for frame, posed in zip(_meta(folder)["frames"], original):
        _, depth_m = render(table_scene(), camera, posed.T_world_cam)
        Image.fromarray((depth_m * 1000).astype(np.uint16)).save(folder / frame["depth_file_path"])
    frames = list(open_capture(folder))
    assert frames[0].depth_m.shape == (120, 160)
    known = (frames[0].depth_m > 0) & (original[0].depth_m > 0)
    assert known.mean() > 0.95
    error = np.abs(frames[0].depth_m - original[0].depth_m)[known]
    assert np.median(error) < 0.01
    assert depth_disagreement_m(frames[0], frames[1]) < 0.02


def test_fisheye_images_become_pinhole_images(folder, original):
    meta = _meta(folder)
    meta |= {"camera_model": "OPENCV_FISHEYE", "k1": 0.01, "k2": 0.0, "k3": 0.0, "k4": 0.0}
    _save(folder, meta)
    frame = open_capture(folder)[0]
    assert frame.camera == original[0].camera
    assert not np.array_equal(frame.rgb, original[0].rgb)
    assert np.array_equal(frame.rgb[59:61, 79:81], original[0].rgb[59:61, 79:81])


@pytest.mark.parametrize("model", ["OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "RADIAL"])
def test_coefficients_are_never_ignored_whatever_the_model_is_called(folder, original, model):
    meta = _meta(folder)
    _save(folder, meta | {"camera_model": "OPENCV", "k1": -0.1})
    undone = open_capture(folder)[0]
    assert not np.array_equal(undone.rgb, original[0].rgb)
    _save(folder, meta | {"camera_model": model, "k1": -0.1})
    assert np.array_equal(open_capture(folder)[0].rgb, undone.rgb)
    _save(folder, meta | {"camera_model": model, "k5": 0.1})
    with pytest.raises(CaptureError, match="k5"):
        open_capture(folder)


def test_names_of_other_programs_are_found(folder, original):
    meta = _meta(folder)
    for frame in meta["frames"]:
        frame["file_path"] = "./" + frame["file_path"].removesuffix(".png")
        frame["depth_file_path"] = frame["depth_file_path"].replace("/", "\\")
    text = json.dumps(meta)
    (folder / "transforms.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    for frame, want in zip(open_capture(folder), original, strict=True):
        assert np.array_equal(frame.rgb, want.rgb)
    for file in (folder / "depth").iterdir():
        file.unlink()
    with pytest.raises(CaptureError, match=r"no .*depth"):
        open_capture(folder)


def test_depth_as_a_float_image_needs_a_unit_too(folder, original):
    meta = _meta(folder)
    del meta["depth_unit_scale_factor"]
    for frame, posed in zip(meta["frames"], original):
        frame["depth_file_path"] = frame["depth_file_path"].replace(".png", ".tiff")
        Image.fromarray(posed.depth_m).save(folder / frame["depth_file_path"])
    _save(folder, meta)
    with pytest.raises(CaptureError, match=r"depth_unit_m=1"):
        open_capture(folder)
    frame = open_capture(folder, CaptureConfig(depth_unit_m=1))[1]
    assert np.array_equal(frame.depth_m, original[1].depth_m)


def test_float_arrays_need_a_unit(folder, original):
    meta = _meta(folder)
    del meta["depth_unit_scale_factor"]
    for frame, posed in zip(meta["frames"], original):
        frame["depth_file_path"] = frame["depth_file_path"].replace(".png", ".npy")
        depth_m = posed.depth_m.copy()
        depth_m[0, 0] = np.nan
        np.save(folder / frame["depth_file_path"], depth_m)
    _save(folder, meta)
    with pytest.raises(CaptureError, match=r"depth_unit_m=1"):
        open_capture(folder)
    frame = open_capture(folder, CaptureConfig(depth_unit_m=1))[1]
    assert frame.depth_m[0, 0] == 0
    assert np.array_equal(frame.depth_m[1:], original[1].depth_m[1:])


def test_frames_without_their_images_are_left_out_with_a_warning(folder):
    (folder / "images/frame_00001.png").unlink()
    capture = open_capture(folder)
    assert capture.length == 2
    assert "1 of 3" in capture.describe().warnings[0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: [f.pop("depth_file_path") for f in m["frames"]], "no depth images"),
        (lambda m: m["frames"][0].pop("transform_matrix"), "transform_matrix"),
        (lambda m: m["frames"][0].pop("fl_x"), "color_intrinsics"),
        (lambda m: [frame.update(w=99) for frame in m["frames"]], "99x120"),
        (lambda m: m["frames"][0].update(fl_x=-140), "transforms.json are of no use"),
        (lambda m: m.update(camera_model="EQUIRECTANGULAR"), "EQUIRECTANGULAR"),
        (lambda m: m.update(k4=0.1), "k4"),
        (lambda m: m.update(camera_model="OPENCV_FISHEYE", p1=0.1), "p1"),
        (lambda m: m.update(frames=[]), "no frames"),
        (lambda m: m.update(applied_scale=-1), "applied_scale"),
        (lambda m: m.update(applied_transform=[[1, 2], [3, 4]]), "applied_transform"),
        (lambda m: m.update(depth_unit_scale_factor=0), "depth_unit_scale_factor"),
    ],
)
def test_wrong_files_are_refused(folder, spoil, message):
    meta = _meta(folder)
    spoil(meta)
    _save(folder, meta)
    with pytest.raises(CaptureError, match=message):
        list(open_capture(folder))


@pytest.mark.parametrize("named", ["", ".png", ".PNG"])
def test_endings_may_be_of_another_case(folder, named):
    for file in (folder / "images").iterdir():
        file.rename(file.with_suffix(".PNG"))
    meta = _meta(folder)
    for frame in meta["frames"]:
        frame["file_path"] = frame["file_path"].removesuffix(".png") + named
    _save(folder, meta)
    assert len(list(open_capture(folder))) == 3


def test_relatives_of_the_format_name_depth_and_its_unit_otherwise(folder, original):
    """As instant-ngp and NeRFCapture write them; the unit is far from a millimetre."""
    meta = _meta(folder)
    del meta["depth_unit_scale_factor"]
    meta["integer_depth_scale"] = 10 / 65535
    for frame, posed in zip(meta["frames"], original):
        frame["depth_path"] = frame.pop("depth_file_path")
        steps = np.rint(posed.depth_m * 6553.5).astype(np.uint16)
        Image.fromarray(steps).save(folder / frame["depth_path"])
    _save(folder, meta)
    for got, want in zip(open_capture(folder), original, strict=True):
        assert np.abs(got.depth_m - want.depth_m).max() < 2e-4


@pytest.mark.parametrize("has_size", [True, False])
def test_a_field_of_view_does_for_a_focal_length(folder, original, has_size):
    meta = _meta(folder)
    width = original[0].camera.width
    meta["camera_angle_x"] = 2 * np.arctan(width / 2 / original[0].camera.fx)
    for frame in meta["frames"]:
        for key in ("fl_x", "fl_y", "cx", "cy", *(() if has_size else ("w", "h"))):
            del frame[key]
    _save(folder, meta)
    assert pytest.approx(original[0].camera.K) == open_capture(folder)[0].camera.K
    _save(folder, meta | {"camera_angle_x": 4})
    with pytest.raises(CaptureError, match="field of view"):
        open_capture(folder)


@pytest.mark.parametrize("root", ["/home/somebody/scans/kitchen/", "C:\\scans\\kitchen\\"])
def test_whole_paths_of_another_machine_are_found_by_their_end(folder, original, root):
    meta = _meta(folder)
    for frame in meta["frames"]:
        for key in ("file_path", "depth_file_path"):
            frame[key] = root + (frame[key].replace("/", "\\") if "\\" in root else frame[key])
    _save(folder, meta)
    for got, want in zip(open_capture(folder), original, strict=True):
        assert np.array_equal(got.rgb, want.rgb)
        assert got.depth_m == pytest.approx(want.depth_m, abs=1e-3)


def test_a_rational_lens_is_undone(folder, original):
    meta = _meta(folder)
    _save(folder, meta | {"camera_model": "FULL_OPENCV", "k1": 0.1, "k4": 0.1})
    # the same polynomial above and below: no distortion at all
    assert np.array_equal(open_capture(folder)[0].rgb, original[0].rgb)
    _save(folder, meta | {"camera_model": "FULL_OPENCV", "k4": 0.1})
    assert not np.array_equal(open_capture(folder)[0].rgb, original[0].rgb)
