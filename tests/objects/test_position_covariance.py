"""What nobody saw of a thing: its uncertainty, and the round things that are made whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import look_at
from grounding3d.objects.build import build_objects
from grounding3d.objects.covariance import CovarianceModel, center_covariance, topping
from grounding3d.objects.roundness import circle_of, round_out
from grounding3d.objects.sight import Sight
from grounding3d.scene.base import Keyframe, Scene
from tests.objects.object_factories import (
    CAMERA,
    TABLE,
    UP,
    make_scene,
    segment,
    surface,
    upright,
)

CRATE = upright(0, 0, 0.74, (0.20, 0.16, 0.18))
BACK = (1, 1)  # upper face of the second axis: away from the cameras of `front_scene`
TABLE_TOP = 0.74


def front_scene(*clouds: np.ndarray, look_from: float = -1.2) -> Scene:
    """Three keyframes before the crate, on the side of negative y."""
    scene = make_scene(np.concatenate(clouds) if clouds else None)
    poses = [
        look_at(np.array([x, look_from, 1.2]), np.array([0, 0, 0.8]), UP) for x in (-0.4, 0, 0.4)
    ]
    keyframes = [Keyframe(k, CAMERA, pose, float(k)) for k, pose in enumerate(poses)]
    return replace(scene, keyframes=tuple(keyframes))


def crate() -> np.ndarray:
    return surface(CRATE, 3000, np.random.default_rng(0)).astype(np.float32)


def wall(y: float) -> np.ndarray:
    """A board of a metre by a metre, upright, across the view."""
    x, z = np.meshgrid(np.arange(-0.5, 0.5, 0.008), np.arange(0.5, 1.5, 0.008))
    return np.stack([x.ravel(), np.full(x.size, y), z.ravel()], axis=1)


def reach(scene: Scene, box: OBB = CRATE, keyframes: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    return Sight(scene).reach([box], [crate()], [np.array(keyframes)])[0]


def test_faces_beside_which_empty_space_was_seen_end_there() -> None:
    beyond = reach(make_scene(crate()), keyframes=tuple(range(8)))
    assert (beyond[:, :2] == 0).all()
    assert beyond[1, 2] == 0


def test_a_face_in_the_thing_s_own_shadow_may_lie_farther_out() -> None:
    low = front_scene(crate(), look_from=-4.0)  # looks level: the crate hides what is behind it
    beyond = reach(low)
    assert beyond[0, 1] == 0
    assert beyond[BACK] >= 0.1


def test_what_a_board_hides_was_not_seen() -> None:
    free = reach(front_scene(crate()))
    hidden = reach(front_scene(crate(), wall(-0.3)))
    assert free[0, 1] == 0
    assert (hidden[:, :2] >= 0.3).all()


def test_beyond_the_image_s_border_nothing_was_seen() -> None:
    narrow = replace(
        front_scene(crate()),
        keyframes=tuple(
            Keyframe(
                k, CAMERA, look_at(np.array([x, -0.3, 0.83]), np.array([x, 0, 0.83]), UP), None
            )
            for k, x in enumerate((-0.02, 0.0, 0.02))
        ),
    )
    wide = upright(0, 0, 0.74, (0.9, 0.16, 0.18))
    assert np.isinf(reach(narrow, wide)[:, 0]).all()


def test_many_things_at_once_are_the_same_as_one_by_one() -> None:
    scene = front_scene(crate(), wall(0.3))
    boxes = [
        upright(0.01 * n, 0.02 * n, 0.74, (0.1 + 0.01 * n, 0.1, 0.1), 0.1 * n) for n in range(20)
    ]
    sight, cloud, seen = Sight(scene), crate(), np.arange(3)
    together = sight.reach(boxes, [cloud] * 20, [seen] * 20)
    single = [sight.reach([box], [cloud], [seen])[0] for box in boxes]
    np.testing.assert_array_equal(together, single)


def test_it_does_not_depend_on_where_the_world_lies() -> None:
    points = np.concatenate([crate(), wall(0.3)])
    shift = np.eye(4)
    shift[:3, 3] = [40.0, -30, 5]
    moved = front_scene(points + shift[:3, 3])
    keyframes = [
        replace(k, T_world_cam=shift @ k.T_world_cam) for k in front_scene(points).keyframes
    ]
    there = Sight(replace(moved, keyframes=tuple(keyframes))).reach(
        [CRATE.transformed(shift)], [crate() + shift[:3, 3].astype(np.float32)], [np.arange(3)]
    )[0]
    here = reach(front_scene(points))
    np.testing.assert_array_equal(np.isinf(there), np.isinf(here))
    np.testing.assert_array_equal((there == 0)[:, :2], (here == 0)[:, :2])


def test_nothing_was_seen_without_keyframes_or_surface() -> None:
    empty = replace(make_scene(), keyframes=())
    assert np.isinf(reach(empty)).all()
    assert Sight(empty).reach([], [], []).shape == (0, 2, 3)


def test_what_may_reach_farther_is_less_certain_along_that_axis_alone() -> None:
    cameras = np.array([[0, -1.0, 1.2]])
    seen, open_ = np.zeros((2, 3)), np.zeros((2, 3))
    open_[BACK] = np.inf
    near = open_.copy()
    near[BACK] = 0.01
    sure, less, least = (
        center_covariance(CRATE, cameras, True, 0.003, reach_m=r) for r in (seen, near, open_)
    )
    assert sure[1, 1] < less[1, 1] < least[1, 1]
    assert sure[0, 0] == pytest.approx(least[0, 0])
    # half of what the face may be out
    share = CovarianceModel().hidden_share * CRATE.size[1]
    lack = CovarianceModel().hidden_lack * (CRATE.size[0] - CRATE.size[1])
    assert least[1, 1] - sure[1, 1] == pytest.approx((share**2 + lack**2) / 4)


def test_a_front_alone_leaves_its_depth_open() -> None:
    front = upright(0, 0, 0, (1.0, 0.05, 1.8))
    open_ = np.zeros((2, 3))
    open_[BACK] = np.inf
    covariance = center_covariance(front, np.array([[0, -2.0, 1]]), True, 0.003, reach_m=open_)
    behind = np.array([0, 0.25, 0])  # the middle of a wardrobe half a metre deep
    assert behind @ np.linalg.solve(covariance, behind) < 7.8
    assert np.sqrt(covariance[0, 0]) < 0.01


def test_a_thing_that_nothing_carries_may_reach_down_to_what_is_below() -> None:
    """A seat of which no leg was seen."""
    seat = upright(0, 0, 0.60, (0.32, 0.32, 0.03))
    cloud = surface(seat, 1500, np.random.default_rng(1))
    floor = np.random.default_rng(2).uniform(-1, 1, (6000, 3)) * [1, 1, 0]
    scene = make_scene(np.concatenate([cloud, floor]))
    assert Sight(scene).drop(seat, cloud, 0.75) == pytest.approx(0.60, abs=0.03)
    item = build_objects([segment(1, cloud)], scene).by_id(1)
    stool = np.array([0, 0, 0.315]) - item.position
    assert item.support_id is None
    assert stool @ np.linalg.solve(item.covariance, stool) < 7.8
    assert np.sqrt(item.covariance[0, 0]) < 0.02


def half_cylinder(radius: float, height: float, share: float = 0.5) -> np.ndarray:
    """The side that faces negative y, standing on the table."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(-np.pi / 2 - share * np.pi, -np.pi / 2 + share * np.pi, 4000)
    z = rng.uniform(TABLE_TOP, TABLE_TOP + height, 4000)
    noise = rng.normal(size=4000) * 0.0005
    return np.stack([(radius + noise) * np.cos(angle), (radius + noise) * np.sin(angle), z], axis=1)


