"""Views from the recording's places: colour, depth, normals, alpha, and the frames beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.interfaces.renders.colours import (
    colour_depth,
    colour_normals,
    depth_in_millimetres,
    depth_range,
    side_by_side,
)
from grounding3d.interfaces.renders.compare import ViewQuality, compare, frame_like
from grounding3d.interfaces.renders.drawing import caption
from grounding3d.interfaces.renders.files import picture_folder, save_png
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import View, ViewRenderer
from grounding3d.scene.base import Keyframe, Progress, Scene


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A place to look from, with the frame recorded there if it is at hand."""

    frame_index: int
    camera: Camera
    T_world_cam: np.ndarray
    frame: RGBDFrame | None = None


def every_nth(keyframes: Sequence[Keyframe], every: int) -> Sequence[Keyframe]:
    """Every n-th keyframe, the first among them."""
    return keyframes[::every]


def keyframe_viewpoints(
    scene: Scene, every: int, recording: Recording | None
) -> Iterator[Viewpoint]:
    """Every n-th keyframe, with its frame where there is a recording."""
    chosen = every_nth(scene.keyframes, every)
    frames = iter(recording.keyframes(chosen)) if recording is not None else None
    for keyframe in sorted(chosen, key=lambda k: k.frame_index):
        frame = next(frames) if frames is not None else None
        yield Viewpoint(keyframe.frame_index, keyframe.camera, keyframe.T_world_cam, frame)


def held_out_viewpoints(recording: Recording, every: int) -> Iterator[Viewpoint]:
    """Every n-th of the frames that the scene was not built from."""
    for number, frame in enumerate(recording.held_out()):
        if number % every == 0:
            yield Viewpoint(frame.frame_index, frame.camera, frame.T_world_cam, frame)


def sized(camera: Camera, width: int | None) -> Camera:
    """The same view `width` pixels wide; None: as it is."""
    if width is None or width == camera.width:
        return camera
    return camera.resized(width, max(1, round(camera.height * width / camera.width)))


def places_of(
    viewpoints: Iterable[Viewpoint], width: int | None
) -> list[tuple[Camera, np.ndarray]]:
    """Where `write_views` will look from, for a renderer to get ready."""
    return [(sized(point.camera, width), point.T_world_cam) for point in viewpoints]


def write_views(
    renderer: ViewRenderer,
    viewpoints: Iterable[Viewpoint],
    out: Path,
    *,
    width: int | None = None,
    total: int | None = None,
    progress: Progress | None = None,
) -> tuple[int, list[ViewQuality]]:
    """Write a folder of views.

    For each: `NNNNN_colour.png`, `_depth.png` (for people), `_depth_mm.png` (16 bit),
    `_normals.png` (world axes as colours), `_alpha.png` and, with the recorded frame,
    `_beside.png`. `renders.json` lists them with camera, pose and figures.

    Returns:
        How many views, and the figures of those that have a recorded frame.
    """
    listed: list[dict[str, Any]] = []
    index = {
        "kind": "views",
        "world_frame": renderer.scene.world_frame,
        "rasterizer": renderer.name,
        "views": listed,
    }
    figures = []
    with picture_folder(out, index) as folder:
        for number, point in enumerate(viewpoints):
            view = renderer.render(sized(point.camera, width), point.T_world_cam)
            entry = _entry(point, view)
            if point.frame is not None:
                figures.append(compare(view, point.frame))
                entry["quality"] = asdict(figures[-1])
            for name, pixels in view_pictures(view, renderer.normals(view), point.frame).items():
                save_png(folder / f"{point.frame_index:05d}_{name}.png", pixels)
            listed.append(entry)
            if progress is not None:
                progress("views", number + 1, total)
        if not listed:
            raise CaptureError("there is no frame that the scene was not built from")
    return len(listed), figures


def view_pictures(
    view: View, normals: np.ndarray, frame: RGBDFrame | None
) -> dict[str, np.ndarray]:
    """The pictures of one view by name; `normals` [H,W,3] in the world frame."""
    near_m, far_m = depth_range(view.depth_m if frame is None else frame.depth_m)
    pictures = {
        "colour": view.rgb,
        "depth": colour_depth(view.depth_m, near_m, far_m),
        "depth_mm": depth_in_millimetres(view.depth_m),
        "normals": colour_normals(normals),
        "alpha": np.rint(255 * np.clip(view.alpha, 0, 1)).astype(np.uint8),
    }
    if frame is not None:
        pictures["beside"] = beside(view, frame)
    return pictures


def beside(view: View, frame: RGBDFrame) -> np.ndarray:
    """Recorded and rendered, colour above depth, with the figures in the captions."""
    rgb, depth_m = frame_like(view, frame)
    near_m, far_m = depth_range(depth_m)
    quality = compare(view, frame)
    psnr = "" if quality.psnr_db is None else f", PSNR {quality.psnr_db:.1f} dB"
    gap = (
        ""
        if quality.depth_median_mm is None
        else f", median error {quality.depth_median_mm:.1f} mm"
    )
    rows = [
        [
            caption(rgb, f"frame {frame.frame_index}, recorded colour"),
            caption(view.rgb, f"rendered colour{psnr}"),
        ],
        [
            caption(
                colour_depth(depth_m, near_m, far_m),
                f"recorded depth, red {near_m:.2f} m to blue {far_m:.2f} m",
            ),
            caption(colour_depth(view.depth_m, near_m, far_m), f"rendered depth{gap}"),
        ],
    ]
    upper, lower = (side_by_side(row) for row in rows)
    return np.concatenate([upper, np.full((8, upper.shape[1], 3), 255, np.uint8), lower])


def _entry(point: Viewpoint, view: View) -> dict[str, Any]:
    return {
        "frame_index": point.frame_index,
        "width": view.camera.width,
        "height": view.camera.height,
        "K": view.camera.K.tolist(),
        "T_world_cam": np.asarray(point.T_world_cam).tolist(),
    }
