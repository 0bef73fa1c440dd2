"""Keyframes as plain arrays, for states and files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Keyframe


def keyframes_to_arrays(keyframes: Sequence[Keyframe]) -> dict[str, np.ndarray]:
    """Arrays of C keyframes; a missing stamp is NaN."""
    stamps = [np.nan if k.stamp_s is None else k.stamp_s for k in keyframes]
    sizes = [(k.camera.width, k.camera.height) for k in keyframes]
    return {
        "keyframe_index": np.array([k.frame_index for k in keyframes], np.int64),
        "keyframe_pose": np.array([k.T_world_cam for k in keyframes]).reshape(-1, 4, 4),
        "keyframe_K": np.array([k.camera.K for k in keyframes]).reshape(-1, 3, 3),
        "keyframe_size": np.array(sizes, np.int32).reshape(-1, 2),
        "keyframe_stamp_s": np.array(stamps, np.float64),
    }


def keyframes_from_arrays(arrays: dict[str, np.ndarray]) -> list[Keyframe]:
    """The keyframes that `keyframes_to_arrays` stored; equal cameras are one object."""
    cameras: dict[bytes, Camera] = {}
    keyframes = []
    for index, pose, K, size, stamp in zip(
        arrays["keyframe_index"],
        arrays["keyframe_pose"],
        arrays["keyframe_K"],
        arrays["keyframe_size"],
        arrays["keyframe_stamp_s"],
    ):
        identity = K.tobytes() + size.tobytes()
        if identity not in cameras:
            cameras[identity] = Camera(K.copy(), int(size[0]), int(size[1]))
        stamp_s = None if np.isnan(stamp) else float(stamp)
        keyframes.append(Keyframe(int(index), cameras[identity], pose.copy(), stamp_s))
    return keyframes
