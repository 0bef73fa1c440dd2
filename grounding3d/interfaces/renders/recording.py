"""The frames a scene was built from, as long as they are where they were."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from grounding3d.capture import IndexedCapture, open_capture
from grounding3d.capture.base import Capture, CaptureConfig, RGBDFrame
from grounding3d.errors import CaptureError
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.base import Keyframe

_log = logging.getLogger(__name__)

_SAME_PLACE_M, _SAME_TURN = 0.02, 0.02


class Recording:
    """A scene's recording, read with the configuration the scene was built with.

    Args:
        capture: the recording.
        scene: what was built from it.
    """

    def __init__(self, capture: Capture, scene: LanguageScene) -> None:
        self._capture = capture
        self._keyframes = {k.frame_index: k for k in scene.scene.keyframes}
        self._held_out = set((scene.scene.report or {}).get("held_out_frames", ()))

    def keyframes(self, wanted: Iterable[Keyframe]) -> Iterator[RGBDFrame]:
        """The frames behind some keyframes, in the recording's order.

        Raises:
            CaptureError: the recording is another one: it lacks a frame, or its pose differs.
        """
        indices = sorted(k.frame_index for k in wanted)
        if isinstance(self._capture, IndexedCapture):
            if indices and indices[-1] >= (self._capture.length or 0):
                raise _another(f"{self._capture.length} frames, frame {indices[-1]} was used")
            frames: Iterable[RGBDFrame] = (self._capture[i] for i in indices)
        else:
            chosen = set(indices)
            frames = (frame for frame in self._capture if frame.frame_index in chosen)
        count = 0
        for frame in frames:
            self._check(frame)
            count += 1
            yield frame
        if count < len(indices):
            raise _another(f"{count} of {len(indices)} frames")

    def held_out(self) -> Iterator[RGBDFrame]:
        """The frames that the scene was not built from, or not trained on."""
        for frame in self._capture:
            if frame.frame_index not in self._keyframes or frame.frame_index in self._held_out:
                yield frame

    def _check(self, frame: RGBDFrame) -> None:
        """Scenes may carry corrected poses, so only what is far off is another recording."""
        T_a, T_b = frame.T_world_cam, self._keyframes[frame.frame_index].T_world_cam
        moved = float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3]))
        turned = float(np.abs(T_a[:3, :3] - T_b[:3, :3]).max())
        if moved > 10 * _SAME_PLACE_M or turned > 10 * _SAME_TURN:
            raise _another(f"the camera of frame {frame.frame_index} {moved:.2f} m away")


def _another(found: str) -> CaptureError:
    return CaptureError(
        "the recording is not the one the scene was built from",
        found=found,
        hint="Give the right one with --capture.",
    )


def open_recording(scene: LanguageScene, given: Path | None = None) -> Recording | None:
    """The recording of a scene.

    Args:
        scene: carries the recording's place and the configuration it was read with.
        given: where it is now; None: where it was. If there is nothing any more, that is noted
            in the log.

    Returns:
        None where no recording is given and the scene's own is not there.

    Raises:
        CaptureError: `given` cannot be read.
    """
    config = CaptureConfig.model_validate(scene.config.get("capture", {}))
    source = scene.capture.get("source")
    if given is not None:
        return Recording(open_capture(given, config), scene)
    if not source:
        return None
    if not Path(source).exists():
        _log.warning("the recording %s is not there any more; name it with --capture", source)
        return None
    return Recording(open_capture(source, config), scene)


def require_recording(scene: LanguageScene, given: Path | None, purpose: str) -> Recording:
    """The recording of a scene, or an error that says how to name it."""
    recording = open_recording(scene, given)
    if recording is None:
        raise CaptureError(
            f"{purpose} needs the recording the scene was built from",
            found=str(scene.capture.get("source") or "no source in the scene"),
            hint="Name it with --capture.",
        )
    return recording
