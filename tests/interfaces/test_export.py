"""Exported files say the same in independent readers: struct and Open3D."""

from __future__ import annotations

import json
import resource
import struct
from pathlib import Path

import box_scene
import numpy as np
import pytest
from box_scene import BOXES
from factories import UP, ListCapture

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.folder_writer import write_folder
from grounding3d.errors import SceneError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at, matrix_from_wxyz
from grounding3d.interfaces.cli import main
from grounding3d.interfaces.exports.mesh import PosedDepth, write_mesh
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.listing import object_listing
from grounding3d.objects.store import load_scene, save_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> LanguageScene:
    return box_scene.language_scene(box_scene.recorded(tmp_path_factory.mktemp("rec") / "frames"))


@pytest.fixture(scope="module")
def folder(scene: LanguageScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scene(tmp_path_factory.mktemp("export") / "scene", scene)


def export(folder: Path, out: Path, *options: str) -> Path:
    assert main(["export", str(folder), "-o", str(out), *options]) == 0
    assert [p.name for p in out.parent.iterdir() if p.name.startswith(".")] == []
    return out


class TestSplats:
    def test_ply_by_hand(self, scene: LanguageScene, folder: Path, tmp_path: Path) -> None:
        data = export(folder, tmp_path / "s.ply").read_bytes()
        header, body = data.split(b"end_header\n", 1)
        names = [
            line.split()[-1].decode() for line in header.splitlines() if line[:8] == b"property"
        ]
        count = len(scene.scene.gaussians)
        assert f"element vertex {count}".encode() in header
        assert len(body) == 4 * len(names) * count
        row = 1234
        values = struct.unpack_from(f"<{len(names)}f", body, 4 * len(names) * row)
        record = dict(zip(names, values))
        g = scene.scene.gaussians
        np.testing.assert_allclose([record[k] for k in "xyz"], g.means[row], atol=1e-6)
        scales = np.exp([record[f"scale_{k}"] for k in range(3)])
        np.testing.assert_allclose(scales, g.scales[row], rtol=1e-4)
        assert 1 / (1 + np.exp(-record["opacity"])) == pytest.approx(g.opacities[row], rel=1e-4)
        rgb = 0.5 + 0.28209479 * np.array([record[f"f_dc_{k}"] for k in range(3)])
        np.testing.assert_allclose(rgb, g.rgb[row], atol=1e-3)

    def test_splat_by_its_layout(self, scene: LanguageScene, folder: Path, tmp_path: Path) -> None:
        data = export(folder, tmp_path / "s.splat", "--format", "splat").read_bytes()
        g = scene.scene.gaussians
        assert len(data) == 32 * len(g)
        rows = {tuple(mean): k for k, mean in enumerate(g.means.tolist())}
        weights = []
        for start in range(0, len(data), 32 * 97):
            x, y, z, a, b, c, red, green, blue, opacity, *quaternion = struct.unpack_from(
                "<6f8B", data, start
            )
            row = rows[(x, y, z)]
            np.testing.assert_allclose([a, b, c], g.scales[row], rtol=1e-5)
            np.testing.assert_allclose([red, green, blue], 255 * g.rgb[row], atol=0.51)
            assert opacity == pytest.approx(255 * g.opacities[row], abs=0.51)
            wxyz = (np.array(quaternion) - 128) / 128
            difference = matrix_from_wxyz(wxyz).T @ matrix_from_wxyz(g.wxyz[row])
            assert np.trace(difference) > 3 - 1e-3
            weights.append(a * b * c * g.opacities[row])
        assert (np.diff(weights) <= 1e-5 * np.array(weights[:-1])).all()

    def test_pcd_in_open3d(self, scene: LanguageScene, folder: Path, tmp_path: Path) -> None:
        o3d = pytest.importorskip("open3d")
        out = export(folder, tmp_path / "s.pcd", "--format", "pcd")
        cloud = o3d.io.read_point_cloud(str(out))
        g = scene.scene.gaussians
        np.testing.assert_allclose(np.asarray(cloud.points), g.means, atol=1e-6)
        np.testing.assert_allclose(np.asarray(cloud.colors), g.rgb, atol=0.003)
        np.testing.assert_allclose(np.asarray(cloud.normals), g.normals, atol=1e-5)

    def test_json(self, scene: LanguageScene, folder: Path, tmp_path: Path) -> None:
        content = json.loads(export(folder, tmp_path / "o.json", "--format", "json").read_text())
        assert content["frame_id"] == "map"
        assert [o["label"] for o in content["objects"]] == [o.label for o in scene.objects]
        np.testing.assert_allclose(content["objects"][1]["position"], BOXES["red"].center)
        assert set(content) == {"schema", "scene", "frame_id", "up_world", "objects"}
        assert set(content["objects"][1]) == {
            "id", "kind", "label", "position", "covariance", "box", "support", "container",
            "n_views", "n_points", "stamp",
        }  # fmt: skip
        assert content == object_listing(load_scene(folder))


class TestMesh:
    @pytest.mark.parametrize(
        ("name", "depth"), [("m.ply", "measured"), ("m.obj", "auto"), ("m.glb", "rendered")]
    )
    def test_boxes_have_their_size_and_colour(
        self, folder: Path, tmp_path: Path, name: str, depth: str
    ) -> None:
        o3d = pytest.importorskip("open3d")
        options = ["--format", "mesh", "--voxel-m", "0.015", "--depth", depth]
        out = export(folder, tmp_path / name, *options)
        mesh = o3d.io.read_triangle_mesh(str(out))  # .obj and .glb by Assimp, as RViz does
        vertices, colours = np.asarray(mesh.vertices), np.asarray(mesh.vertex_colors)
        assert abs(top_height(vertices, [-0.5, -0.3], [-0.35, 0.3]) - 0.7) < 0.01
        for box, channel in (("red", 0), ("green", 1)):
            low, high = BOXES[box].aabb()
            inner = [low[:2] + 0.03, high[:2] - 0.03]
            assert abs(top_height(vertices, *inner) - high[2]) < 0.01
            on_top = within(vertices, *inner) & (vertices[:, 2] > high[2] - 0.02)
            assert colours[on_top].mean(axis=0).argmax() == channel

    def test_a_ball_has_its_radius(self, tmp_path: Path) -> None:
        o3d = pytest.importorskip("open3d")
        facts = write_mesh(tmp_path / "ball.ply", ball_images(), voxel_m=0.006)
        mesh = o3d.io.read_triangle_mesh(str(tmp_path / "ball.ply"))
        vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles)
        assert (len(vertices), len(triangles)) == (facts.n_vertices, facts.n_triangles)
        radius = np.linalg.norm(vertices - BALL, axis=1)
        assert abs(np.median(radius) - 0.15) < 0.001
        assert np.abs(radius - 0.15).max() < 0.01
        a, b, c = vertices[triangles].transpose(1, 0, 2)
        outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - BALL)
        assert (outward > 0).mean() > 0.99  # the faces look outwards

    def test_a_flipped_image_axis(self, tmp_path: Path) -> None:
        o3d = pytest.importorskip("open3d")
        flipped = []
        for image in ball_images():
            c = image.camera
            camera = Camera.from_focal(c.fx, -c.fy, c.cx, c.height - 1 - c.cy, c.width, c.height)
            flipped.append(
                PosedDepth(image.rgb[::-1], image.depth_m[::-1], camera, image.T_world_cam)
            )
        write_mesh(tmp_path / "ball.ply", flipped, voxel_m=0.006)
        mesh = o3d.io.read_triangle_mesh(str(tmp_path / "ball.ply"))
        assert np.abs(np.linalg.norm(np.asarray(mesh.vertices) - BALL, axis=1) - 0.15).max() < 0.01

    @pytest.mark.parametrize("name", ["m.ply", "m.obj", "m.glb"])
    def test_a_disk_that_fills_up_leaves_no_half_mesh(self, tmp_path: Path, name: str) -> None:
        pytest.importorskip("open3d")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
        try:
            with pytest.raises(SceneError, match="cannot write"):
                write_mesh(tmp_path / name, ball_images(), voxel_m=0.006)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_meshed(self, folder: Path, tmp_path: Path, capsys) -> None:
        pytest.importorskip("open3d")
        mesh = ["export", str(folder), "--format", "mesh", "-o"]
        assert main([*mesh, str(tmp_path / "m.stl")]) == 2
        assert ".glb" in capsys.readouterr().err
        assert main([*mesh, str(tmp_path / "m.ply"), "--voxel-m", "0"]) == 2
        empty = ListCapture([frame_of(image, 0) for image in box_scene.box_capture().frames])
        write_folder(empty, tmp_path / "empty")
        capsys.readouterr()
        assert main([*mesh, str(tmp_path / "m.ply"), "--capture", str(tmp_path / "empty")]) == 2
        assert not (tmp_path / "m.ply").exists()

    def test_a_missing_open3d_names_the_install_line(self, folder, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(__import__("sys").modules, "open3d", None)
        out = ["--format", "mesh", "-o", str(tmp_path / "m.ply")]
        assert main(["export", str(folder), *out]) == 2
        assert "grounding3d[mesh]" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


BALL = np.array([0.3, -0.2, 1.0])


def ball_images() -> list[PosedDepth]:
    """Exact depth of a ball of radius 0.15 m from twelve sides and two heights."""
    camera = Camera.from_focal(300, 300, 101.3, 73.9, 200, 150)
    images = []
    for k in range(24):
        angle, height = 2 * np.pi * k / 12, (0.45, -0.5)[k // 12]
        eye = BALL + np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle), height])
        T = look_at(eye, BALL + np.array([0.02, 0.01, 0.03]), UP)
        rays = camera.rays.astype(float) @ T[:3, :3].T
        away = BALL - eye
        a, b = (rays**2).sum(-1), rays @ away
        under = b**2 - a * (away @ away - 0.15**2)
        depth = np.where(under > 0, (b - np.sqrt(np.maximum(under, 0))) / a, 0)
        rgb = np.full((150, 200, 3), 120, np.uint8)
        images.append(PosedDepth(rgb, depth.astype(np.float32), camera, T))
    return images


def frame_of(frame: RGBDFrame, depth_m: float) -> RGBDFrame:
    """The frame with one depth everywhere."""
    return RGBDFrame(
        frame.rgb, np.full_like(frame.depth_m, depth_m), frame.camera, frame.T_world_cam,
        frame.frame_index, stamp_s=frame.stamp_s, depth_stamp_s=frame.depth_stamp_s,
    )  # fmt: skip


def within(vertices: np.ndarray, low: object, high: object) -> np.ndarray:
    """Whether vertices lie over a rectangle of the ground."""
    return ((vertices[:, :2] > low) & (vertices[:, :2] < high)).all(axis=1)


def top_height(vertices: np.ndarray, low: object, high: object) -> float:
    """Median height of the uppermost surface over a rectangle."""
    z = vertices[within(vertices, low, high), 2]
    return float(np.median(z[z > z.max() - 0.03]))
