"""A picture of a scene with answers in it, for those who have no viewer at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, transform_points
from grounding3d.query.answer import Answer, Candidate
from grounding3d.scene.base import Keyframe, Scene
from grounding3d.scene.render import render_points

# pairs of `OBB.corners` rows that differ in one coordinate
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)]
_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b")


def draw_answers(scene: Scene, answers: Sequence[Answer], width: int = 960) -> Image.Image:
    """The scene from the keyframe that shows most of the answers, with their boxes and positions.

    Args:
        scene: Gaussians and keyframes.
        answers: in the scene's own frame; what was not found is left out.
        width: of the picture, pixels.
    """
    found = [(answer.query, item) for answer in answers for item in answer.selected]
    keyframe = _best_view(scene.keyframes, [item for _, item in found])
    camera = keyframe.camera
    camera = camera.resized(width, round(width * camera.height / camera.width))
    rgb, _ = render_points(scene, camera, keyframe.T_world_cam)
    image = Image.fromarray(rgb)
    for number, (query, item) in enumerate(found):
        _draw(image, camera, keyframe, query, item, _COLOURS[number % len(_COLOURS)])
    return image


def save_picture(image: Image.Image, path: Path) -> None:
    """Write a PNG aside and rename it."""
    aside = path.with_name(path.name + ".part")
    image.save(aside, format="PNG")
    aside.replace(path)


def _best_view(keyframes: Sequence[Keyframe], items: Sequence[Candidate]) -> Keyframe:
    """The keyframe that holds the most box corners; among equals the one from highest up."""
    corners = np.concatenate([item.box.corners for item in items]) if items else np.zeros((0, 3))

    def in_view(keyframe: Keyframe) -> tuple[int, float]:
        points = transform_points(invert_pose(keyframe.T_world_cam), corners)
        uv, z = keyframe.camera.project(points)
        forward_z = keyframe.T_world_cam[2, 2]
        return int((keyframe.camera.contains(uv) & (z > 0)).sum()), -float(forward_z)

    return max(keyframes, key=in_view)


def _draw(
    image: Image.Image,
    camera: Camera,
    keyframe: Keyframe,
    query: str,
    item: Candidate,
    colour: str,
) -> None:
    """One wire box, and the query with its coordinates above it."""
    corners = transform_points(invert_pose(keyframe.T_world_cam), item.box.corners)
    uv, z = camera.project(corners)
    if (z <= 0.05).any():
        return
    pen = ImageDraw.Draw(image)
    for a, b in _EDGES:
        pen.line([tuple(uv[a]), tuple(uv[b])], fill=colour, width=2)
    x, y, height = item.box.center
    text = f"{query}\n({x:.2f}, {y:.2f}, {height:.2f}) m"
    font = ImageFont.load_default(max(12, camera.width // 64))
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    u = float(np.clip(uv[:, 0].mean() - (right - left) / 2, 4, camera.width - right - 4))
    v = float(np.clip(uv[:, 1].min() - bottom - 6, 4, camera.height - bottom - 4))
    pen.rectangle([u - 3, v + top - 3, u + right + 3, v + bottom + 3], fill="white", outline=colour)
    pen.multiline_text((u, v), text, fill=colour, font=font)
