"""Things are where their colours are in pictures, scales hold, videos play."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import box_scene
import numpy as np
import pytest
from box_scene import BOXES, IDS
from factories import UP, render, table_scene
from PIL import Image

from grounding3d.errors import SceneError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, rotation_between, transform_points
from grounding3d.interfaces.cli import main
from grounding3d.interfaces.renders.colours import (
    colour_depth,
    depth_in_millimetres,
    normals_of,
    turbo,
)
from grounding3d.interfaces.renders.compare import compare
from grounding3d.interfaces.renders.contact_sheet import contact_sheet
from grounding3d.interfaces.renders.crops import object_crops
from grounding3d.interfaces.renders.drawing import ACCENT, plain
from grounding3d.interfaces.renders.floor_plan import floor_plan
from grounding3d.interfaces.renders.paths import orbit, trajectory
from grounding3d.interfaces.renders.plan_frame import make_plan_frame, nice_length, outline
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import save_scene
from grounding3d.query.gaussian_relevancy import gaussian_relevancy
from grounding3d.scene.rasterizers import available_rasterizers

CHANNEL = {"red": 0, "green": 1, "blue": 2}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return box_scene.recorded(tmp_path_factory.mktemp("recording") / "frames")


@pytest.fixture(scope="module")
def scene(recording: Path) -> LanguageScene:
    return box_scene.language_scene(recording)


@pytest.fixture(scope="module")
def folder(scene: LanguageScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scene(tmp_path_factory.mktemp("render") / "scene", scene)


@pytest.fixture(scope="module")
def renderer(scene: LanguageScene) -> ViewRenderer:
    return ViewRenderer(scene.scene)


def pixel_of(point: np.ndarray, camera: Camera, T_world_cam: np.ndarray) -> tuple[int, int]:
    """Row and column of a world point."""
    uv, z = camera.project(transform_points(invert_pose(T_world_cam), np.asarray(point, float)))
    assert z > 0
    return round(float(uv[1])), round(float(uv[0]))


def is_coloured(rgb: np.ndarray, name: str) -> bool:
    """Whether a pixel's strongest channel is the box's."""
    return int(np.argmax(rgb)) == CHANNEL[name] and int(np.max(rgb)) > 1.5 * float(np.median(rgb))


def top_of(name: str) -> np.ndarray:
    box = BOXES[name]
    return box.center + np.array([0, 0, box.size[2] / 2])


class TestViews:
    @pytest.fixture(scope="class")
    def views(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("views") / "out"
        assert main(["render", str(folder), "-o", str(out), "--every", "4"]) == 0
        return out

    @pytest.fixture(scope="class")
    def index(self, views: Path) -> list[dict]:
        return json.loads((views / "renders.json").read_text())["views"]

    def test_boxes_are_where_their_colours_are(self, views: Path, index: list[dict]) -> None:
        assert [entry["frame_index"] for entry in index] == [0, 4]
        for entry in index:
            camera = Camera(np.array(entry["K"]), entry["width"], entry["height"])
            rgb = np.asarray(Image.open(views / f"{entry['frame_index']:05d}_colour.png"))
            for name in CHANNEL:
                row, column = pixel_of(top_of(name), camera, np.array(entry["T_world_cam"]))
                assert is_coloured(rgb[row, column], name), name

    def test_the_millimetres_are_true(self, views: Path, index: list[dict]) -> None:
        for entry in index:
            camera = Camera(np.array(entry["K"]), entry["width"], entry["height"])
            _, true_m = render(table_scene(), camera, np.array(entry["T_world_cam"]))
            picture = Image.open(views / f"{entry['frame_index']:05d}_depth_mm.png")
            depth_m = np.asarray(picture).astype(float) / 1000
            near = (depth_m > 0) & (true_m > 0) & (true_m < 2)
            assert near.mean() > 0.4
            assert np.median(np.abs(depth_m - true_m)[near]) < 0.01

    def test_normals_are_in_the_world(self, views: Path, index: list[dict]) -> None:
        entry = index[0]
        camera = Camera(np.array(entry["K"]), entry["width"], entry["height"])
        rgb = np.asarray(Image.open(views / "00000_normals.png")).astype(float)
        row, column = pixel_of(np.array([-0.4, 0.2, 0.7]), camera, np.array(entry["T_world_cam"]))
        np.testing.assert_allclose(rgb[row, column] / 127.5 - 1, UP, atol=0.15)

    def test_recorded_frames_stand_beside(self, views: Path, index: list[dict]) -> None:
        colour, beside = (Image.open(views / f"00000_{n}.png") for n in ("colour", "beside"))
        assert beside.width > 2 * colour.width
        assert beside.height > 2 * colour.height
        assert index[0]["quality"]["depth_median_mm"] < 10
        assert index[0]["quality"]["psnr_db"] > 18

    def test_width_and_a_lost_recording(self, scene, tmp_path: Path) -> None:
        lost = replace(scene, capture={**scene.capture, "source": "/nowhere/at/all"})
        save_scene(tmp_path / "s", lost)
        arguments = ["render", str(tmp_path / "s"), "-o", str(tmp_path / "v"), "--width", "100"]
        assert main(arguments) == 0
        names = {path.name for path in (tmp_path / "v").iterdir()}
        assert "00000_beside.png" not in names
        assert Image.open(tmp_path / "v" / "00000_colour.png").size == (100, 75)

    def test_another_recording_is_noticed(self, folder: Path, tmp_path: Path, capsys) -> None:
        other = box_scene.recorded(tmp_path / "other", count=3)
        out = ["-o", str(tmp_path / "v"), "--capture", str(other)]
        assert main(["render", str(folder), *out]) == 2
        assert "--capture" in capsys.readouterr().err
        assert not (tmp_path / "v").exists()

    def test_held_out_needs_frames_that_were_not_used(self, folder, tmp_path, capsys) -> None:
        out = ["-o", str(tmp_path / "v"), "--held-out"]
        assert main(["render", str(folder), *out]) == 2
        assert "not built from" in capsys.readouterr().err
        assert not (tmp_path / "v").exists()

    def test_held_out_frames_are_the_others(self, scene, recording, tmp_path) -> None:
        keyframes = scene.scene.keyframes[::2]
        half = replace(scene, scene=replace(scene.scene, keyframes=keyframes))
        save_scene(tmp_path / "s", half)
        options = ["--held-out", "--every", "1", "--width", "80"]
        assert main(["render", str(tmp_path / "s"), "-o", str(tmp_path / "v"), *options]) == 0
        index = json.loads((tmp_path / "v" / "renders.json").read_text())["views"]
        assert [entry["frame_index"] for entry in index] == [1, 3, 5, 7]


class TestWhereItIsWritten:
    def test_other_peoples_files_stay(self, folder: Path, tmp_path: Path, capsys) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        assert main(["render", str(folder), "-o", str(tmp_path), "--width", "32"]) == 2
        assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
        assert main(["render", str(folder), "-o", str(folder), "--width", "32"]) == 2
        assert "scene" in capsys.readouterr().err

    def test_our_own_pictures_are_replaced(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "v"
        for every in ("2", "8"):
            options = ["--every", every, "--width", "32"]
            assert main(["render", str(folder), "-o", str(out), *options]) == 0
        assert len(list(out.glob("*_colour.png"))) == 1
        assert [p.name for p in tmp_path.iterdir()] == ["v"]

    @pytest.mark.parametrize(
        "options",
        [
            ["--what", "relevancy"], ["--query", "mug"], ["--every", "0"], ["--fps", "0"],
            ["--what", "floor-plan"], ["--what", "orbit", "--object", "77"],
            ["--rasterizer", "magic"], ["--what", "orbit"],
        ],
    )  # fmt: skip
    def test_bad_usage_exits_2(self, folder: Path, tmp_path: Path, capsys, options) -> None:
        assert main(["render", str(folder), "-o", str(tmp_path / "out"), *options]) == 2
        assert "Traceback" not in capsys.readouterr().err


class TestFloorPlan:
    def test_things_lie_where_the_plan_says(self, scene, renderer) -> None:
        plan = floor_plan(scene, renderer, width=600)
        for name in CHANNEL:
            low, high = BOXES[name].aabb()
            inside = np.array([low[0] * 0.6 + high[0] * 0.4, low[1] * 0.7 + high[1] * 0.3, high[2]])
            u, v = np.rint(plan.pixels(inside)).astype(int)
            rgb = plan.rgb[v, u].astype(int)
            assert rgb.argmax() == CHANNEL[name], name
            assert rgb.max() > np.median(rgb) + 15, name
        red, blue = (plan.pixels(BOXES[name].center) for name in ("red", "blue"))
        assert blue[0] > red[0]  # x to the right
        assert blue[1] < red[1]  # y upwards

    def test_the_scale_bar_is_as_long_as_it_says(self, scene, renderer) -> None:
        plan = floor_plan(scene, renderer, width=600)
        left, right, row = plan.bar_px
        assert right - left == pytest.approx(plan.bar_m * plan.frame.px_per_m)
        a, b = plan.pixels(np.array([[0.0, 0, 0.7], [0.3, 0.4, 0.7]]))
        assert np.linalg.norm(b - a) == pytest.approx(0.5 * plan.frame.px_per_m)
        dark = np.flatnonzero(plan.rgb[round(row), : round(right) + 3].max(axis=1) < 60)
        assert abs(dark[0] - left) <= 1
        assert abs(dark[-1] - (right - 1)) <= 1

    def test_the_camera_above_sees_the_plan(self, scene) -> None:
        tilt = rotation_between(UP, np.array([0.1, -0.9, 0.4]))
        up = tilt @ UP
        turned = replace(scene.scene, keyframes=())
        frame = make_plan_frame(turned, list(scene.objects), up, 500)
        camera, pose = frame.camera()
        points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
        uv, z = camera.project(transform_points(invert_pose(pose), points))
        assert (z > 0).all()
        off = np.linalg.norm(uv - frame.pixels(points), axis=1)
        from_middle = np.linalg.norm(uv - camera.K[:2, 2], axis=1)
        assert (off < 0.004 * from_middle + 0.01).all()
        assert frame.right @ frame.ahead == pytest.approx(0)
        np.testing.assert_allclose(np.cross(frame.right, frame.ahead), up, atol=1e-12)

    def test_through_the_command_line(self, folder, tmp_path) -> None:
        for options in ([], ["--object", "1"]):
            out = tmp_path / "plan.png"
            arguments = ["--what", "floor-plan", "--width", "300", *options]
            assert main(["render", str(folder), "-o", str(out), *arguments]) == 0
            assert Image.open(out).width > 300

    def test_without_up_it_is_withheld(self, scene, renderer, tmp_path, capsys) -> None:
        lost = replace(scene, scene=replace(scene.scene, up_world=None, up_source="unknown"))
        with pytest.raises(SceneError, match="which way is up"):
            floor_plan(lost, renderer)
        save_scene(tmp_path / "s", lost)
        for what, name in (("floor-plan", "p.png"), ("orbit", "o.mp4")):
            arguments = ["-o", str(tmp_path / name), "--what", what]
            assert main(["render", str(tmp_path / "s"), *arguments]) == 2
            assert "capture.up_world" in capsys.readouterr().err

    def test_nice_lengths_and_outlines(self) -> None:
        assert [nice_length(x) for x in (0.99, 1.0, 4.9, 73)] == pytest.approx([0.5, 1, 2, 50])
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5], [1, 0.5]])
        assert sorted(map(tuple, outline(square))) == [(0, 0), (0, 1), (1, 0), (1, 1)]


class TestVideo:
    @pytest.mark.parametrize("what", ["orbit", "trajectory"])
    def test_it_plays(self, folder: Path, tmp_path: Path, what: str) -> None:
        av = pytest.importorskip("av")
        out = tmp_path / "film.mp4"
        options = ["--what", what, "--seconds", "0.5", "--fps", "10", "--width", "99"]
        assert main(["render", str(folder), "-o", str(out), *options]) == 0
        with av.open(str(out)) as film:
            stream = film.streams.video[0]
            assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
            assert stream.average_rate == 10
            pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
        assert len(pictures) == 5
        for rgb in pictures:
            assert rgb.shape[0] % 2 == rgb.shape[1] % 2 == 0
            assert rgb.std() > 15
        assert np.abs(pictures[0].astype(int) - pictures[2]).mean() > 1  # the camera moves

    def test_frames_instead(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "frames"
        options = ["--what", "orbit", "--seconds", "0.3", "--fps", "10", "--width", "64"]
        arguments = [*options, "--frames", "--object", str(IDS["red"])]
        assert main(["render", str(folder), "-o", str(out), *arguments]) == 0
        names = sorted(p.name for p in out.glob("*.png"))
        assert names == ["frame_00000.png", "frame_00001.png", "frame_00002.png"]
        middle = np.asarray(Image.open(out / names[0]))[18, 32]
        assert is_coloured(middle, "red")

    def test_a_missing_encoder_names_the_install_line(self, folder, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(__import__("sys").modules, "av", None)
        out = ["-o", str(tmp_path / "film.mp4"), "--what", "orbit"]
        assert main(["render", str(folder), *out]) == 2
        assert "grounding3d[video]" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


class TestPaths:
    def test_an_orbit_looks_at_its_centre(self, scene) -> None:
        box = BOXES["red"]
        way = orbit(scene, 16, box)
        assert not way.full_circle  # the recording saw one side only
        for T_world_cam in way.poses:
            away = box.center - T_world_cam[:3, 3]
            np.testing.assert_allclose(away / np.linalg.norm(away), T_world_cam[:3, 2], atol=1e-9)
            assert T_world_cam[:3, 1] @ UP < 0  # the image's down is down
        radii = np.linalg.norm(way.poses[:, :3, 3] - box.center, axis=1)
        assert np.ptp(radii) < 1e-9
        assert np.ptp(way.poses[:, 2, 3]) < 1e-9  # at one height

    def test_all_round_where_all_sides_were_seen(self, scene) -> None:
        keyframe = scene.scene.keyframes[0]
        ring = orbit(scene, 8, BOXES["red"]).poses
        poses = []
        for angle in np.linspace(0, 2 * np.pi, 8, endpoint=False):
            T = ring[0].copy()
            c, s = np.cos(angle), np.sin(angle)
            T[:3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ T[:3]
            poses.append(T)
        keyframes = tuple(replace(keyframe, T_world_cam=T) for T in poses)
        around = replace(scene, scene=replace(scene.scene, keyframes=keyframes))
        way = orbit(around, 36)
        assert way.full_circle
        steps = np.linalg.norm(np.diff(way.poses[:, :3, 3], axis=0), axis=1)
        assert np.ptp(steps) < 1e-6

    def test_a_trajectory_follows_the_recording_evenly(self, scene) -> None:
        keyframes = scene.scene.keyframes
        way = trajectory(keyframes, 40)
        recorded = np.stack([k.T_world_cam[:3, 3] for k in keyframes])
        gaps = np.linalg.norm(way[:, None, :3, 3] - recorded[None], axis=2).min(axis=1)
        assert gaps.max() < 0.15
        R = way[:, :3, :3]
        np.testing.assert_allclose(
            R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (40, 1, 1)), atol=1e-9
        )
        steps = np.linalg.norm(np.diff(way[:, :3, 3], axis=0), axis=1)
        assert steps.max() < 3 * steps.mean()


class TestRelevancy:
    def test_the_answer_glows_and_has_its_box(self, folder: Path, tmp_path: Path, capsys) -> None:
        out = tmp_path / "mug"
        options = ["--what", "relevancy", "--query", "where is the mug", "--every", "4"]
        assert main(["render", str(folder), "-o", str(out), *options]) == 0
        assert "found" in capsys.readouterr().out
        answer = json.loads((out / "renders.json").read_text())["answer"]
        chosen = [c["id"] for c in answer["candidates"] if c["selected"]]
        assert chosen == [IDS["red"]]
        keyframe = box_scene.geometry().keyframes[0]
        rgb = np.asarray(Image.open(out / "00000_relevancy.png")).astype(int)
        corners = [pixel_of(c, keyframe.camera, keyframe.T_world_cam) for c in BOXES["red"].corners]
        pen = np.argwhere((rgb[: keyframe.camera.height] == ACCENT).all(axis=2))
        for corner in corners:
            assert np.linalg.norm(pen - corner, axis=1).min() < 2.5

    def test_heat_is_on_the_thing(self, scene, renderer) -> None:
        heat = gaussian_relevancy(scene.features, "mug", box_scene.encoder())
        keyframe = scene.scene.keyframes[3]
        view = renderer.render(keyframe.camera, keyframe.T_world_cam, channel=heat)
        assert view.channel is not None
        at = {
            name: view.channel[pixel_of(top_of(name), keyframe.camera, keyframe.T_world_cam)]
            for name in CHANNEL
        }
        assert at["red"] > 0.8
        assert at["red"] > max(at["green"], at["blue"]) + 0.2


class TestCrops:
    @pytest.mark.parametrize("with_recording", [True, False])
    def test_a_crop_shows_its_object(self, scene, renderer, with_recording: bool) -> None:
        source = Recording(box_scene.box_capture(), scene) if with_recording else None
        crops = object_crops(renderer, list(scene.objects), source, size_px=64)
        assert set(crops) == set(IDS.values())
        for name in CHANNEL:
            crop = crops[IDS[name]]
            assert crop.recorded == with_recording
            assert is_coloured(np.median(crop.rgb[26:38, 28:36], axis=(0, 1)), name), name
        sheet = contact_sheet(scene, crops)
        assert sheet.shape[2] == 3

    def test_through_the_command_line(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "sheet.png"
        assert main(["render", str(folder), "-o", str(out), "--what", "contact-sheet"]) == 0
        rgb = np.asarray(Image.open(out)).reshape(-1, 3).astype(int)
        redness = (rgb[:, 0] > 1.8 * rgb[:, 1]) & (rgb[:, 0] > 1.8 * rgb[:, 2])
        assert redness.sum() > 1000


class TestRenderers:
    @pytest.mark.parametrize(
        # blended centres of overlapping discs lie less exactly than the discs themselves
        ("name", "tolerance_m"),
        [("surfels", 0.006), ("cpu", 0.02), ("reference", 0.02)],
    )
    def test_all_see_the_same_scene(self, scene, name: str, tolerance_m: float) -> None:
        if name != "surfels" and name not in available_rasterizers():
            pytest.skip(f"the rasteriser {name} is not there")
        keyframe = scene.scene.keyframes[2]
        camera = keyframe.camera.resized(160, 120)
        true_rgb, true_m = render(table_scene(), camera, keyframe.T_world_cam)
        view = ViewRenderer(scene.scene, name).render(camera, keyframe.T_world_cam)
        near = (true_m < 2) & (view.depth_m > 0)
        assert near.mean() > 0.4
        assert np.median(np.abs(view.depth_m - true_m)[near]) < tolerance_m
        assert np.median(np.abs(view.rgb.astype(int) - true_rgb)[near]) < 12

    def test_without_the_core_surfels_are_drawn(self, scene, monkeypatch, caplog) -> None:
        def missing(name: str) -> None:
            raise ImportError("no core")

        monkeypatch.setattr("grounding3d.interfaces.renders.view.make_rasterizer", missing)
        assert ViewRenderer(scene.scene).name == "surfels"
        assert "surfels" in caplog.text


class TestColours:
    def test_depth_in_millimetres(self) -> None:
        depth = np.array([[0, 0.0004, 1.2345, 65.5, 66, -1]])
        assert depth_in_millimetres(depth).tolist() == [[0, 0, 1234, 65500, 0, 0]]

    def test_near_is_red_and_far_is_blue(self) -> None:
        rgb = colour_depth(np.array([[1.05, 1.95, 0.0]]), 1, 2).astype(int)[0]
        assert rgb[0, 0] > 2 * rgb[0, 2]
        assert rgb[1, 2] > rgb[1, 0]
        assert rgb[2].tolist() == [40, 40, 44]
        assert turbo(np.array([-5.0, 0.0])).tolist() == [turbo(np.zeros(1))[0].tolist()] * 2

    def test_normals_of_a_plane(self) -> None:
        capture = box_scene.box_capture(2)
        frame = capture[0]
        _, depth = render(table_scene(), frame.camera, frame.T_world_cam)
        normals = normals_of(depth, frame.camera, frame.T_world_cam)
        known = np.linalg.norm(normals, axis=2) > 0
        np.testing.assert_allclose(np.linalg.norm(normals[known], axis=1), 1, atol=1e-5)
        upward = normals[known] @ UP > 0.99
        assert upward.mean() > 0.3  # floor, table, the boxes' tops
        forward = frame.T_world_cam[:3, 2]
        assert (normals[known] @ forward).max() < 0.3  # none looks away

    def test_figures_of_a_perfect_view(self, scene, renderer) -> None:
        frame = box_scene.box_capture()[1]
        view = renderer.render(frame.camera, frame.T_world_cam)
        same = replace(view, rgb=frame.rgb, depth_m=frame.depth_m)
        figures = compare(same, frame)
        assert figures.psnr_db > 60
        assert figures.depth_l1_mm == 0
        assert figures.coverage == 1
        off = compare(
            replace(same, depth_m=np.where(frame.depth_m > 0, frame.depth_m + 0.005, 0)), frame
        )
        assert off.depth_median_mm == pytest.approx(5, abs=0.01)

    def test_words_for_pictures_are_one_plain_line(self) -> None:
        assert plain("a\nb\u202e\x1b[31m tasse café") == "a b [31m tasse cafe"
        assert plain("杯子") == "??"
        assert len(plain("x" * 500)) == 48
