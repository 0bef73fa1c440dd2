"""The best look at each object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, transform_points
from grounding3d.interfaces.renders.drawing import project_box
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.interfaces.renders.views import sized
from grounding3d.objects.base import MapObject
from grounding3d.scene.base import Keyframe, Progress

_MOST_KEYFRAMES = 24
_LOOK_WIDTH = 240  # of the depth images that tell what hides what
_LOOK_WIDTH_SLOW = 120  # with a renderer that is not quick
_HIDDEN_BY_M = 0.04
_MARGIN = 1.3  # a crop is this much larger than the object
_MOST_POINTS = 400
_BESIDE = (243, 244, 246)


@dataclass(frozen=True, eq=False)
class ObjectCrop:
    """A square picture of one object.

    Attributes:
        object_id: of the object.
        rgb: [S,S,3] uint8.
        frame_index: frame it is seen from.
        recorded: whether it is cut from the recording, else rendered.
    """

    object_id: int
    rgb: np.ndarray
    frame_index: int
    recorded: bool


def object_crops(
    renderer: ViewRenderer,
    objects: Sequence[MapObject],
    recording: Recording | None,
    *,
    size_px: int = 256,
    progress: Progress | None = None,
) -> dict[int, ObjectCrop]:
    """A crop of every object that a keyframe sees, by id; of the recording where there is one."""
    best = best_keyframes(renderer, objects)
    keyframes = {k.frame_index: k for k in best.values()}
    ordered = [keyframes[index] for index in sorted(keyframes)]
    frames = iter(recording.keyframes(ordered)) if recording is not None else None
    crops: dict[int, ObjectCrop] = {}
    for number, keyframe in enumerate(ordered):
        if frames is not None:
            rgb = next(frames).rgb
        else:
            rgb = renderer.render(keyframe.camera, keyframe.T_world_cam).rgb
        for item in objects:
            if best.get(item.id) is keyframe:
                pixels = _crop(rgb, item, keyframe, size_px)
                crops[item.id] = ObjectCrop(
                    item.id, pixels, keyframe.frame_index, frames is not None
                )
        if progress is not None:
            progress("crops", number + 1, len(ordered))
    return crops


def best_keyframes(renderer: ViewRenderer, objects: Iterable[MapObject]) -> dict[int, Keyframe]:
    """For each object the keyframe that shows most of it, largest and unhidden.

    At most 24 evenly spread keyframes are looked through.
    """
    all_keyframes = renderer.scene.keyframes
    step = max(1, -(-len(all_keyframes) // _MOST_KEYFRAMES))
    width = _LOOK_WIDTH if renderer.is_quick else _LOOK_WIDTH_SLOW
    best: dict[int, tuple[float, Keyframe]] = {}
    objects = list(objects)
    for keyframe in all_keyframes[::step]:
        camera = sized(keyframe.camera, min(width, keyframe.camera.width))
        depth_m = renderer.render(camera, keyframe.T_world_cam).depth_m
        for item in objects:
            seen = _seen(item, camera, keyframe.T_world_cam, depth_m)
            if seen > best.get(item.id, (0.0, keyframe))[0]:
                best[item.id] = (seen, keyframe)
    return {object_id: keyframe for object_id, (_, keyframe) in best.items()}


def _seen(item: MapObject, camera: Camera, T_world_cam: np.ndarray, depth_m: np.ndarray) -> float:
    """How much of an object a view shows: visible share squared times its size in the image."""
    step = max(1, len(item.points) // _MOST_POINTS)
    points = transform_points(invert_pose(T_world_cam), item.points[::step].astype(float))
    if not len(points):
        return 0.0
    uv, z = camera.project(points)
    inside = (z > 0.05) & camera.contains(uv)
    column, row = np.rint(uv[inside]).astype(int).T
    front = depth_m[row, column]
    visible = (front == 0) | (z[inside] < front + _HIDDEN_BY_M)
    share = float(visible.sum()) / len(points)
    extent = float(np.linalg.norm(item.box.size)) / max(float(np.median(z)), 0.05)
    corners, depths = project_box(item.box, camera, T_world_cam)
    whole = float((camera.contains(corners) & (depths > 0)).mean())
    return share**2 * extent * (0.25 + whole)


def _crop(rgb: np.ndarray, item: MapObject, keyframe: Keyframe, size_px: int) -> np.ndarray:
    """A square around the object's box, moved into the picture; grey where that is too small."""
    uv, z = project_box(item.box, keyframe.camera, keyframe.T_world_cam)
    height, width = rgb.shape[:2]
    if (z <= 0.05).any():
        low, high = np.zeros(2), np.array([width - 1.0, height - 1.0])
    else:
        low = np.clip(uv.min(axis=0), 0, [width - 1, height - 1])
        high = np.clip(uv.max(axis=0), 0, [width - 1, height - 1])
    side = min(max(_MARGIN * float((high - low).max()), 24.0), float(max(width, height)))
    left, top = (low + high) / 2 - side / 2
    left = float(np.clip(left, 0, width - side)) if side < width else (width - side) / 2
    top = float(np.clip(top, 0, height - side)) if side < height else (height - side) / 2
    box = (round(left), round(top), round(left + side), round(top + side))
    picture = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), _BESIDE)
    picture.paste(Image.fromarray(rgb), (-box[0], -box[1]))
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.LANCZOS))
