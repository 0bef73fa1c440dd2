"""Undoing lens distortion, once per camera: look-up tables from undistorted to distorted pixels.

The inverse of a lens model is not needed. Each pixel of the undistorted image asks the model where
its ray landed on the sensor, and reads there.

Models, with OpenCV's names for the coefficients:

- `plumb_bob` (Brown-Conrady): k1, k2, p1, p2[, k3];
- `rational_polynomial`: k1, k2, p1, p2, k3, k4, k5, k6;
- `equidistant` (Kannala and Brandt 2006; OpenCV's fisheye): k1, k2, k3, k4;
- `none`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.checks import as_float, check_shape
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera

_COEFFICIENTS = {
    "none": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8,),
    "equidistant": (4,),
}
_ALIASES = {
    "": "none",
    "pinhole": "none",
    "fisheye": "equidistant",
    "kannala_brandt": "equidistant",
}
_RADII = np.linspace(0.0, 20.0, 20001)[1:]  # tan of the viewing angle, up to 87 degrees


def check_model(model: str, coefficients: Sequence[float] | np.ndarray) -> tuple[str, np.ndarray]:
    """Name and coefficients [n] of a supported lens model.

    Models without effect become `none`; trailing zeros beyond a model's length are dropped, as
    drivers pad to a fixed length.

    Raises:
        CaptureError: the model or the number of its coefficients is not supported.
    """
    name = _ALIASES.get(model.strip().lower(), model.strip().lower())
    if name not in _COEFFICIENTS:
        raise CaptureError(
            f"lens model {model!r} is not supported",
            expected="one of " + ", ".join(_COEFFICIENTS),
            hint="Undistort the recording first, and give the new intrinsics.",
        )
    values = as_float(np.ravel(coefficients), "distortion coefficients", (None,))
    if name != "equidistant" and not values.any():
        return "none", np.zeros(0)
    longest = max(_COEFFICIENTS[name])
    if len(values) > longest and not values[longest:].any():
        values = values[:longest]
    if len(values) not in _COEFFICIENTS[name]:
        raise CaptureError(
            f"lens model {name} has the wrong number of coefficients",
            expected=" or ".join(map(str, _COEFFICIENTS[name])),
            found=f"{len(values)}: {values.tolist()}",
            hint="Undistort the recording first, and give the new intrinsics.",
        )
    return name, values


def distort(xy: np.ndarray, model: str, coefficients: Sequence[float] | np.ndarray) -> np.ndarray:
    """Where the lens puts the rays through `xy`.

    Args:
        xy: [..., 2] points at z = 1 in the camera frame, (x right, y down).
        model: one of the models above.
        coefficients: in the order above.

    Returns:
        [..., 2] distorted points at z = 1; the pixel is `K @ (x, y, 1)`.
    """
    name, k = check_model(model, coefficients)
    xy = np.asarray(xy, dtype=np.float64)
    x, y = xy[..., 0], xy[..., 1]
    r = np.hypot(x, y)
    out = xy * _radial_factor(r, name, k)[..., None]
    if name in ("plumb_bob", "rational_polynomial"):
        p1, p2 = k[2], k[3]
        out[..., 0] += 2 * p1 * x * y + p2 * (r * r + 2 * x * x)
        out[..., 1] += p1 * (r * r + 2 * y * y) + 2 * p2 * x * y
    return out


def _radial_factor(r: np.ndarray, name: str, k: np.ndarray) -> np.ndarray:
    """Distorted over undistorted radius."""
    if name == "none":
        return np.ones_like(r)
    if name == "equidistant":
        theta = np.arctan(r)
        t2 = theta * theta
        theta_d = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
        return np.divide(theta_d, r, out=np.ones_like(r), where=r > 1e-12)
    r2 = r * r
    k3 = k[4] if len(k) > 4 else 0.0
    factor = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k3))
    if name == "rational_polynomial":
        factor = factor / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
    return factor


def _largest_radius(name: str, k: np.ndarray) -> float:
    """Radius up to which the model moves outwards; beyond it a polynomial folds back on itself."""
    distorted = _RADII * _radial_factor(_RADII, name, k)
    folded = np.flatnonzero(np.diff(distorted, prepend=0.0) <= 0)
    return float(_RADII[folded[0]]) if len(folded) else np.inf


class Undistorter:
    """Turns images of one distorted camera into pinhole images with the same K and size.

    Args:
        K: [3,3] intrinsics in pixels, pixel centres at integers.
        model: lens model, see the module.
        coefficients: in the model's order.
        width, height: image size in pixels.

    Attributes:
        camera: the pinhole camera of the undistorted images.
    """

    def __init__(
        self,
        K: np.ndarray,
        model: str,
        coefficients: Sequence[float] | np.ndarray,
        width: int,
        height: int,
    ) -> None:
        self.camera = Camera(K, width, height)
        name, values = check_model(model, coefficients)
        self.is_identity = name == "none"
        if self.is_identity:
            return
        camera = self.camera
        x = (np.arange(width) - camera.cx) / camera.fx
        y = (np.arange(height) - camera.cy) / camera.fy
        xy = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
        u, v = np.moveaxis(distort(xy, name, values) * [camera.fx, camera.fy], -1, 0)
        uv = np.stack([u + camera.cx, v + camera.cy], axis=-1)
        seen = camera.contains(uv) & (
            np.hypot(xy[..., 0], xy[..., 1]) < _largest_radius(name, values)
        )
        self._seen = seen
        uv = np.clip(uv, 0, [width - 1, height - 1])
        self._nearest = np.rint(uv[..., 1]).astype(np.intp) * width
        self._nearest += np.rint(uv[..., 0]).astype(np.intp)
        base = np.minimum(np.floor(uv), [max(width - 2, 0), max(height - 2, 0)]).astype(np.intp)
        self._corner = base[..., 1] * width + base[..., 0]
        self._fraction = (uv - base).astype(np.float32)

    def rgb(self, image: np.ndarray) -> np.ndarray:
        """Undistorted image [H,W,3] uint8, bilinear; black where the lens saw nothing."""
        check_shape(image, (self.camera.height, self.camera.width, 3), "rgb")
        if self.is_identity:
            return image
        flat = image.reshape(-1, 3)
        right = min(1, self.camera.width - 1)
        down = self.camera.width if self.camera.height > 1 else 0
        fx, fy = self._fraction[..., :1], self._fraction[..., 1:]
        top = flat[self._corner] * (1 - fx) + flat[self._corner + right] * fx
        bottom = flat[self._corner + down] * (1 - fx) + flat[self._corner + down + right] * fx
        mixed = top * (1 - fy) + bottom * fy
        return np.where(self._seen[..., None], np.rint(mixed), 0).astype(np.uint8)

    def depth(self, depth_m: np.ndarray) -> np.ndarray:
        """Undistorted depth [H,W], nearest pixel, 0 where the lens saw nothing."""
        check_shape(depth_m, (self.camera.height, self.camera.width), "depth_m")
        if self.is_identity:
            return depth_m
        return np.where(self._seen, depth_m.reshape(-1)[self._nearest], depth_m.dtype.type(0))
