"""The mapper: frames in, one after the other, a language scene out at any time."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from grounding3d.capture.base import Capture, RGBDFrame
from grounding3d.errors import Cancelled, CaptureError, SceneError
from grounding3d.features.base import Encoder, FeatureCells, Vocabulary
from grounding3d.features.identity import identify
from grounding3d.features.vocabulary import label_vocabulary
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.field import LanguageField
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.live.changes import ChangeDetector
from grounding3d.live.config import Config
from grounding3d.live.keyframes import KeyframeSelector
from grounding3d.live.looking import Looker, Lookout, Sight
from grounding3d.live.read_ahead import read_ahead
from grounding3d.objects.base import LanguageScene, ObjectMap
from grounding3d.objects.build import build_objects
from grounding3d.scene.backends import make_builder
from grounding3d.scene.base import Cancel, FrameReport, Progress, RenderedView, Scene
from grounding3d.scene.up import estimate_up

_log = logging.getLogger(__name__)

_MOST_REASONS = 50  # that are told apart; some hold numbers, and a map may run for days


@dataclass
class FrameCounts:
    """How many frames came, how many were used, and why the others were not."""

    seen: int = 0
    used: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def note(self, report: FrameReport) -> FrameReport:
        """Count one report and hand it on."""
        if report.used:
            self.seen += 1
            self.used += 1
        else:
            self.leave_out(report.reason)
        return report

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count frames that are not used."""
        if count > 0:
            self.seen += count
            is_known = reason in self.skipped or len(self.skipped) < _MOST_REASONS
            self.skipped[reason if is_known else "other reasons"] += count