@pytest.mark.parametrize("radius", [0.03, 0.07, 0.16])
def test_a_circle_is_found_in_half_of_its_outline(radius: float) -> None:
    flat = half_cylinder(radius, 0.2)[:, :2] + [0.4, -0.3]
    circle = circle_of(flat)
    assert circle is not None
    np.testing.assert_allclose(circle[0], [0.4, -0.3], atol=0.05 * radius)
    assert circle[1] == pytest.approx(radius, rel=0.05)


def test_boxes_and_corners_and_lines_are_not_round() -> None:
    rng = np.random.default_rng(5)
    assert circle_of(surface(CRATE, 3000, rng)[:, :2]) is None
    corner = surface(CRATE, 3000, rng)[:, :2]
    assert circle_of(corner[corner.sum(axis=1) < 0]) is None
    assert circle_of(np.stack([np.arange(50.0), np.zeros(50)], axis=1)) is None
    assert circle_of(np.zeros((3, 2))) is None


def test_a_bottle_seen_from_the_front_is_centred_on_its_axis() -> None:
    cloud = half_cylinder(0.06, 0.2).astype(np.float32)
    box = OBB.from_aabb(cloud.min(axis=0), cloud.max(axis=0))
    seen_from_front = np.zeros((2, 3))
    seen_from_front[BACK] = np.inf
    whole, still = round_out(box, cloud, seen_from_front)
    np.testing.assert_allclose(whole.center[:2], [0, 0], atol=0.004)
    np.testing.assert_allclose(whole.size[:2], 0.12, atol=0.008)
    assert 0 < still[BACK] < 0.06
    same, _ = round_out(box, cloud, np.zeros((2, 3)))  # its back was seen: it is half a bottle
    np.testing.assert_array_equal(same.center, box.center)


