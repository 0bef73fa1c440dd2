"""Makes a new instance of any object model: other proportions and tints, the same name.

For training data: an object read from a mesh pack is one instance; this makes many of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from grounding3d.capture.simulator.mesh import Mesh, creased
from grounding3d.capture.simulator.model import ObjectModel, extents

_HUE_TURNS = 0.015  # stays within what the colour's name covers


def vary(model: ObjectModel, rng: np.random.Generator, strength: float = 1.0) -> ObjectModel:
    """A stretched, tapered, slightly tinted copy that its captions still describe.

    Args:
        model: Any object model.
        rng: Source of the variation.
        strength: 0 changes nothing, 1 stretches by up to 25 % and tapers by up to 20 %.

    Returns:
        A model named ``<name>_<six hex digits>``, again with its origin at the bottom centre.
    """
    vertices = _reshaped(model.vertices.astype(np.float64), rng, strength)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    vertices = vertices - [*(low + high)[:2] / 2, low[2]]
    mesh, normals = creased(Mesh(vertices, model.faces, model.uv))
    return replace(
        model,
        name=f"{model.name}_{rng.integers(16**6):06x}",
        vertices=mesh.vertices.astype(np.float32),
        faces=mesh.faces.astype(np.int32),
        uv=mesh.uv.astype(np.float32),
        normals=normals.astype(np.float32),
        texture=_tinted(model.texture, rng, strength),
        size_m=extents(low, high),
    )


def _reshaped(vertices: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Uniform and per-axis scale, and a width that changes linearly with the height."""
    whole = np.exp(strength * rng.uniform(-0.2, 0.2))
    flat = np.exp(strength * rng.uniform(-0.04, 0.04))  # round things stay nearly round
    tall = np.exp(strength * rng.uniform(-0.22, 0.22))
    height = vertices[:, 2:] / max(float(vertices[:, 2].max()), 1e-9)
    taper = 1.0 + strength * rng.uniform(-0.2, 0.2) * (height - 0.5)
    return (
        vertices
        * [whole * flat, whole / flat, whole * tall]
        * np.hstack([taper, taper, np.ones_like(taper)])
    )


def _tinted(texture: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A little other hue, saturation, brightness and contrast."""
    hsv = np.asarray(Image.fromarray(texture).convert("HSV")).astype(float)
    hsv[..., 0] = (hsv[..., 0] + 255 * strength * rng.uniform(-_HUE_TURNS, _HUE_TURNS)) % 256
    hsv[..., 1] *= 1 + strength * rng.uniform(-0.2, 0.2)
    value = hsv[..., 2]
    contrast = 1 + strength * rng.uniform(-0.2, 0.2)
    hsv[..., 2] = (value - value.mean()) * contrast + value.mean() * (
        1 + strength * rng.uniform(-0.12, 0.12)
    )
    image = Image.fromarray(np.clip(hsv, 0, 255).astype(np.uint8), mode="HSV")
    return np.asarray(image.convert("RGB")).copy()
