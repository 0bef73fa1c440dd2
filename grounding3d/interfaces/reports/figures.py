"""The figures of a report: what was captured, how much of it is covered, how true it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.interfaces.renders.compare import ViewQuality, compare, frame_like
from grounding3d.interfaces.renders.paths import scene_center
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import View, ViewRenderer
from grounding3d.interfaces.renders.views import sized
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.base import Keyframe, Progress

_ERROR_EDGES_MM = np.linspace(0, 30, 31)
_DISTANCE_BINS = 30
_LOOK_WIDTH, _LOOK_WIDTH_SLOW = 320, 160


@dataclass(frozen=True)
class CaptureFacts:
    """What the keyframes say about the recording.

    Attributes:
        n_keyframes: how many.
        width, height: of the first one, pixels.
        duration_s: between the first and the last stamp, None without stamps.
        path_m: length of the camera's way.
        azimuth_deg: how much of the circle around the scene's middle the cameras stood on, None
            where up is not known.
    """

    n_keyframes: int
    width: int
    height: int
    duration_s: float | None
    path_m: float
    azimuth_deg: float | None


@dataclass(frozen=True, eq=False)
class SceneFigures:
    """Figures over some keyframes.

    Attributes:
        frame_indices: the keyframes.
        coverage: for each, the share of pixels where the scene shows a surface.
        distance_counts, distance_edges_m: histogram of the distance from camera to surface.
        quality: against the recorded frames; empty without a recording.
        error_counts, error_edges_mm: histogram of |rendered - measured| depth; the last bin takes
            what is beyond.
    """

    frame_indices: list[int]
    coverage: list[float]
    distance_counts: np.ndarray
    distance_edges_m: np.ndarray
    quality: list[ViewQuality]
    error_counts: np.ndarray
    error_edges_mm: np.ndarray


def capture_facts(scene: LanguageScene) -> CaptureFacts:
    """Facts that the keyframes' poses and stamps give."""
    keyframes = scene.scene.keyframes
    stamps = [k.stamp_s for k in keyframes if k.stamp_s is not None]
    places = np.stack([k.T_world_cam[:3, 3] for k in keyframes]) if keyframes else np.zeros((0, 3))
    return CaptureFacts(
        n_keyframes=len(keyframes),
        width=keyframes[0].camera.width if keyframes else 0,
        height=keyframes[0].camera.height if keyframes else 0,
        duration_s=max(stamps) - min(stamps) if len(stamps) > 1 else None,
        path_m=float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum()),
        azimuth_deg=_azimuth_deg(scene, places),
    )


def _azimuth_deg(scene: LanguageScene, places: np.ndarray) -> float | None:
    """Degrees of the circle within 15 degrees of a camera, seen from amid the things."""
    up = scene.scene.up_world
    if up is None or len(places) == 0 or len(scene.scene.gaussians) == 0:
        return None
    first = np.eye(3)[int(np.abs(up).argmin())]
    right = np.cross(first, up)
    right /= np.linalg.norm(right)
    away = places - scene_center(scene)
    angle = np.degrees(np.arctan2(away @ np.cross(up, right), away @ right))
    circle = np.arange(360.0)
    gap = np.abs((circle[:, None] - angle[None] + 180) % 360 - 180).min(axis=1)
    return float((gap <= 15).sum())


def scene_figures(
    renderer: ViewRenderer,
    recording: Recording | None,
    *,
    most: int = 24,
    progress: Progress | None = None,
) -> SceneFigures:
    """Render up to `most` evenly spread keyframes and measure."""
    keyframes = _spread(renderer.scene.keyframes, most)
    frames = iter(recording.keyframes(keyframes)) if recording is not None else None
    width = _LOOK_WIDTH if renderer.is_quick else _LOOK_WIDTH_SLOW
    coverage, quality, distances = [], [], []
    errors = np.zeros(len(_ERROR_EDGES_MM) - 1, np.int64)
    for number, keyframe in enumerate(keyframes):
        camera = sized(keyframe.camera, min(width, keyframe.camera.width))
        view = renderer.render(camera, keyframe.T_world_cam)
        coverage.append(float((view.depth_m > 0).mean()))
        distances.append(view.depth_m[view.depth_m > 0])
        if frames is not None:
            frame = next(frames)
            quality.append(compare(view, frame))
            errors += _errors(view, frame_like(view, frame)[1])
        if progress is not None:
            progress("figures", number + 1, len(keyframes))
    known = np.concatenate(distances) if distances else np.zeros(0)
    far = float(np.percentile(known, 99)) if len(known) else 1.0
    counts, edges = np.histogram(known, bins=_DISTANCE_BINS, range=(0, max(far, 0.1)))
    return SceneFigures(
        [k.frame_index for k in keyframes], coverage, counts, edges, quality, errors,
        _ERROR_EDGES_MM,
    )  # fmt: skip


def _errors(view: View, depth_m: np.ndarray) -> np.ndarray:
    both = (view.depth_m > 0) & (depth_m > 0)
    gap = 1000 * np.abs(view.depth_m[both] - depth_m[both])
    return np.histogram(np.minimum(gap, _ERROR_EDGES_MM[-1] - 1e-6), _ERROR_EDGES_MM)[0]


def _spread(keyframes: tuple[Keyframe, ...], most: int) -> list[Keyframe]:
    """Up to `most` keyframes, evenly spread, in the recording's order."""
    rows = np.unique(np.linspace(0, len(keyframes) - 1, min(most, len(keyframes))).round())
    return sorted((keyframes[int(i)] for i in rows), key=lambda k: k.frame_index)
