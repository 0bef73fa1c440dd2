"""What can be doubted without comparing images: intrinsics and the up direction."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.camera import Camera

_OFF_CENTRE = 0.2  # of the image's side, between its middle and the optical axis
_FIELDS_DEG = (5.0, 150.0)  # of view, that depth cameras have
_LOOKS_UP = np.sin(np.deg2rad(50))  # mean sine of the optical axis over the horizon
_UNSTEADY, _STEADY = 0.6, 0.85  # length of a direction's mean in the camera's coordinates


def intrinsics_doubt(camera: Camera) -> str | None:
    """Why intrinsics are likely not those of the images; None where nothing says so."""
    size = np.array([camera.width, camera.height])
    centre = np.array([camera.cx, camera.cy])
    what = f"the intrinsics are likely not those of the {camera.width}x{camera.height} images: "
    if (np.abs(centre - (size - 1) / 2) > np.maximum(_OFF_CENTRE * size, 1)).any():
        return (
            f"{what}the optical axis would meet them at {camera.cx:.1f}, {camera.cy:.1f}, far from "
            "their middle; if they are not cropped, the intrinsics are of another size"
        )
    field_deg = np.rad2deg(2 * np.arctan(camera.width / 2 / camera.fx))
    if camera.width > 1 and not _FIELDS_DEG[0] < field_deg < _FIELDS_DEG[1]:
        return f"{what}the field of view would be {field_deg:.1f} degrees"
    return None


def up_doubt(poses: np.ndarray, up_world: np.ndarray | None) -> str | None:
    """Why a recorded up direction is likely wrong; None where nothing says so.

    A camera that is carried or driven turns about the vertical, so that up stays about the same in
    its own coordinates, and it seldom looks at the ceiling all the time. Worlds that begin with the
    first camera's axes, or with y up, break one or the other if they are taken to have z up.

    Args:
        poses: [n,4,4] `T_world_cam`.
        up_world: unit vector, None where unknown.
    """
    if up_world is None or not len(poses):
        return None
    up = np.asarray(up_world, np.float64)
    image_up = -poses[:, :3, 1].mean(axis=0)
    axis = int(np.abs(image_up).argmax())
    likely = np.zeros(3)
    likely[axis] = np.sign(image_up[axis])
    if likely @ up > np.cos(np.deg2rad(60)) or not likely.any():
        return None
    in_camera = poses[:, :3, :3].transpose(0, 2, 1) @ np.stack([up, likely], axis=1)
    steady = np.linalg.norm(in_camera.mean(axis=0), axis=0)
    looks_up = float((poses[:, :3, 2] @ up).mean())
    if looks_up > _LOOKS_UP:
        tilt_deg = np.rad2deg(np.arcsin(min(looks_up, 1.0)))
        why = f"the camera would look up by {tilt_deg:.0f} degrees on average"
    elif steady[0] < _UNSTEADY and steady[1] > _STEADY:
        why = "the camera would be rolled every way"
    else:
        return None
    text = ", ".join(f"{value:g}" for value in likely + 0.0)
    return (
        f"up is taken as {np.round(up, 2).tolist()}, and {why}; if gravity says otherwise: "
        f"--set capture.up_world='[{text}]'"
    )
