"""Gain and offset of every frame, so that the camera's exposure does not end up in the scene."""

from __future__ import annotations

import numpy as np

from grounding3d.scene.splat.adam import RowAdam

IDENTITY = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], np.float32)
_GAINS = (0.1, 10.0)
_MIN_PIXELS = 100
_DARK, _BRIGHT = 0.02, 0.98  # beyond these a camera no longer answers linearly


class Exposures:
    """[2,3] gain and offset for each frame number: image = gain * rendering + offset.

    The scene's own brightness is free up to one common gain and offset; it is fixed by the mean
    over the frames in use, which stays the identity.

    Args:
        rate: Adam's step.
        prior: weight of the squared distance from the identity.
    """

    def __init__(self, rate: float, prior: float) -> None:
        self.rate, self.prior = rate, prior
        self.rows = RowAdam(IDENTITY)

    def of(self, number: int) -> np.ndarray:
        """[2,3] float32 of a frame."""
        self.rows.reserve(number + 1)
        return self.rows.values[number].astype(np.float32)

    def begin(self, fitted: dict[int, np.ndarray]) -> None:
        """Start from measured exposures of frame numbers."""
        self.rows.reserve(max(fitted, default=-1) + 1)
        for number, exposure in fitted.items():
            self.rows.values[number] = exposure

    def update(self, number: int, gradient: np.ndarray) -> None:
        """One step of a frame's exposure."""
        pull = 2 * self.prior * (self.rows.values[number] - IDENTITY)
        self.rows.update(number, gradient + pull, self.rate)
        gains = self.rows.values[number, 0]
        np.clip(gains, *_GAINS, out=gains)

    def fix_gauge(self, numbers: np.ndarray) -> None:
        """Make the mean over frames the identity: their gains' geometric, their offsets' mean."""
        values = self.rows.values[numbers]
        gain = np.exp(np.log(values[:, 0]).mean(axis=0))
        offset = values[:, 1].mean(axis=0)
        # what all frames share belongs to the scene: g C + b = (g / G) (G C + B) + b - g B / G
        values[:, 1] -= values[:, 0] / gain * offset
        values[:, 0] /= gain
        self.rows.values[numbers] = values


def fit_exposure(rendered: np.ndarray, image: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Least-squares gain and offset [2,3] that turn a rendering into an image.

    Args:
        rendered: [H,W,3] colour, 1 = white.
        image: [H,W,3] uint8.
        covered: [H,W] bool, pixels to use; too dark and too bright ones are left out.
    """
    out = IDENTITY.copy()
    target = image[covered].astype(np.float64) / 255
    source = rendered[covered].astype(np.float64)
    for channel in range(3):
        y, x = target[:, channel], source[:, channel]
        usable = (y > _DARK) & (y < _BRIGHT)
        if usable.sum() < _MIN_PIXELS:
            continue
        y, x = y[usable], x[usable]
        centred = x - x.mean()
        # a little is added to the variance: an even surface says nothing about the gain
        gain = (centred @ (y - y.mean()) + 1e-4 * len(x)) / (centred @ centred + 1e-4 * len(x))
        gain = float(np.clip(gain, *_GAINS))
        out[:, channel] = gain, y.mean() - gain * x.mean()
    return out
