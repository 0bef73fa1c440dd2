"""Points that masks gave to the slab under a thing come back to the thing."""

from __future__ import annotations

import numpy as np
from object_factories import UP, make_scene, segment, surface, upright

from grounding3d.geometry.boxes import OBB
from grounding3d.objects.build import build_objects
from grounding3d.objects.feet import return_feet, top_layer

SLAB = upright(0.0, 0.0, 0.74, (0.24, 0.18, 0.02), 0.5)
CUP = upright(0.01, 0.0, 0.76, (0.08, 0.08, 0.10), 0.2)


def leaked(slab: OBB, thing: OBB, leak_m: float) -> list:
    """A slab whose masks took the lowest `leak_m` of what stands on it."""
    rng = np.random.default_rng(0)
    below = surface(slab, 3000, rng)
    hidden = np.abs((below - thing.center) @ thing.R)[:, :2] < thing.size[:2] / 2
    below = below[~hidden.all(axis=1)]
    above = surface(thing, 1500, rng)
    lost = above[:, 2] < thing.center[2] - thing.size[2] / 2 + leak_m
    table = np.column_stack([rng.uniform(-0.6, 0.6, (4000, 2)), np.full(4000, 0.74)])
    return [
        segment(1, table, "support"),
        segment(2, np.concatenate([below, above[lost]])),
        segment(3, above[~lost]),
    ]


def test_a_foot_goes_back_to_what_stands_there() -> None:
    for slab in (SLAB, upright(0, 0, 0.74, (0.3, 0.25, 0.2))):
        thing = OBB(CUP.center + np.array([0, 0, slab.size[2] - 0.02]), CUP.wxyz, CUP.size)
        objects = build_objects(leaked(slab, thing, 0.03), make_scene())
        for item, true in zip(list(objects)[1:], (slab, thing), strict=True):
            assert np.abs(item.position - true.center).max() < 0.008
            assert abs(item.box.size[2] - true.size[2]) < 0.008
        assert objects.by_id(3).support_id == 2


def test_points_are_kept_and_order_and_kinds_stay() -> None:
    before = leaked(SLAB, CUP, 0.03)
    after = return_feet(before, UP)
    assert [s.id for s in after] == [1, 2, 3]
    assert sum(len(s.points) for s in after) == sum(len(s.points) for s in before)
    assert all(len(s.points) == len(s.counts) == len(s.rgb) for s in after)


def test_the_rim_of_a_plate_stays_with_the_plate() -> None:
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 3000)
    radius = 0.12 * np.sqrt(rng.uniform(0, 1, 3000))
    height = 0.745 + np.where(radius > 0.1, 1.2 * (radius - 0.1), 0)
    plate = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), height])
    cup = surface(upright(0, 0, 0.745, (0.05, 0.05, 0.08)), 800, rng)
    after = return_feet([segment(1, plate), segment(2, cup)], UP)
    assert [len(s.points) for s in after] == [3000, 800]


def test_what_is_no_slab_has_no_top_layer() -> None:
    rng = np.random.default_rng(2)
    ball = rng.normal(size=(4000, 3))
    ball *= 0.1 / np.linalg.norm(ball, axis=1, keepdims=True)
    assert top_layer(ball[:, 2]) is None