def test_a_box_seen_from_the_front_stays_as_it_is() -> None:
    cloud = crate()[crate()[:, 1] < 0.02]
    box = OBB.from_aabb(cloud.min(axis=0), cloud.max(axis=0))
    open_ = np.zeros((2, 3))
    open_[BACK] = np.inf
    same, still = round_out(box, cloud, open_)
    assert same is box
    assert still is open_


def test_a_vase_in_a_map_is_made_whole_and_covered() -> None:
    rng = np.random.default_rng(6)
    top = TABLE.center + (rng.uniform(-0.5, 0.5, (4000, 3)) * [1.2, 0.8, 0]) + [0, 0, 0.02]
    vase = half_cylinder(0.07, 0.22)
    scene = front_scene(top, vase, wall(0.075))
    fused = [segment(1, top, "support", keyframes=(0, 1, 2)), segment(2, vase, keyframes=(0, 1, 2))]
    item = build_objects(fused, scene).by_id(2)
    error = item.position - [0, 0, TABLE_TOP + 0.11]
    assert np.linalg.norm(error[:2]) < 0.012
    assert error @ np.linalg.solve(item.covariance, error) < 7.8


def test_what_stands_on_a_thing_may_be_a_part_of_it() -> None:
    box = upright(0, 0, 0.74, (0.24, 0.13, 0.09))
    tissue = upright(0.02, 0, 0.83, (0.11, 0.04, 0.06))
    bottle = upright(0.05, 0, 0.83, (0.07, 0.07, 0.30))
    assert topping(box, []) == 0
    assert topping(box, [tissue, bottle]) == pytest.approx(0.06)  # a bottle is a thing by itself
    cameras = np.array([[0.0, -1.0, 1.4], [1.0, 0.2, 1.4]])
    alone = center_covariance(box, cameras, True, 0.003)
    topped = center_covariance(box, cameras, True, 0.003, topped_m=0.06)
    added = topped - alone
    np.testing.assert_allclose(added[:2], 0, atol=1e-15)
    whole = np.array([0, 0, 0.03])  # the middle of both is that much higher
    assert whole @ np.linalg.solve(alone, whole) > 7.8
    assert whole @ np.linalg.solve(topped, whole) < 7.8


def test_a_map_knows_what_stands_on_what() -> None:
    box, tissue = upright(0, 0, 0.74, (0.24, 0.13, 0.09)), upright(0, 0, 0.83, (0.1, 0.04, 0.06))
    rng = np.random.default_rng(0)
    fused = [segment(1, surface(TABLE, 6000, rng), "support"), segment(2, surface(box, 3000, rng))]
    alone = build_objects(fused, make_scene())
    topped = build_objects([*fused, segment(3, surface(tissue, 800, rng))], make_scene())
    (before,), (after,) = (
        [o for o in found if o.position[2] < 0.8 and o.kind == "object"]
        for found in (alone, topped)
    )
    assert after.covariance[2, 2] > before.covariance[2, 2] + 0.01**2