class Mapper:
    """Builds geometry and objects from posed frames, recorded or live.

    Args:
        config: all stages' sections.
        encoder: embeds the masks' crops.
        up_world: direction against gravity where the source knows it.
        static_transforms: frame id -> [4,4] `T_frame_world` of frames fixed to the world.
        next_id: smallest id that may be given to an object.
        threads: with more than one, frames are looked at on as many others, and what they show
            enters the map later, in their order; see `take_in`. The map is the same.
        on_look: called on one of those threads whenever a frame has been looked at.
    """

    def __init__(
        self,
        config: Config,
        encoder: Encoder,
        *,
        up_world: np.ndarray | None = None,
        static_transforms: dict[str, np.ndarray] | None = None,
        next_id: int = 1,
        threads: int = 1,
        on_look: Callable[[], None] | None = None,
    ) -> None:
        self.config = config
        self.counts = FrameCounts()
        self._encoder = encoder
        self._up_world = up_world
        self._static_transforms = static_transforms or {}
        self._uuid = str(uuid.uuid4())
        motion = config.keyframes
        self._fuses = KeyframeSelector(motion.min_translation_m, motion.min_rotation_rad)
        self._looks = KeyframeSelector(motion.language_translation_m, motion.language_rotation_rad)
        looks = max(config.fusion.forget_after_looks, config.fusion.min_views)
        self._changes = ChangeDetector(looks, motion.change_period_s)
        self._builder = make_builder(config.scene, config.device, config.encoder)
        self._looker = Looker(config, encoder)
        self._lookout = Lookout(threads, on_look) if threads > 1 else None
        self._field = LanguageField(config.field)
        self._fuser = SegmentFuser(config.fusion)
        self._unseen: set[int] = set()  # keyframes to be looked at once they have depth
        self._rendered: set[int] = set()  # keyframes whose rendered view was taken in
        self._vocabulary: Vocabulary | None = None
        self._objects = ObjectMap(next_id=next_id)

    def warm_up(self) -> None:
        """Load what the first frame and the first scene will need, which takes seconds."""
        self._encoder.encode_image([np.zeros((32, 32, 3), np.uint8)])
        self._vocabulary = label_vocabulary(self._encoder)
        identify(self._encoder)  # reads a large file of weights once, for its hash

    def add(self, frame: RGBDFrame) -> FrameReport:
        """Take one frame in: geometry first, then, if the view is new, what can be seen in it.

        A view is new when the camera moved, or when something else did.
        """
        has_moved = self._fuses.wants(frame.T_world_cam)
        if not has_moved and not self._changes.wants(frame):
            return self.counts.note(FrameReport(frame.frame_index, False, "camera hardly moved"))
        report = self.counts.note(self._builder.add(frame))
        if report.used:
            self._fuses.take(frame.T_world_cam)
            self._changes.take(frame)
            if self._looks.wants(frame.T_world_cam) or not has_moved:
                self._looks.take(frame.T_world_cam)
                self._look_now_or_later(frame, report)
        return report

    def _look_now_or_later(self, frame: RGBDFrame, report: FrameReport) -> None:
        """Look at the latest keyframe, or where its depth will only be rendered, note it."""
        keyframe = self.counts.used - 1
        if report.has_depth:
            self._look(frame, keyframe)
        else:
            self._unseen.add(keyframe)

    def _look(self, frame: RGBDFrame, keyframe: int) -> None:
        """See what a frame shows, and take it in, at once or by and by."""
        look = partial(self._looker.look, frame, keyframe, self._up_world)
        if self._lookout is None:
            self._take_in_sight(look())
        else:
            self._lookout.begin(look)

    @property
    def looking(self) -> int:
        """Frames that are being looked at, or wait for it."""
        return len(self._lookout) if self._lookout is not None else 0

    def take_in(self, wait: bool = True) -> bool:
        """Take in what the oldest of the frames that are being looked at shows.

        Args:
            wait: until it is known.

        Returns:
            Whether there was such a frame.

        Raises:
            GroundingError: looking at that frame failed; the others are not affected.
        """
        sight = self._lookout.oldest(wait) if self._lookout is not None else None
        if sight is not None:
            self._take_in_sight(sight)
        return sight is not None

    def _take_in_sight(self, sight: Sight) -> None:
        """Take in what was seen in a frame: features for the Gaussians, segments for things."""
        if sight.cells is not None:
            self._field.add(sight.frame, sight.keyframe, sight.cells)
        self._fuser.add(sight.segments, sight.frame)

    def _settle(self) -> None:
        """Wait until everything that was looked at is in the map."""
        while self.looking:
            self.take_in()

    def _take_in_view(self, view: RenderedView) -> None:
        """Take in what a trained scene shows: its language, and things where no depth was measured.

        Rendered language is lifted like that of a dense source.
        """
        if view.keyframe in self._rendered:
            return
        self._rendered.add(view.keyframe)
        if view.keyframe in self._unseen and view.frame.depth_m.any():
            self._unseen.remove(view.keyframe)
            self._look(view.frame, view.keyframe)
        if len(view.vectors):
            if view.vectors.shape[1] != self._encoder.dim:
                raise SceneError(
                    "the scene learned the language of another encoder",
                    expected=f"{self._encoder.dim} numbers a vector",
                    found=str(view.vectors.shape[1]),
                )
            cells = FeatureCells(view.vectors, view.index, view.weight, view.cell_px)
            self._field.add(view.frame, view.keyframe, cells)

    def snapshot(self) -> LanguageScene:
        """The scene of all that was taken in so far; mapping may go on afterwards.

        Language is lifted from some of the views only, see `LiveConfig.snapshot_views`.
        """
        return self._assemble(self._builder.snapshot(), self.config.live.snapshot_views)

    def refine(self, seconds: float) -> bool:
        """Better the geometry while no frame is waiting; whether anything changed."""
        return self._builder.refine(seconds)

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on mapping later, beside the last scene, as plain arrays."""
        self._settle()
        return {
            **{f"scene.{name}": array for name, array in self._builder.state().items()},
            **{f"fusion.{name}": array for name, array in self._fuser.state().items()},
            **{f"field.{name}": array for name, array in self._field.state().items()},
            "counts": np.array([self.counts.seen, self.counts.used], np.int64),
            "unseen": np.array(sorted(self._unseen), np.int64),
        }

    def restore(self, scene: LanguageScene, state: dict[str, np.ndarray]) -> None:
        """Go on from a scene and the `state()` it was made from.

        Raises:
            SceneError: not a state of this kind of mapper, or of another version.
        """
        try:
            seen, used = state["counts"].tolist()
        except (KeyError, ValueError) as error:
            raise SceneError("not the memory of a mapper", found=str(error)) from error
        self._builder.restore(_section(state, "scene."))
        self._fuser.restore(_section(state, "fusion."))
        self._field.restore(_section(state, "field."))
        self.counts = FrameCounts(seen, used)
        self._unseen = set(state.get("unseen", np.zeros(0, np.int64)).tolist())
        self._rendered = set()
        self._objects, self._uuid = scene.objects, scene.uuid
        self._static_transforms = {**scene.static_transforms, **self._static_transforms}
        if self._up_world is None and scene.scene.up_source == "capture":
            self._up_world = scene.scene.up_world

    def finish(
        self, progress: Progress | None = None, cancel: Cancel | None = None
    ) -> LanguageScene:
        """Complete the geometry and the objects.

        Raises:
            CaptureError: not one frame could be used; the message counts the reasons.
        """
        if self.counts.used == 0:
            reasons = "; ".join(f"{n} x {reason}" for reason, n in self.counts.skipped.items())
            raise CaptureError(
                "no frame could be used",
                found=f"{self.counts.seen} frames" + (f" ({reasons})" if reasons else ""),
                hint="`grounding3d info CAPTURE` shows depth range and valid share.",
            )
        self._settle()
        scene = self._builder.finish(progress, cancel)
        for view in self._builder.rendered_views():
            self._take_in_view(view)
        self._settle()
        return self._assemble(scene)

    def _assemble(self, scene: Scene, max_views: int | None = None) -> LanguageScene:
        if self._vocabulary is None:
            self._vocabulary = label_vocabulary(self._encoder)
        scene = self._with_up(scene)
        self._objects = build_objects(
            self._fuser.fused(),
            scene,
            self.config.objects,
            vocabulary=self._vocabulary,
            previous=self._objects,
            memo=self._fuser.memo,
        )
        features = gaussian_features(scene, self._objects, memo=self._fuser.memo)
        if len(self._field):
            features = self._field.lift(scene, things=features, max_views=max_views)
        return LanguageScene(
            uuid=self._uuid,
            scene=scene,
            features=features,
            objects=self._objects,
            encoder=identify(self._encoder),
            static_transforms=self._static_transforms,
            config=self.config.model_dump(mode="json"),
        )

    def _with_up(self, scene: Scene) -> Scene:
        """The scene with its up direction: the capture's, else an estimate from its planes."""
        if self._up_world is not None:
            return replace(scene, up_world=self._up_world, up_source="capture")
        up_world, up_source = estimate_up(scene)
        return replace(scene, up_world=up_world, up_source=up_source)


