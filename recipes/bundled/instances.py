"""Variants of an object: other proportions, other colours."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np

from grounding3d.capture.simulator.model import ObjectModel


def deformed(shape: ObjectModel, rng: np.random.Generator, strength: float = 1.0) -> ObjectModel:
    """Other proportions, a taper and a bulge: another specimen of the same kind."""
    scale = np.exp(rng.normal(0, 0.16 * strength, 3))
    height = max(float(np.ptp(shape.vertices[:, 2])), 1e-6)
    t = (shape.vertices[:, 2:] - shape.vertices[:, 2].min()) / height
    taper = 1 + rng.normal(0, 0.13 * strength) * (t - 0.5)
    bulge = 1 + rng.normal(0, 0.10 * strength) * np.sin(np.pi * t)
    bend = rng.normal(0, 0.03 * strength, 2) * height
    vertices = shape.vertices.copy()
    vertices[:, :2] = vertices[:, :2] * taper * bulge + bend * t**2
    vertices = (vertices * scale).astype(np.float32)
    normals = shape.normals / scale
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return replace(shape, vertices=vertices, normals=normals.astype(np.float32))


def recoloured(shape: ObjectModel, rng: np.random.Generator) -> ObjectModel:
    """Another hue, saturation and brightness; the captions no longer hold and are dropped."""
    rgb = shape.texture.astype(np.float32) / 255
    grey = rgb.mean(axis=2, keepdims=True)
    kind = rng.random()
    if kind < 0.45:  # a new hue for what is coloured
        angle = rng.uniform(0.1, 0.9)
        rgb = rotate_hue(rgb, angle) * rng.uniform(0.7, 1.25)
    elif kind < 0.8:  # dyed: the light and dark of the old texture in a new colour
        paint = np.array(
            colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.2, 1), rng.uniform(0.3, 1))
        )
        contrast = grey / max(float(grey.mean()), 0.15)
        rgb = np.clip(contrast, 0, 1.6) * paint
    else:  # black, grey or white
        level = rng.choice([0.08, 0.4, 0.65, 0.92]) + rng.uniform(-0.05, 0.05)
        rgb = np.repeat(level * np.clip(grey / max(float(grey.mean()), 0.15), 0.3, 1.6), 3, axis=2)
    texture = (np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return replace(shape, texture=texture, captions=())


def rotate_hue(rgb: np.ndarray, turns: float) -> np.ndarray:
    """Rotation of colours about the grey axis."""
    c, s = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    k = (1 - c) / 3
    root = np.sqrt(1 / 3) * s
    matrix = np.array([[c + k, k - root, k + root], [k + root, c + k, k - root]])
    matrix = np.vstack([matrix, [k - root, k + root, c + k]])
    return np.clip(rgb @ matrix.T, 0, 1)
