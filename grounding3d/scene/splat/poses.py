"""Small corrections of the frames' poses that leave the map where it is."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.scene.splat.adam import RowAdam


class PoseCorrections:
    """A twist [6] = (v, omega) per frame number: pose = measured exp(twist).

    The measured poses anchor the map: each twist is pulled to zero, and `fix_gauge` takes out the
    rigid motion that all frames share, which no image could tell from a motion of the map.

    Args:
        rate: Adam's step, metres and radians.
        prior: weight of the squared twist.
    """

    def __init__(self, rate: float, prior: float) -> None:
        self.rate, self.prior = rate, prior
        self.rows = RowAdam(np.zeros(6))

    def corrected(self, number: int, T_world_cam: np.ndarray) -> np.ndarray:
        """A frame's pose [4,4] with its correction."""
        self.rows.reserve(number + 1)
        return T_world_cam @ exp_twist(self.rows.values[number])

    def update(self, number: int, gradient: np.ndarray) -> None:
        """One step, given the gradient by a further twist at the corrected pose.

        For twists as small as these the derivative by the sum is the derivative by the product.
        """
        pull = 2 * self.prior * self.rows.values[number]
        self.rows.update(number, gradient + pull, self.rate)

    def fix_gauge(self, numbers: np.ndarray, poses: np.ndarray) -> None:
        """Take the common rigid motion out of the twists of frames.

        Args:
            numbers: [C] frames.
            poses: [C,4,4] their measured poses.
        """
        R = poses[:, :3, :3]
        v, omega = self.rows.values[numbers, :3], self.rows.values[numbers, 3:]
        turn = np.einsum("cij,cj->ci", R, omega).mean(axis=0)
        # about the cameras' centroid the common turn moves them by zero on average
        arm = poses[:, :3, 3] - poses[:, :3, 3].mean(axis=0)
        shift = np.einsum("cij,cj->ci", R, v).mean(axis=0)
        self.rows.values[numbers, :3] -= np.einsum("cji,cj->ci", R, shift + np.cross(turn, arm))
        self.rows.values[numbers, 3:] -= np.einsum("cji,j->ci", R, turn)


def exp_twist(twist: np.ndarray) -> np.ndarray:
    """[4,4] rigid motion of a twist [6] = (v, omega): the exponential map of SE(3)."""
    v, omega = np.asarray(twist[:3], float), np.asarray(twist[3:], float)
    angle = float(np.linalg.norm(omega))
    x, y, z = omega
    W = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    if angle < 1e-6:
        V = np.eye(3) + W / 2
    else:
        V = (
            np.eye(3)
            + (1 - np.cos(angle)) / angle**2 * W
            + (angle - np.sin(angle)) / angle**3 * W @ W
        )
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec(omega).as_matrix()
    T[:3, 3] = V @ v
    return T