def _section(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def build_scene(
    capture: Capture,
    config: Config,
    encoder: Encoder,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    watch: Callable[[Mapper], None] | None = None,
) -> LanguageScene:
    """Run a whole recording through a `Mapper`.

    Args:
        watch: called with the mapper after every frame and at every report of progress on the
            geometry; may take a `snapshot()`.

    Raises:
        Cancelled: `cancel` was set; nothing has been written.
    """
    mapper = Mapper(
        config,
        encoder,
        up_world=capture.up_world,
        static_transforms=getattr(capture, "static_transforms", None),
    )

    def report_progress(stage: str, done: int, total: int | None) -> None:
        if progress is not None:
            progress(stage, done, total)
        if watch is not None:
            watch(mapper)

    for frame in read_ahead(capture):
        if cancel is not None and cancel.is_set():
            raise Cancelled("the build was stopped")
        report = mapper.add(frame)
        if not report.used:
            _log.debug("frame %d skipped: %s", report.frame_index, report.reason)
        report_progress("frames", mapper.counts.seen, capture.length)
    # the capture has left out, and told of, those that cannot be read
    mapper.counts.leave_out("it cannot be read", (capture.length or 0) - mapper.counts.seen)
    scene = mapper.finish(report_progress, cancel)
    _log.info("used %d of %d frames", mapper.counts.used, mapper.counts.seen)
    return scene
