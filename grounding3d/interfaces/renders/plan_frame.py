"""The frame of a floor plan: two horizontal axes, metres to pixels, and the camera above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import make_pose
from grounding3d.objects.base import MapObject
from grounding3d.scene.base import Scene

_ABOVE_M = 1000.0  # from there, 3 m of height shift a point by 0.3 % of its distance to the centre
_MARGIN, _LEAST_M = 0.15, 0.1  # around the content, as a share of it; its least extent
_SHARE = (1.0, 99.0)  # percentiles of the Gaussians that the plan must hold
_AXES = ("x", "y", "z")


@dataclass(frozen=True, eq=False)
class PlanFrame:
    """Where a plan lies in the world.

    Attributes:
        right, ahead: [3] unit vectors of the plan's horizontal and vertical axis, world frame.
        up: [3] unit vector; right x ahead = up.
        low, high: [2] smallest and largest plan coordinates shown, metres.
        height_m: height along `up` at which the scale holds exactly.
        px_per_m: scale.
    """

    right: np.ndarray
    ahead: np.ndarray
    up: np.ndarray
    low: np.ndarray
    high: np.ndarray
    height_m: float
    px_per_m: float

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in pixels."""
        w, h = np.maximum(np.rint((self.high - self.low) * self.px_per_m), 1).astype(int)
        return int(w), int(h)

    def plan(self, points: np.ndarray) -> np.ndarray:
        """Plan coordinates [..., 2] in metres of world points [..., 3]."""
        return np.stack([points @ self.right, points @ self.ahead], axis=-1)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of world points [..., 3]; the image's corner is (-0.5, -0.5)."""
        return self.plan_pixels(self.plan(points))

    def plan_pixels(self, xy: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of plan coordinates [..., 2]."""
        u = (xy[..., 0] - self.low[0]) * self.px_per_m - 0.5
        v = (self.high[1] - xy[..., 1]) * self.px_per_m - 0.5
        return np.stack([u, v], axis=-1)

    def camera(self) -> tuple[Camera, np.ndarray]:
        """A camera so far above that its picture is the plan, and its pose."""
        width, height = self.size_px
        middle = (self.low + self.high) / 2
        eye = middle[0] * self.right + middle[1] * self.ahead
        eye = eye + (self.height_m + _ABOVE_M) * self.up
        focal = self.px_per_m * _ABOVE_M
        center = self.plan_pixels(middle)
        camera = Camera.from_focal(focal, focal, float(center[0]), float(center[1]), width, height)
        return camera, make_pose(np.stack([self.right, -self.ahead, -self.up], axis=1), eye)

    def axis_name(self, axis: np.ndarray) -> str:
        """ "x", "-y" and so on for an axis of the world, else its components."""
        k = int(np.abs(axis).argmax())
        if abs(axis[k]) > 0.9999:
            return ("" if axis[k] > 0 else "-") + _AXES[k]
        return "(" + ", ".join(f"{c:.2f}" for c in axis) + ")"


def make_plan_frame(
    scene: Scene,
    objects: Sequence[MapObject],
    up: np.ndarray,
    width_px: int,
    around: OBB | None = None,
) -> PlanFrame:
    """The frame that holds a scene, or the surroundings of one box.

    The plan's right is the world's x where that is horizontal, so that a world with z up is seen
    with x to the right and y upwards.

    Raises:
        SceneError: there is nothing to show.
    """
    up = up / np.linalg.norm(up)
    first = next(k for k in range(3) if abs(up[k]) < 0.75)
    right = np.eye(3)[first] - up[first] * up
    right /= np.linalg.norm(right)
    ahead = np.cross(up, right)
    axes = np.stack([right, ahead], axis=1)
    held = _content(scene, objects) if around is None else around.corners
    flat = held @ axes
    low, high = flat.min(axis=0), flat.max(axis=0)
    pad = _MARGIN * max(float((high - low).max()), _LEAST_M)
    low, high = low - pad, high + pad
    return PlanFrame(
        right, ahead, up, low, high, float(np.median(held @ up)), width_px / float(high[0] - low[0])
    )


def _content(scene: Scene, objects: Sequence[MapObject]) -> np.ndarray:
    """Points [n,3] that a plan of the whole scene must hold: the things and the camera's way.

    A scene without things is shown whole, but for the outermost Gaussians.
    """
    parts = [item.box.corners for item in objects if item.kind == "object"]
    if parts:
        parts += [k.T_world_cam[None, :3, 3] for k in scene.keyframes]
    elif len(scene.gaussians):
        means = scene.gaussians.means.astype(float)
        low, high = np.percentile(means, _SHARE, axis=0)
        parts.append(means[((means >= low) & (means <= high)).all(axis=1)])
    if not parts:
        raise SceneError("the scene is empty: there is nothing to draw a plan of")
    return np.concatenate(parts)


def nice_length(longest: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is at most `longest`."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(m * power for m in (1, 2, 5) if m * power <= longest * (1 + 1e-9)))


def outline(points: np.ndarray) -> np.ndarray:
    """Convex hull [m,2] of points [n,2], counter-clockwise (Andrew's monotone chain, 1979)."""
    order = sorted({(float(x), float(y)) for x, y in points})
    if len(order) < 3:
        return np.array(order)
    halves = []
    for way in (order, order[::-1]):
        half: list[tuple[float, float]] = []
        for point in way:
            while len(half) > 1 and _turn(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    return np.array(halves[0] + halves[1])


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
