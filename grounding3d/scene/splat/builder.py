"""The `splat` backend: surfels first, then Gaussians trained from them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import Cancelled, SceneError, TrainingError
from grounding3d.scene.base import Cancel, FrameReport, Progress, RenderedView, Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.splat.checkpoint import identity, load_checkpoint, save_checkpoint
from grounding3d.scene.splat.coarsening import coarsened
from grounding3d.scene.splat.engine import SplatEngine
from grounding3d.scene.splat.engines import choose_engine, rasterizer_of
from grounding3d.scene.splat.growth import growth, joined
from grounding3d.scene.splat.report import held_out_score, training_report
from grounding3d.scene.splat.start import cameras_extent_m, start_parameters, start_rows
from grounding3d.scene.splat.store import FrameStore
from grounding3d.scene.splat.trainer import Trainer
from grounding3d.scene.splat.turns import Turns

_log = logging.getLogger(__name__)

_STATE_VERSION = 1
_MIN_KNOWN = 50  # pixels with depth below which a frame only teaches colour
_MOVED_M, _TURNED_RAD = 0.01, 0.02  # between two frames of colour only
_SPLIT_VOXELS, _SPLIT_EXTENT = 0.15, 0.01
_REPORT_EVERY = 10  # steps between two calls of the progress function
_SYNC_SHARE = 0.1  # of the time between frames that taking new surfels in may cost


class SplatBuilder:
    """Fuses frames into surfels, then trains them as Gaussians on the same frames.

    Geometry comes from depth: the `points` backend runs inside, and what it says about a frame is
    what is reported. A frame without depth is trained on by its colour alone. `finish` trains to
    the end of the schedule. `refine` trains for a while, also between frames that keep coming: new
    surfaces come in, and Gaussians that later frames look through go. Frames lie in a temporary
    file, see `FrameStore`. `snapshot` may be called from another thread while training runs.
    """

    needs_depth = True

    def __init__(self, config: SceneConfig | None = None) -> None:
        self.config = config or SceneConfig(backend="splat")
        self._splat = self.config.splat
        self._points = PointsBuilder(self.config)
        self._store = FrameStore(self._splat.coarse_levels, self._splat.max_frames)
        self._used = 0
        self._last_colour: np.ndarray | None = None
        self._surfels: Scene | None = None  # of the frames so far, once asked for
        self._trainer: Trainer | None = None
        self._known = np.zeros((0, 3), np.float32)  # surfels that training knows
        self._known_frames = 0
        self._sync_s, self._synced_at = 0.0, 0.0
        self._report: dict[str, Any] | None = None
        self._turns = Turns()

    def add(self, frame: RGBDFrame) -> FrameReport:
        """Fuse one frame and keep it for training.

        Raises:
            SceneError: the frame's pose refers to another world frame than the scene's; or there
                is no room for its pixels.
        """
        with self._turns.guest():
            report = self._points.add(frame)
            depth_m = self._trusted_depth(frame)
            if report.used:
                every = self._splat.held_out_every
                held_out = every > 0 and self._used % every == every - 1
                self._store.add(frame, depth_m, keyframe=self._used, held_out=held_out)
                self._used += 1
                self._surfels = None
            elif (depth_m > 0).sum() < _MIN_KNOWN and self._is_new_view(frame.T_world_cam):
                self._store.add(frame, depth_m, keyframe=-1, held_out=False)
                self._last_colour = frame.T_world_cam
                report = replace(report, reason=f"{report.reason}; its colour is trained on")
            return report

    def snapshot(self) -> Scene:
        """The scene so far: trained Gaussians, and surfels where training has not been yet."""
        with self._turns.guest():
            return self._scene()

    def refine(self, seconds: float) -> bool:
        """Train for about that long; whether anything changed.

        Surfels of new frames are taken in first, if that has not been done just before.
        """
        until = time.perf_counter() + seconds
        with self._turns.guest():
            changed = self._sync_if_cheap()
        while self._trainer is not None and not self._trainer.done:
            if time.perf_counter() >= until:
                break
            with self._turns.step():
                self._trainer.step()
            changed = True
        return changed

    def finish(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Scene:
        """Train to the end of the schedule.

        Raises:
            TrainingError: a loss or gradient is not finite; the last checkpoint is kept.
            Cancelled: `cancel` was set; so it is then.
            SceneError: the checkpoint to go on from is of another capture or configuration.
        """
        with self._turns.guest():
            if self._splat.iterations == 0 or not len(self._fused().gaussians):
                return self._scene()
            trainer = self._sync()
            if trainer.done and self._report is not None:
                return self._scene()
            before = held_out_score(trainer, self._store, self._fused().gaussians)
            save = self._resume(trainer)
        try:
            self._train(trainer, progress, cancel, save)
        except TrainingError as error:
            raise TrainingError(str(error), hint=self._checkpoint_hint()) from error
        with self._turns.guest():
            trainer.remove_faint()
            self._report = training_report(trainer, self._store, before)
            return self._scene()

    def rendered_views(self) -> tuple[RenderedView, ...]:
        """None: depth and colour are those of the frames."""
        return ()

    def state(self) -> dict[str, np.ndarray]:
        """Everything so far; pixels are mapped from a temporary file, not held in memory."""
        with self._turns.guest():
            last = np.zeros((0, 4, 4)) if self._last_colour is None else self._last_colour[None]
            state = {
                "splat_version": np.array(_STATE_VERSION),
                "used": np.array(self._used),
                "last_colour": last,
                "known": self._known.copy(),
                "known_frames": np.array(self._known_frames),
            }
            parts = {"points": self._points.state(), "store": self._store.state()}
            if self._trainer is not None:
                parts["trainer"] = self._trainer.state()
            for prefix, part in parts.items():
                state.update({f"{prefix}.{name}": value for name, value in part.items()})
            return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`.

        Raises:
            SceneError: it is not a state of this builder, or of another version.
        """
        if "splat_version" not in state:
            raise SceneError("not a state of the splat backend", found="no version")
        if int(state["splat_version"]) != _STATE_VERSION:
            raise SceneError(
                "a state of another version of the splat backend",
                expected=str(_STATE_VERSION),
                found=str(int(state["splat_version"])),
            )
        with self._turns.guest():
            self._points.restore(_within("points", state))
            self._store.restore(_within("store", state))
            self._used = int(state["used"])
            last = state["last_colour"]
            self._last_colour = last[0].copy() if len(last) else None
            self._surfels = None
            self._known = state["known"].copy()
            self._known_frames = int(state["known_frames"])
            self._trainer = None
            if "trainer.anchor" in state:
                self._trainer = self._new_trainer(self._fused())
                self._trainer.restore(_within("trainer", state))

    def _fused(self) -> Scene:
        """The surfels of all frames so far."""
        if self._surfels is None:
            self._surfels = self._points.snapshot()
        return self._surfels

    def _scene(self) -> Scene:
        fused = self._fused()
        trainer = self._trainer
        if trainer is None:
            return replace(fused, backend="splat")
        gaussians, anchor = trainer.gaussians(), trainer.anchor
        if self._store.offered != self._known_frames:
            change = growth(
                gaussians.means, self._known, fused.gaussians.means, self._points.voxel_size_m
            )
            gaussians = joined(gaussians.select(change.keep), fused.gaussians.select(change.fresh))
            anchor = np.concatenate([anchor[change.keep], fused.anchor[change.fresh]])
        for array in (anchor := anchor.copy(), *vars(gaussians).values()):
            array.setflags(write=False)
        return replace(
            fused,
            gaussians=gaussians,
            anchor=anchor,
            keyframes=trainer.corrected_keyframes(fused.keyframes),
            backend="splat",
            report=self._report if self._store.offered == self._known_frames else None,
        )

    def _sync_if_cheap(self) -> bool:
        """Take new surfels in, unless it would cost too much of the time; whether it was done."""
        if self._store.offered == self._known_frames or not len(self._fused().gaussians):
            return False
        now = time.perf_counter()
        if self._trainer is not None and now - self._synced_at < self._sync_s / _SYNC_SHARE:
            return False
        self._sync()
        self._synced_at = time.perf_counter()
        self._sync_s = self._synced_at - now
        return True

    def _sync(self) -> Trainer:
        """Let training know all frames so far."""
        fused, trainer = self._fused(), self._trainer
        if self._store.offered == self._known_frames and trainer is not None:
            return trainer
        new = np.array([f.number for f in self._store.frames if f.number >= self._known_frames])
        if trainer is None:
            trainer = self._trainer = self._new_trainer(fused)
        else:
            means = trainer.engine.parameters().means
            change = growth(means, self._known, fused.gaussians.means, self._points.voxel_size_m)
            trainer.look_at_frames()
            fresh = start_parameters(fused.gaussians.select(change.fresh), self._splat)
            trainer.add(
                fresh, fused.anchor[change.fresh], change.keep, surfels=len(fused.gaussians)
            )
            trainer.welcome(new)
        if self._splat.exposure and self._splat.start == "surfels":
            trainer.fit_exposures(rasterizer_of(trainer.engine), new)
        self._known, self._known_frames = fused.gaussians.means, self._store.offered
        self._report = None
        return trainer

    def _new_trainer(self, fused: Scene) -> Trainer:
        rows = start_rows(len(fused.gaussians), self._splat)
        chosen, anchor = fused.gaussians.select(rows), fused.anchor[rows]
        extent = cameras_extent_m([frame.T_world_cam for frame in self._store.frames])
        voxel, rates = self._points.voxel_size_m, self._splat.rates
        surfels = self._splat.start == "surfels"
        if surfels:
            chosen, anchor = coarsened(chosen, anchor, voxel, self._splat.merge_levels)
        split = _SPLIT_VOXELS * voxel if surfels else _SPLIT_EXTENT * extent
        return Trainer(
            self._splat,
            self._engine(),
            self._store,
            start_parameters(chosen, self._splat),
            anchor,
            means_rate=rates.means_voxels * voxel if surfels else rates.means_extent * extent,
            split_over_m=self._splat.densify.split_over_m or split,
        )

    def _engine(self) -> SplatEngine:
        return choose_engine(self._splat.engine, self.config.device or "cpu")

    def _train(
        self,
        trainer: Trainer,
        progress: Progress | None,
        cancel: Cancel | None,
        save: Callable[[], None],
    ) -> None:
        """Steps until the schedule is over, saving now and then."""
        saved_at = time.perf_counter()
        while not trainer.done:
            if cancel is not None and cancel.is_set():
                raise Cancelled(
                    f"the training was stopped after step {trainer.steps}",
                    hint=self._checkpoint_hint(),
                )
            with self._turns.step():
                trainer.step()
                due = time.perf_counter() - saved_at >= self._splat.checkpoint_every_s
                if due and trainer.at_boundary:
                    save()
                    saved_at = time.perf_counter()
            if progress and (trainer.age % _REPORT_EVERY == 0 or trainer.done):
                progress(f"splat {trainer.psnr_db:.1f} dB", trainer.age, self._splat.iterations)

    def _resume(self, trainer: Trainer) -> Callable[[], None]:
        """Load the checkpoint, if one fits; returns what saves one."""
        if self._splat.checkpoint is None:
            return lambda: None
        path = Path(self._splat.checkpoint)
        belongs_to = identity(self._store.digest, self.config, trainer.engine.name)
        resume = self._splat.resume
        if trainer.steps == 0 and (resume == "required" or (resume != "never" and path.exists())):
            try:
                trainer.restore(load_checkpoint(path, belongs_to))
                _log.info("going on from %s at step %d", path, trainer.steps)
            except SceneError as error:
                if resume == "required":
                    raise
                _log.warning("training starts over: %s", error)
        return lambda: save_checkpoint(path, trainer.state(), belongs_to)

    def _checkpoint_hint(self) -> str | None:
        path = self._splat.checkpoint
        if path is None or not Path(path).exists():
            return None
        return f"The last checkpoint is {path}; the same command goes on from it."

    def _trusted_depth(self, frame: RGBDFrame) -> np.ndarray:
        """Depth [H,W] within the limits of fusion, 0 elsewhere."""
        low, high = self.config.min_depth_m, self.config.max_depth_m
        trusted = (frame.depth_m > low) & (frame.depth_m < high)
        return np.where(trusted, frame.depth_m, np.float32(0))

    def _is_new_view(self, T_world_cam: np.ndarray) -> bool:
        """Whether the camera moved since the last frame of colour only, and not too far to be."""
        if self._last_colour is None:
            return True
        motion = np.linalg.inv(self._last_colour) @ T_world_cam
        moved = float(np.linalg.norm(motion[:3, 3]))
        turned = float(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1)))
        limit = self.config.max_jump_m
        return (moved > _MOVED_M or turned > _TURNED_RAD) and (limit is None or moved <= limit)


def _within(prefix: str, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = prefix + "."
    return {name[len(start) :]: v for name, v in values.items() if name.startswith(start)}
