"""Which colours an object model shows: shares of its surface by the colours' names."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator.colours import named_samples
from grounding3d.capture.simulator.model import ObjectModel

_SAMPLES = 600


def colour_shares(model: ObjectModel) -> dict[str, float]:
    """Share of the model's surface that is nearest to each named colour; the shares add up to 1."""
    names, prototypes = named_samples()
    distance = np.linalg.norm(lab(_surface(model))[:, None] - lab(prototypes)[None], axis=2)
    found, counts = np.unique(np.array(names)[distance.argmin(axis=1)], return_counts=True)
    return {str(n): float(c) / _SAMPLES for n, c in zip(found, counts, strict=True)}


def _surface(model: ObjectModel) -> np.ndarray:
    """sRGB [n, 3] at points spread evenly over the surface; the same ones every time."""
    rng = np.random.default_rng(0)
    a, b, c = (model.vertices[model.faces[:, k]].astype(float) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), _SAMPLES, p=area / area.sum())
    corner = rng.dirichlet((1, 1, 1), _SAMPLES)
    uv = (model.uv[model.faces[face]] * corner[..., None]).sum(axis=1) % 1.0
    h, w = model.texture.shape[:2]
    row = np.clip(((1 - uv[:, 1]) * h).astype(int), 0, h - 1)
    return model.texture[row, np.clip((uv[:, 0] * w).astype(int), 0, w - 1)].astype(float)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of sRGB values 0 to 255, [..., 3]."""
    c = np.asarray(rgb, float) / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = c @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )
