"""Small synthetic captures with exact depth and poses: a room of textured boxes, ray-cast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grounding3d.capture.base import CaptureDescription, RGBDFrame
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at

UP = np.array([0.0, 0.0, 1.0])
SMALL_CAMERA = Camera.from_focal(140, 140, 79.5, 59.5, 160, 120)


@dataclass(frozen=True)
class ColouredBox:
    """A solid box with a checkered surface of the given mean colour (0..1 each)."""

    box: OBB
    colour: tuple[float, float, float]
    name: str = "box"


def aabb(minimum: Sequence[float], maximum: Sequence[float]) -> OBB:
    """Axis-aligned box from its two extreme corners."""
    return OBB.from_aabb(np.array(minimum, float), np.array(maximum, float))


def table_scene() -> list[ColouredBox]:
    """Floor, a wall, a table whose top is at z = 0.7, and three boxes standing on it."""
    return [
        ColouredBox(aabb([-3, -3, -0.1], [3, 3, 0.0]), (0.5, 0.5, 0.45), "floor"),
        ColouredBox(aabb([-3, 1.5, 0.0], [3, 1.6, 2.5]), (0.7, 0.7, 0.75), "wall"),
        ColouredBox(aabb([-0.6, -0.4, 0.65], [0.6, 0.4, 0.7]), (0.6, 0.4, 0.25), "table"),
        ColouredBox(aabb([-0.30, -0.10, 0.7], [-0.20, 0.0, 0.82]), (0.8, 0.15, 0.1), "red"),
        ColouredBox(aabb([0.05, -0.15, 0.7], [0.20, 0.0, 0.78]), (0.15, 0.7, 0.2), "green"),
        ColouredBox(aabb([0.25, 0.10, 0.7], [0.32, 0.17, 0.95]), (0.1, 0.2, 0.8), "blue"),
    ]


def render(
    scene: Sequence[ColouredBox], camera: Camera, T_world_cam: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colour [H,W,3] uint8 and exact depth [H,W] float32 (0 where no box is hit)."""
    rays = camera.rays.astype(np.float64)
    depth = np.full(rays.shape[:2], np.inf)
    rgb = np.zeros((*rays.shape[:2], 3))
    for item in scene:
        R = item.box.R.T @ T_world_cam[:3, :3]
        origin = item.box.R.T @ (T_world_cam[:3, 3] - item.box.center)
        direction = rays @ R.T
        with np.errstate(divide="ignore", invalid="ignore"):
            a = (-item.box.size / 2 - origin) / direction
            b = (item.box.size / 2 - origin) / direction
        near = np.minimum(a, b).max(axis=-1)  # ray parameter = z, as the rays have z = 1
        far = np.maximum(a, b).min(axis=-1)
        hit = (near < far) & (near > 0.02) & (near < depth)
        point = origin + direction[hit] * near[hit, None]
        checker = np.floor((point + 1e-6) / 0.05).astype(int).sum(axis=-1) % 2
        shade = (
            0.8 + 0.2 * np.abs(np.asarray(item.box.size)[None] / 2 - np.abs(point)).argmin(-1) / 2
        )
        depth[hit] = near[hit]
        rgb[hit] = np.asarray(item.colour) * (shade * (0.75 + 0.25 * checker))[:, None]
    depth_m = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
    return np.rint(255 * rgb).astype(np.uint8), depth_m


def orbit(count: int, radius_m: float = 1.2, height_m: float = 1.5) -> list[np.ndarray]:
    """Camera poses on an arc in front of the table, looking at its centre."""
    angles = np.deg2rad(np.linspace(-120, -60, count)) if count > 1 else np.deg2rad([-90.0])
    eyes = [np.array([radius_m * np.cos(a), radius_m * np.sin(a), height_m]) for a in angles]
    return [look_at(eye, np.array([0, 0, 0.75]), UP) for eye in eyes]


class ListCapture:
    """A capture held in memory."""

    def __init__(self, frames: Sequence[RGBDFrame], up_world: np.ndarray | None = UP) -> None:
        self.frames = list(frames)
        self.world_frame = self.frames[0].world_frame if self.frames else "map"
        self.up_world = up_world

    @property
    def length(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[RGBDFrame]:
        return iter(self.frames)

    def __getitem__(self, index: int) -> RGBDFrame:
        return self.frames[index]

    def describe(self) -> CaptureDescription:
        return CaptureDescription("memory", None)


def make_capture(
    count: int = 6,
    camera: Camera = SMALL_CAMERA,
    scene: Sequence[ColouredBox] | None = None,
    up_world: np.ndarray | None = UP,
    rate_hz: float = 10.0,
    world_frame: str = "map",
) -> ListCapture:
    """An orbit around the table scene; stamps start at 100 s."""
    frames = []
    for index, T_world_cam in enumerate(orbit(count)):
        rgb, depth_m = render(table_scene() if scene is None else scene, camera, T_world_cam)
        stamp_s = 100.0 + index / rate_hz
        frames.append(
            RGBDFrame(
                rgb,
                depth_m,
                camera,
                T_world_cam,
                index,
                stamp_s=stamp_s,
                depth_stamp_s=stamp_s,
                world_frame=world_frame,
                camera_frame="camera_optical_frame",
            )
        )
    return ListCapture(frames, up_world)


def depth_disagreement_m(a: RGBDFrame, b: RGBDFrame) -> float:
    """Median |z - depth of b| over the points of `a` that fall onto `b`, metres."""
    points = a.camera.backproject(a.depth_m)[a.depth_m > 0].astype(np.float64)
    T_b_a = invert_pose(b.T_world_cam) @ a.T_world_cam
    uv, z = b.camera.project(points @ T_b_a[:3, :3].T + T_b_a[:3, 3])
    seen = (z > 0) & b.camera.contains(uv)
    column, row = np.rint(uv[seen]).astype(int).T
    depth = b.depth_m[row, column]
    return float(np.median(np.abs(z[seen] - depth)[depth > 0]))


def with_pixels(frame: RGBDFrame, **changes: object) -> RGBDFrame:
    """The frame with some fields replaced."""
    return replace(frame, **changes)
