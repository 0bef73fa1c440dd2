"""Small images of the recorded frames, for the cameras' frusta."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from PIL import Image

from grounding3d.capture.base import Capture
from grounding3d.errors import GroundingError
from grounding3d.interfaces.viewer.marks import shown_keyframes
from grounding3d.scene.base import Keyframe

_log = logging.getLogger(__name__)

_WIDTH_PX = 192
_SAME_POSE = 0.05  # metres or radians by which a frame's pose may have been corrected since


def read_thumbnails(capture: Capture, keyframes: Sequence[Keyframe]) -> dict[int, np.ndarray]:
    """Small colour images [h,w,3] uint8 of the keyframes that are shown, by frame index.

    A frame whose pose is not the keyframe's belongs to another recording and is left out.
    """
    wanted = {k.frame_index: k for k in shown_keyframes(keyframes)}
    images: dict[int, np.ndarray] = {}
    last = max(wanted, default=-1)
    try:
        for frame in capture:
            if frame.frame_index > last:
                break
            keyframe = wanted.get(frame.frame_index)
            if keyframe is None:
                continue
            if np.abs(frame.T_world_cam - keyframe.T_world_cam).max() > _SAME_POSE:
                _log.warning("frame %d is not the one the scene was built from", frame.frame_index)
                continue
            height = round(_WIDTH_PX * frame.rgb.shape[0] / frame.rgb.shape[1])
            small = Image.fromarray(frame.rgb).resize((_WIDTH_PX, height), Image.Resampling.BOX)
            images[frame.frame_index] = np.asarray(small)
    except GroundingError as error:
        _log.warning("the recording's images stop early: %s", error)
    return images
