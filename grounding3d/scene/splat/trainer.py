"""The training loop: which frame, how large, at which rates, and when the set changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from grounding3d.errors import TrainingError
from grounding3d.scene.base import Gaussians, Keyframe
from grounding3d.scene.rasterizers.base import Rasterizer, SplatParameters
from grounding3d.scene.splat.config import SplatConfig
from grounding3d.scene.splat.engine import AdamState, SplatEngine, StepReport, TrainView
from grounding3d.scene.splat.exposure import IDENTITY, Exposures, fit_exposure
from grounding3d.scene.splat.mcmc import relocate_and_grow
from grounding3d.scene.splat.poses import PoseCorrections
from grounding3d.scene.splat.sampler import ViewSampler
from grounding3d.scene.splat.schedule import Schedule
from grounding3d.scene.splat.start import with_sh_degree
from grounding3d.scene.splat.store import FrameStore, StoredFrame
from grounding3d.scene.splat.strategy import Edit, densify, opacity, reset_logits, take

_log = logging.getLogger(__name__)

_SMOOTHING = 0.02  # share of the newest step in the running error
_GAUGE_EVERY = 10  # steps between two corrections of what all frames share
_OPACITY_MARGIN = 1e-4  # activated opacities stay this far from 0 and 1
_COVERED = 0.5


class Trainer:
    """Trains Gaussians on the frames of a store, one step at a time.

    All that is random follows from the seed and the number of steps, so that equal frames give
    equal results, and training goes on from `state()` as if it had not stopped.

    Args:
        config: the splat section.
        engine: computes the steps; loaded here.
        store: frames to train on and to compare with.
        parameters: what to start from.
        anchor: [N] int32 keyframe of each Gaussian.
        means_rate: first step of the means, metres.
        split_over_m: Gaussians over this standard deviation are split, metres.
    """

    def __init__(
        self,
        config: SplatConfig,
        engine: SplatEngine,
        store: FrameStore,
        parameters: SplatParameters,
        anchor: np.ndarray,
        *,
        means_rate: float,
        split_over_m: float,
    ) -> None:
        self.config = config
        self.engine = engine
        self.schedule = Schedule(config, means_rate)
        self.anchor = anchor.astype(np.int32)
        self.exposures = Exposures(config.exposure_rate, config.exposure_prior)
        self.poses = PoseCorrections(config.pose_rate, config.pose_prior)
        self.steps = 0  # ever
        self.age = 0  # in the schedule; new frames set it back
        self.sown = len(parameters)  # Gaussians that came from measured depth and are still there
        self.seconds = 0.0  # ever
        self._clock = 0.0  # seconds in the schedule
        self._split_over_m = split_over_m
        self._store = store
        self._sampler = ViewSampler(config.seed)
        self._mse = np.nan
        self.look_at_frames()
        engine.load(parameters)

    def look_at_frames(self) -> None:
        """Notice that the store's frames have changed."""
        self._positions = {frame.number: n for n, frame in enumerate(self._store.frames)}
        self._train = np.array([f.number for f in self._store.frames if not f.held_out], np.int64)
        poses = [f.T_world_cam for f in self._store.frames if not f.held_out]
        self._train_poses = np.array(poses).reshape(-1, 4, 4)

    @property
    def done(self) -> bool:
        """Whether the schedule has come to its end."""
        return self.progress >= 1 or len(self._train) == 0

    @property
    def progress(self) -> float:
        """Share of the schedule done."""
        return self.schedule.progress(self.age, self._clock)

    @property
    def at_boundary(self) -> bool:
        """Whether `state()` would lose nothing, see `Schedule.is_boundary`."""
        return self.schedule.is_boundary(self.age)

    @property
    def psnr_db(self) -> float:
        """Running mean over the last steps' images; NaN before the first."""
        return float(-10 * np.log10(max(self._mse, 1e-10)))

    def step(self) -> StepReport:
        """Train on one frame.

        Raises:
            TrainingError: a loss or gradient is not finite; names the step and the frame.
        """
        started = time.perf_counter()
        number = self._sampler.next(self._train)
        view = self.view(self._positions[number], self.schedule.level(self.progress))
        report = self._engine_step(number, view)
        if self.config.exposure:
            self.exposures.update(number, report.exposure)
        if self.config.refine_poses:
            self.poses.update(number, report.pose)
        self.steps += 1
        self.age += 1
        if self.steps % _GAUGE_EVERY == 0:
            self._fix_gauges()
        self._mse = report.mse if np.isnan(self._mse) else (
            self._mse + _SMOOTHING * (report.mse - self._mse)
        )  # fmt: skip
        self._change_set()
        spent = time.perf_counter() - started
        self.seconds, self._clock = self.seconds + spent, self._clock + spent
        return report

    def view(self, position: int, level: int = 0) -> TrainView:
        """A frame of the store, with its exposure and corrected pose."""
        frame = self._store.frames[position]
        rgb, depth_m, camera = self._store.read(position, level)
        pose, exposure = frame.T_world_cam, IDENTITY
        if self.config.refine_poses:
            pose = self.poses.corrected(frame.number, pose)
        if self.config.exposure:
            exposure = self.exposures.of(frame.number)
        return TrainView(rgb, depth_m, camera, pose, exposure)

    def gaussians(self) -> Gaussians:
        """The Gaussians now, activated."""
        return activated(self.engine.parameters())

    def apply(self, edit: Edit) -> None:
        """Change the set of Gaussians; anchors are inherited."""
        self.engine.edit(edit.keep, edit.added)
        self.anchor = edit.carry(self.anchor)

    def add(
        self, parameters: SplatParameters, anchor: np.ndarray, keep: np.ndarray, surfels: int
    ) -> None:
        """Keep some rows and append new Gaussians, as new frames showed them.

        Surfels at the rim of the noise come and go as frames come in: with a bound on growth by
        what was ever sown, a camera that keeps going round a room would grow without end.

        Args:
            parameters, anchor: of the new ones.
            keep: rows that stay.
            surfels: that there are now.
        """
        share = len(keep) / max(1, len(self.anchor))  # was sown of those that go, as of all
        self.sown = min(round(self.sown * share) + len(parameters), surfels)
        self.engine.edit(keep, with_sh_degree(parameters, self.config.sh_degree))
        self.anchor = np.concatenate([self.anchor[keep], anchor]).astype(np.int32)

    def welcome(self, numbers: np.ndarray) -> None:
        """Show new frames first, and go back in the schedule to give them time."""
        self._sampler.put_first(np.array([n for n in numbers if n in set(self._train)], np.int64))
        self.age = min(self.age, self.config.iterations // 2)
        self._clock = min(self._clock, (self.config.max_seconds or 0.0) / 2)

    def remove_faint(self) -> None:
        """Drop Gaussians that can hardly be seen, where the strategy may."""
        config = self.config.densify
        if config.strategy != "none":
            parameters = self.engine.parameters()
            keep = np.flatnonzero(opacity(parameters) >= config.prune_opacity)
            if len(keep) < len(parameters):
                self.apply(Edit(keep, keep[:0], take(parameters, keep[:0])))

    def corrected_keyframes(self, keyframes: tuple[Keyframe, ...]) -> tuple[Keyframe, ...]:
        """Keyframes with their frames' corrected poses, where poses are refined."""
        if not self.config.refine_poses:
            return keyframes
        numbers = {frame.keyframe: frame.number for frame in self._store.frames}
        return tuple(
            replace(k, T_world_cam=self.poses.corrected(numbers[n], k.T_world_cam))
            if n in numbers
            else k
            for n, k in enumerate(keyframes)
        )

    def fit_exposures(self, rasterizer: Rasterizer, numbers: np.ndarray) -> None:
        """Measure frames' exposures against the Gaussians as they are, on the smallest images."""
        gaussians = self.gaussians()
        fitted = {}
        for number in numbers.tolist():
            if number not in self._positions:
                continue
            view = self.view(self._positions[number], level=self.config.coarse_levels)
            drawn = rasterizer.render(gaussians, view.camera, view.T_world_cam)
            fitted[number] = fit_exposure(drawn.rgb, view.rgb, drawn.alpha > _COVERED)
        self.exposures.begin(fitted)
        self._fix_gauges()

    def state(self) -> dict[str, np.ndarray]:
        """Everything but the frames and the engine's sums; see `Schedule.is_boundary`."""
        adam = self.engine.adam()
        return {
            **_prefixed("value", vars(self.engine.parameters())),
            **_prefixed("first", vars(adam.first)),
            **_prefixed("second", vars(adam.second)),
            "updates": adam.steps,
            "anchor": self.anchor.copy(),
            "counters": np.array([self.steps, self.age, self.sown], np.int64),
            "running": np.array([self._mse, self.seconds, self._clock]),
            **_prefixed("sampler", self._sampler.state()),
            **_prefixed("exposure", self.exposures.rows.state()),
            **_prefixed("pose", self.poses.rows.state()),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`."""
        first, second = (SplatParameters(**_within(k, state)) for k in ("first", "second"))
        adam = AdamState(first, second, state["updates"])
        self.engine.load(SplatParameters(**_within("value", state)), adam)
        self.anchor = state["anchor"].copy()
        self.steps, self.age, self.sown = (int(v) for v in state["counters"])
        self._mse, self.seconds, self._clock = (float(v) for v in state["running"])
        self._sampler.restore(_within("sampler", state))
        self.exposures.rows.restore(_within("exposure", state))
        self.poses.rows.restore(_within("pose", state))

    def _engine_step(self, number: int, view: TrainView) -> StepReport:
        weights = self.schedule.weights()
        try:
            return self.engine.step(
                view,
                weights,
                self.schedule.rates(self.progress),
                sh_degree=self.schedule.sh_degree(self.progress),
                background=self._frame(number).background,
                ssim_phase=self.steps % weights.ssim_stride,
            )
        except TrainingError as error:
            raise TrainingError(
                f"training stopped at step {self.steps + 1} of {self.config.iterations}, "
                f"frame {self._frame(number).frame_index}",
                found=str(error),
                hint="Lower scene.splat.rates, or look at that frame.",
            ) from error

    def _frame(self, number: int) -> StoredFrame:
        return self._store.frames[self._positions[number]]

    def _fix_gauges(self) -> None:
        if len(self._train) == 0:
            return
        if self.config.exposure:
            self.exposures.rows.reserve(int(self._train.max()) + 1)
            self.exposures.fix_gauge(self._train)
        if self.config.refine_poses:
            self.poses.rows.reserve(int(self._train.max()) + 1)
            self.poses.fix_gauge(self._train, self._train_poses)

    def _change_set(self) -> None:
        """What the strategy asks for after this step."""
        densify_config = self.config.densify
        if densify_config.strategy == "mcmc":
            rate = densify_config.mcmc_noise * self.schedule.rates(self.progress).means
            self.engine.perturb(rate, seed=(self.config.seed << 32) + self.steps)
        if self.schedule.edits(self.age, self.progress):
            self.apply(self._next_edit())
        if self.schedule.is_boundary(self.age):
            self.engine.forget_statistics()
        if self.schedule.resets(self.age, self.progress):
            parameters = self.engine.parameters()
            self.engine.set_logits(reset_logits(parameters, densify_config.reset_opacity))

    def _next_edit(self) -> Edit:
        config = self.config.densify
        if self.config.start == "surfels":  # a sparse start has to grow
            most = min(config.max_gaussians, int(config.max_growth * self.sown))
            config = config.model_copy(update={"max_gaussians": most})
        rng = np.random.default_rng([self.config.seed, 0xED17, self.steps])
        parameters = self.engine.parameters()
        if config.strategy == "mcmc":
            edit = relocate_and_grow(parameters, config, rng)
        else:
            statistics = self.engine.statistics()
            edit = densify(parameters, statistics, config, self._split_over_m, rng)
        n = len(edit.keep) + len(edit.added)
        _log.debug("step %d: %d Gaussians become %d", self.steps, len(parameters), n)
        return edit


def activated(parameters: SplatParameters) -> Gaussians:
    """Gaussians of raw parameters, their opacities strictly between 0 and 1."""
    limit = np.float32(np.log(1 / _OPACITY_MARGIN - 1))
    values = {**vars(parameters), "logits": np.clip(parameters.logits, -limit, limit)}
    return SplatParameters(**values).activated()


def _prefixed(prefix: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def _within(prefix: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = prefix + "."
    return {name[len(start) :]: v for name, v in values.items() if name.startswith(start)}
