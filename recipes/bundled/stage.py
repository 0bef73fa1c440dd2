"""A small pybullet stage: a few objects close together on a random support, seen from all round."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pybullet
from PIL import Image

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.spawn import attach_texture, spawn

SIDE = 128  # pixels of a rendered view
CROP = 112  # pixels of a stored crop
MARGIN = 0.30  # of the object's larger side, kept on each side of a stored crop


@dataclass
class Crop:
    """A stored training view: rgb and mask uint8 [CROP, CROP, 4], and which body it shows."""

    image: np.ndarray
    body: int
    visible: float


def surface(rng: np.random.Generator) -> np.ndarray:
    """A random picture for floors, walls and table tops: plain, grain, tiles, noise."""
    n = 96
    base = rng.uniform(20, 245) + rng.normal(0, 22, 3)
    other = np.clip(base + rng.normal(0, 45, 3), 0, 255)
    u, v = np.meshgrid(np.arange(n) / n, np.arange(n) / n)
    kind = rng.choice(["plain", "grain", "tiles", "noise", "noise", "stripes"])
    if kind == "grain":
        wave = np.sin(2 * np.pi * (v * rng.uniform(4, 14) + 0.15 * np.sin(2 * np.pi * u * 2)))
        mask = 0.5 + 0.5 * wave * rng.uniform(0.2, 0.8)
        base, other = np.array([150, 105, 65]) * rng.uniform(0.5, 1.5), np.array([110, 75, 45.0])
    elif kind == "tiles":
        count = rng.integers(2, 12)
        mask = ((np.floor(u * count) + np.floor(v * count)) % 2) * rng.uniform(0.1, 1)
    elif kind == "noise":
        coarse = rng.random((rng.integers(3, 40),) * 2)
        mask = np.asarray(Image.fromarray((coarse * 255).astype(np.uint8)).resize((n, n))) / 255.0
    elif kind == "stripes":
        mask = ((u * rng.integers(3, 20)) % 1 < 0.5) * rng.uniform(0.1, 1)
    else:
        mask = np.zeros((n, n))
    picture = base + mask[..., None] * (other - base) + rng.normal(0, rng.uniform(0, 8), (n, n, 1))
    return np.clip(picture, 0, 255).astype(np.uint8)


def shrunk(picture: np.ndarray) -> np.ndarray:
    """A texture of at most 160 pixels a side: views are small, and loading takes time."""
    if max(picture.shape[:2]) <= 160:
        return picture
    return np.asarray(Image.fromarray(picture).resize((160, 160), Image.Resampling.BOX))


class Stage:
    """One pybullet client that is filled, looked at and emptied again."""

    def __init__(self) -> None:
        self.client = pybullet.connect(pybullet.DIRECT)
        self._worlds = 0
        self.points: dict[int, np.ndarray] = {}  # body -> some of its surface, world [n, 3]

    def clear(self) -> None:
        """Empty world."""
        pybullet.resetSimulation(physicsClientId=self.client)
        self.points.clear()
        self._worlds += 1
        if self._worlds % 200 == 0:  # gives back what a reset keeps
            pybullet.disconnect(self.client)
            self.client = pybullet.connect(pybullet.DIRECT)

    def add(self, shape: ObjectModel, at: np.ndarray, yaw: float, scale: float, lying: bool) -> int:
        """Put an object's bottom centre at a place; returns its body id."""
        vertices = shape.vertices * np.float32(scale)
        x, y, z, w = pybullet.getQuaternionFromEuler([np.pi / 2 if lying else 0, 0, yaw])
        at = np.array(at, float)
        if lying:  # turned about x: the object's +y side comes to lie below
            at[2] += float(-vertices[:, 1].min())
        model = replace(shape, vertices=vertices, texture=shrunk(shape.texture))
        body = spawn(model, at, (w, x, y, z), client=self.client)
        matrix = np.array(pybullet.getMatrixFromQuaternion((x, y, z, w))).reshape(3, 3)
        some = vertices[:: max(1, len(vertices) // 400)]
        self.points[body] = some @ matrix.T + at
        return body

    def box(self, half: list[float], at: list[float], picture: np.ndarray) -> int:
        """A textured box, for floors, walls and table tops."""
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=half, physicsClientId=self.client
        )
        body = pybullet.createMultiBody(0, -1, visual, at, physicsClientId=self.client)
        attach_texture(body, shrunk(picture), client=self.client)
        return body

    def look(
        self,
        target,
        distance: float,
        yaw_deg: float,
        elevation_deg: float,
        fov_deg: float,
        light: dict,
    ) -> tuple[np.ndarray, np.ndarray, dict[int, float]]:
        """Colour uint8 [SIDE, SIDE, 3], body ids int [SIDE, SIDE] (-1: nothing), and of each
        object in sight the share of its image rectangle that is seen.
        """
        view = pybullet.computeViewMatrixFromYawPitchRoll(
            list(target), distance, yaw_deg, -elevation_deg, 0, 2
        )
        projection = pybullet.computeProjectionMatrixFOV(fov_deg, 1.0, 0.02, 30.0)
        _, _, rgb, _, ids = pybullet.getCameraImage(
            SIDE, SIDE, view, projection, renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self.client, **light,
        )  # fmt: skip
        rgb = np.asarray(rgb, np.uint8).reshape(SIDE, SIDE, 4)[..., :3]
        ids = np.asarray(ids).reshape(SIDE, SIDE)
        return rgb.copy(), ids, self._seen(ids, view, projection)

    def _seen(self, ids: np.ndarray, view, projection) -> dict[int, float]:
        to_clip = np.array(projection).reshape(4, 4).T @ np.array(view).reshape(4, 4).T
        seen = {}
        for body, points in self.points.items():
            mask = ids == body
            if mask.sum() < 100:
                continue
            clip = np.c_[points, np.ones(len(points))] @ to_clip.T
            if clip[:, 3].min() < 0.02:
                continue
            full = np.ptp(clip[:, :2] / clip[:, 3:], axis=0) * SIDE / 2
            rows, columns = np.where(mask.any(axis=1))[0], np.where(mask.any(axis=0))[0]
            visible = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            seen[body] = float(visible / max(full[0] * full[1], 1.0))
        return seen


def random_light(rng: np.random.Generator) -> dict:
    """Keyword arguments of pybullet's renderer for one random light."""
    direction = np.append(rng.normal(0, 1, 2), rng.uniform(0.6, 2.5))
    colour = np.clip(1 + rng.normal(0, 0.08, 3), 0.7, 1.2)
    ambient = rng.uniform(0.3, 0.65)
    return {
        "lightDirection": direction.tolist(),
        "lightColor": colour.tolist(),
        "lightDistance": 5.0,
        "shadow": int(rng.random() < 0.5),
        "lightAmbientCoeff": ambient,
        "lightDiffuseCoeff": rng.uniform(0.2, 0.5),
        "lightSpecularCoeff": 0.05,
    }


def cut(rgb: np.ndarray, mask: np.ndarray, body: int, visible: float) -> Crop:
    """The square crop round a mask with its margin, resized to CROP."""
    rows, columns = np.where(mask.any(axis=1))[0], np.where(mask.any(axis=0))[0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    half = max(bottom - top, right - left) * (0.5 + MARGIN)
    y, x = (top + bottom) / 2, (left + right) / 2
    window = (x - half, y - half, x + half, y + half)
    size = (CROP, CROP)
    picture = Image.fromarray(rgb).transform(size, Image.Transform.EXTENT, window, Image.BILINEAR)
    shape = Image.fromarray((mask * 255).astype(np.uint8))
    shape = shape.transform(size, Image.Transform.EXTENT, window, Image.BILINEAR)
    image = np.dstack([np.asarray(picture), np.asarray(shape)])
    # Outside the rendered view there is nothing to see: repeat the picture's mean there.
    ys, xs = (np.arange(CROP) + 0.5) / CROP * 2 * half, (np.arange(CROP) + 0.5) / CROP * 2 * half
    inside_y = (ys + window[1] >= 0) & (ys + window[1] < len(rgb))
    inside_x = (xs + window[0] >= 0) & (xs + window[0] < rgb.shape[1])
    outside = ~(inside_y[:, None] & inside_x[None])
    image[outside, :3] = rgb.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    image[outside, 3] = 0
    return Crop(image, body, visible)
