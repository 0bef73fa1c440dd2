"""The `nerf` backend: frames are kept for nerfstudio; what it renders is fused into surfels."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import Cancelled, SceneError, TrainingError
from grounding3d.geometry.transforms import motion_between
from grounding3d.scene.base import Cancel, FrameReport, Keyframe, Progress, RenderedView, Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.keyframes import keyframes_from_arrays, keyframes_to_arrays
from grounding3d.scene.nerf.environment import require_environment
from grounding3d.scene.nerf.frames import FrameSpool, split, spread
from grounding3d.scene.nerf.process import run_job
from grounding3d.scene.nerf.report import scene_report
from grounding3d.scene.nerf.views import DrawnView, read_facts, read_views, resampled_depth
from grounding3d.scene.nerf.work import WorkFolder
from grounding3d.scene.points import PointsBuilder

_log = logging.getLogger(__name__)

_STATE_VERSION = 1
_MIN_KNOWN = 50  # pixels with depth below which a frame teaches colour only
_MOVED_M, _TURNED_RAD = 0.01, 0.02  # between two frames of colour only
_OVERRIDES = ("iterations", "max_seconds", "rays_per_step", "ray_width", "view_width")
_PREFIXES = ("points", "spool", "used")


class NerfBuilder:
    """Keeps frames, has a NeRF trained on them in `finish`, and fuses what it renders.

    While frames come, `snapshot` is of measured depth, by the `points` backend inside. `finish`
    starts the job in nerfstudio's environment, which trains and renders training views; their
    depth and colour are fused by the same code as measured depth. A frame without depth is trained
    on by its colour; what the NeRF renders there comes with `rendered_views`.

    Raises:
        MissingDependencyError: nerfstudio's environment is missing; says how to make it.
        SceneError: the folder to work in holds something else.
    """

    needs_depth = False

    def __init__(self, config: SceneConfig | None = None) -> None:
        self.config = config or SceneConfig(backend="nerf")
        self._nerf = self.config.nerf
        self._environment = require_environment(self._nerf.python)
        self._points = PointsBuilder(self.config)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if self._nerf.work is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="grounding3d-nerf-")
        path = self._temporary.name if self._temporary else self._nerf.work
        self._work = WorkFolder(Path(str(path)).absolute())
        self._spool = FrameSpool(self._work.frames, self._nerf.max_frames)
        self._used: list[Keyframe] = []
        self._of_points: list[int] = []  # for each keyframe of `_points`, its place in `_used`
        self._last_colour: np.ndarray | None = None
        self._scene: Scene | None = None

    def add(self, frame: RGBDFrame) -> FrameReport:
        """Keep one frame for training, and fuse its depth for snapshots.

        Raises:
            SceneError: the frame's pose refers to another world frame than the scene's; or there
                is no room for its pixels.
        """
        report = self._points.add(frame)
        depth_m = self._trusted_depth(frame)
        if report.used:
            self._of_points.append(len(self._used))
        elif (depth_m > 0).sum() < _MIN_KNOWN and self._is_new_view(frame.T_world_cam):
            self._last_colour = frame.T_world_cam
            report = FrameReport(frame.frame_index, used=True, has_depth=False)
        if report.used:
            self._spool.add(frame, depth_m, keyframe=len(self._used))
            view = Keyframe(frame.frame_index, frame.camera, frame.T_world_cam, frame.stamp_s)
            self._used.append(view)
            self._scene = None
        return report

    def snapshot(self) -> Scene:
        """The surfels of measured depth so far; the NeRF's once it is trained."""
        if self._scene is not None:
            return self._scene
        return self._renumbered(self._points.snapshot(), self._of_points)

    def refine(self, seconds: float) -> bool:
        """Nothing to do: training takes minutes, and is left to `finish`."""
        return False

    def finish(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Scene:
        """Train, render and fuse.

        Raises:
            TrainingError: the job failed, or the NeRF shows no surface.
            Cancelled: `cancel` was set; the same frames go on from the checkpoint.
        """
        if self._scene is None and len(self._spool):
            self._train(progress, cancel)
            self._scene = self._fused(progress, cancel)
        return self.snapshot()

    def rendered_views(self) -> Iterator[RenderedView]:
        """What the NeRF shows from the views that were fused; none before `finish`."""
        if self._scene is None:
            return
        for view in read_views(self._work.views):
            spooled = self._spool.frames[view.number]
            rgb, _ = self._spool.read(view.number)
            assert view.K is not None
            depth_m = resampled_depth(view.depth_m, view.K, spooled.view.camera)
            yield RenderedView(
                keyframe=spooled.keyframe,
                frame=self._frame(spooled.view, rgb, depth_m),
                vectors=view.vectors,
                index=view.cells,
                weight=view.weight,
                cell_px=view.cell_px,
            )

    def state(self) -> dict[str, np.ndarray]:
        """Everything so far; what was trained stays in the folder of work, if one is named."""
        last = np.zeros((0, 4, 4)) if self._last_colour is None else self._last_colour[None]
        state = {
            "nerf_version": np.array(_STATE_VERSION),
            "of_points": np.array(self._of_points, np.int64),
            "last_colour": last.copy(),
        }
        parts = self._points.state(), self._spool.state(), keyframes_to_arrays(self._used)
        for prefix, part in zip(_PREFIXES, parts):
            state.update({f"{prefix}.{name}": value for name, value in part.items()})
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`.

        Raises:
            SceneError: it is not a state of this builder, or of another version.
        """
        if "nerf_version" not in state:
            raise SceneError("not a state of the nerf backend", found="no version")
        if int(state["nerf_version"]) != _STATE_VERSION:
            raise SceneError(
                "a state of another version of the nerf backend",
                expected=str(_STATE_VERSION),
                found=str(int(state["nerf_version"])),
            )
        points, spool, used = (_within(prefix, state) for prefix in _PREFIXES)
        self._points.restore(points)
        self._spool.restore(spool)
        self._used = keyframes_from_arrays(used)
        self._of_points = state["of_points"].tolist()
        last = state["last_colour"]
        self._last_colour = last[0].copy() if len(last) else None
        self._scene = None

    def _train(self, progress: Progress | None, cancel: Cancel | None) -> None:
        """Have the job do its work, or what is left of it."""
        self._spool.write_index()
        goes_on = self._work.prepare(self._settings(), self._spool.digest)
        if self._work.is_complete:
            _log.info("the NeRF in %s is trained already", self._work.path)
            return
        if goes_on:
            _log.info("going on with the training in %s", self._work.path)
        try:
            run_job(
                self._environment.python, [str(self._work.path)], self._work.path, progress, cancel
            )
        except Cancelled as error:
            hint = "The same command goes on from there." if self._nerf.work else None
            raise Cancelled(error.summary, hint=hint) from error
        if not self._work.is_complete:
            raise TrainingError("the NeRF's job left no report", found=str(self._work.path))

    def _settings(self) -> dict[str, Any]:
        """What the job is told, as JSON values."""
        nerf, device = self._nerf, self.config.device or "cpu"
        train, held_out = split(self._spool.frames, nerf.held_out_every, nerf.held_out_max)
        preset = nerf.preset
        if preset == "auto":
            preset = "full" if device.startswith("cuda") else "small"
        given = {name: getattr(nerf, name) for name in _OVERRIDES}
        return {
            "schema": 1,
            "encoder": self.config.encoder if nerf.language else None,
            "device": device.partition(":")[0],
            "held_out": held_out,
            "views": [train[i] for i in spread(len(train), nerf.max_views)],
            "seed": nerf.seed,
            "preset": preset,
            "overrides": {name: value for name, value in given.items() if value is not None},
        }

    def _fused(self, progress: Progress | None, cancel: Cancel | None) -> Scene:
        """The rendered views, fused like measured depth."""
        fuser = PointsBuilder(self.config.model_copy(update={"max_jump_m": None}))
        places = []
        total = len(list(self._work.views.glob("*.safetensors")))
        for done, view in enumerate(read_views(self._work.views)):
            if cancel is not None and cancel.is_set():
                raise Cancelled("the fusion of the NeRF's views was stopped")
            spooled = self._spool.frames[view.number]
            if fuser.add(self._frame(spooled.view, view.rgb, view.depth_m, view)).used:
                places.append(spooled.keyframe)
            if progress:
                progress("fusion", done + 1, total)
        fused = fuser.snapshot()
        if not len(fused.gaussians):
            raise TrainingError(
                "the NeRF shows no surface that it is sure of",
                found=f"{len(places)} of {total} rendered views with depth",
                hint="Record depth or more views, or train longer: --set scene.nerf.iterations=N.",
            )
        frames, files = self._spool.frames, self._work.files(owner=self._temporary)
        report = scene_report(
            read_facts(self._work.report),
            read_facts(files.model),
            frames=len(frames),
            colour_only=sum(not frame.has_depth for frame in frames),
            held_out_frames=[frames[n].view.frame_index for n in self._settings()["held_out"]],
        )
        return replace(self._renumbered(fused, places), report=report, nerf=files)

    def _frame(
        self, view: Keyframe, rgb: np.ndarray, depth_m: np.ndarray, drawn: DrawnView | None = None
    ) -> RGBDFrame:
        """A frame from a keyframe's place, of the recording's size or a drawn view's."""
        return RGBDFrame(
            rgb=rgb,
            depth_m=depth_m,
            camera=view.camera if drawn is None else drawn.camera,
            T_world_cam=view.T_world_cam,
            frame_index=view.frame_index,
            stamp_s=view.stamp_s,
            world_frame=self._points.world_frame,
        )

    def _renumbered(self, scene: Scene, places: list[int]) -> Scene:
        """A scene of some of the keyframes, with all of them; `places` says which they are."""
        anchor = np.array(places, np.int32)[scene.anchor] if places else scene.anchor.copy()
        anchor.setflags(write=False)
        return replace(scene, anchor=anchor, keyframes=tuple(self._used), backend="nerf")

    def _trusted_depth(self, frame: RGBDFrame) -> np.ndarray:
        """Depth [H,W] within the limits of fusion, 0 elsewhere."""
        low, high = self.config.min_depth_m, self.config.max_depth_m
        trusted = (frame.depth_m > low) & (frame.depth_m < high)
        return np.where(trusted, frame.depth_m, np.float32(0))

    def _is_new_view(self, T_world_cam: np.ndarray) -> bool:
        """Whether the camera moved since the last frame of colour only, and not too far to be."""
        if self._last_colour is None:
            return True
        moved_m, turned_rad = motion_between(self._last_colour, T_world_cam)
        limit = self.config.max_jump_m
        is_near = limit is None or moved_m <= limit
        return (moved_m > _MOVED_M or turned_rad > _TURNED_RAD) and is_near


def _within(prefix: str, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = prefix + "."
    return {name[len(start) :]: v for name, v in values.items() if name.startswith(start)}
