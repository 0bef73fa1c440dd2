"""Boxes against truth, covariances, supports, ids and vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from object_factories import (
    BOOK,
    BOX,
    DIM,
    MUG,
    TABLE,
    TILTED,
    UP,
    make_scene,
    segment,
    surface,
    table_segments,
    turned,
    unit,
    upright,
)

from grounding3d.features.base import Vocabulary
from grounding3d.features.vocabulary import read_lengths
from grounding3d.objects.base import ObjectMap
from grounding3d.objects.build import build_objects
from grounding3d.objects.covariance import center_covariance
from grounding3d.objects.embedding import robust_mean


def size_error(found: np.ndarray, true: np.ndarray) -> float:
    """Largest difference of extents; the two horizontal ones may be swapped."""
    swapped = true[[1, 0, 2]]
    return float(min(np.abs(found - true).max(), np.abs(found - swapped).max()))


def test_boxes_match_the_truth() -> None:
    objects = build_objects(table_segments(), make_scene())
    for item, true in zip(list(objects)[1:], (MUG, BOX, BOOK), strict=True):
        assert np.linalg.norm(item.position - true.center) < 0.006
        assert size_error(item.box.size, true.size) < 0.012


def test_hidden_feet_are_completed() -> None:
    objects = build_objects(table_segments(hidden=0.04), make_scene())
    for item, true in zip(list(objects)[1:3], (MUG, BOX), strict=True):
        assert item.position[2] == pytest.approx(true.center[2], abs=0.005)


def test_up_is_not_z() -> None:
    fused = [turned(s, TILTED) for s in table_segments()]
    scene = make_scene(up=TILTED @ UP, R=TILTED)
    for item, true in zip(list(build_objects(fused, scene))[1:], (MUG, BOX, BOOK), strict=True):
        assert np.linalg.norm(item.position - TILTED @ true.center) < 0.006
        assert item.box.R[:, 2] == pytest.approx(TILTED @ UP, abs=1e-6)
        assert item.support_id is not None


def test_table_leaking_into_a_mask_does_not_widen_the_box() -> None:
    rng = np.random.default_rng(3)
    fused = table_segments()
    ring = np.column_stack(
        [rng.uniform(-0.09, 0.09, (150, 2)) + MUG.center[:2], np.full(150, 0.743)]
    )
    fused[1] = segment(2, np.concatenate([fused[1].points, ring]))
    mug = build_objects(fused, make_scene()).by_id(2)
    assert np.linalg.norm(mug.position - MUG.center) < 0.008
    assert size_error(mug.box.size, MUG.size) < 0.015


def test_what_rests_on_what() -> None:
    table, mug, box, book = build_objects(table_segments(), make_scene())
    assert (table.support_id, mug.support_id, box.support_id) == (None, table.id, table.id)
    assert book.support_id == box.id


def test_a_shelf_takes_in_its_boards_and_carries_what_stands_on_them() -> None:
    rng = np.random.default_rng(5)
    side = [surface(upright(x, 0, 0, (0.02, 0.34, 1.2)), 3000, rng) for x in (-0.49, 0.49)]
    back = surface(upright(0, 0.17, 0, (1.0, 0.02, 1.2)), 6000, rng)
    boards = [
        np.column_stack([rng.uniform([-0.48, -0.17], [0.48, 0.16], (2500, 2)), np.full(2500, z)])
        for z in (0.1, 0.6)
    ]
    vase = upright(0.1, 0, 0.6, (0.1, 0.1, 0.2))
    fused = [
        segment(1, np.concatenate([*side, back, *boards])),
        *(replace(segment(n, b, "support"), body_id=1) for n, b in zip((2, 3), boards)),
        segment(4, surface(vase, 700, rng, 0.03)),
    ]
    objects = build_objects(fused, make_scene())
    assert [item.id for item in objects] == [1, 4]
    assert objects.by_id(4).support_id == 1
    assert objects.by_id(4).container_id is None
    assert objects.by_id(4).position == pytest.approx(vase.center, abs=0.01)


def test_beside_the_table_is_not_on_it() -> None:
    rng = np.random.default_rng(0)
    fused = table_segments()
    fused.append(segment(9, surface(upright(1.2, 0, 0.76, (0.1, 0.1, 0.1)), 500, rng)))
    assert build_objects(fused, make_scene()).objects[-1].support_id is None


def test_without_up_nothing_rests_on_anything() -> None:
    objects = build_objects(table_segments(), make_scene(up=None))
    assert all(item.support_id is None for item in objects)
    assert np.linalg.norm(objects.by_id(3).position - BOX.center) < 0.02


def test_a_table_with_legs_reaches_the_floor() -> None:
    rng = np.random.default_rng(0)
    floor = segment(8, np.column_stack([rng.uniform(-2, 2, (5000, 2)), np.zeros(5000)]), "support")
    legs = np.column_stack(
        [rng.choice([-0.55, 0.55], 200), rng.choice([-0.35, 0.35], 200), rng.uniform(0, 0.7, 200)]
    )
    fused = [*table_segments(), floor]
    table = build_objects(fused, make_scene(legs)).by_id(1)
    assert table.position[2] == pytest.approx(0.37, abs=0.01)
    assert table.support_id == 5
    slab = build_objects(fused, make_scene()).by_id(1)
    assert slab.position[2] == pytest.approx(0.74, abs=0.01)
    assert size_error(slab.box.size, TABLE.size) < 0.05


def test_a_table_of_which_only_the_top_was_mapped_may_be_centred_half_way_to_the_floor() -> None:
    rng = np.random.default_rng(5)
    corners = np.array([[-2, -2, 0], [2, 2, 0]])
    ground = segment(9, rng.uniform(*corners, (4000, 3)), kind="support")
    alone = build_objects(table_segments(), make_scene()).by_id(1)
    both = build_objects([*table_segments(), ground], make_scene())
    table, floor = both.by_id(1), both.by_id(5)
    assert table.support_id is None
    body = np.array([0, 0, -table.box.center[2] / 2])  # from the slab's centre to the table's
    for item in (table, alone):
        assert body @ np.linalg.solve(item.covariance, body) < 7.8
        assert np.sqrt(item.covariance[0, 0]) < 0.03
    assert np.sqrt(floor.covariance[2, 2]) < 0.02


def test_covariances_are_positive_and_some_millimetres() -> None:
    for item in list(build_objects(table_segments(), make_scene()))[1:]:
        sigma = np.sqrt(np.linalg.eigvalsh(item.covariance))
        np.testing.assert_array_equal(item.covariance, item.covariance.T)
        assert 0.003 < sigma.min() <= sigma.max() < 0.015


def test_what_was_not_seen_is_less_certain() -> None:
    cameras = np.array([[0, -1.0, 1.2]])
    box = upright(0, 0, 0.74, (0.2, 0.2, 0.2))
    one = center_covariance(box, cameras, True, 0.008)
    around = center_covariance(box, np.concatenate([cameras, -cameras * [1, 1, -1]]), True, 0.008)
    assert one[1, 1] > around[1, 1]
    assert center_covariance(box, cameras, False, 0.008)[2, 2] > one[2, 2]
    far = center_covariance(box, cameras * 4, True, 0.008)
    assert far[0, 0] > one[0, 0]


def test_outlying_views_do_not_turn_the_vector() -> None:
    good = np.tile(unit(1), (5, 1)) + 0.05 * np.random.default_rng(0).normal(size=(5, DIM))
    views = np.concatenate([good, [unit(2), unit(2)]])
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    mean, weight = robust_mean(views, np.ones(7))
    plain = views.mean(axis=0) / np.linalg.norm(views.mean(axis=0))
    assert mean @ unit(1) > max(0.99, plain @ unit(1))
    assert weight[5] < 0.3 * weight[0]
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-6)


def test_labels_are_the_nearest_nouns() -> None:
    words = Vocabulary(("mug", "box"), np.stack([unit(2), unit(3)]))
    objects = build_objects(table_segments(), make_scene(), vocabulary=words)
    assert [objects.by_id(i).label for i in (2, 3)] == ["mug", "box"]
    assert {o.label for o in build_objects(table_segments(), make_scene())} == {"unknown"}


def test_no_label_is_of_another_size_than_the_thing() -> None:
    words = Vocabulary(("sofa", "mug"), np.stack([unit(2), unit(2) + 0.1 * unit(3)]))
    objects = build_objects(table_segments(), make_scene(), vocabulary=words)
    assert objects.by_id(2).box.size.max() < 0.25 * read_lengths()["sofa"][0]
    assert objects.by_id(2).label == "mug"  # though the sofa is a little nearer


def test_of_names_that_mean_the_same_to_the_encoder_the_general_one_is_the_label() -> None:
    special = (unit(2) + 0.1 * unit(4)) / np.linalg.norm(unit(2) + 0.1 * unit(4))
    for nearest, other, label in ((unit(2), special, "mug"), (unit(2), unit(3), "coffee cup")):
        words = Vocabulary(("mug", "coffee cup"), np.stack([other, nearest]).astype(np.float32))
        assert (
            build_objects(table_segments(), make_scene(), vocabulary=words).by_id(2).label == label
        )


def test_a_support_is_called_a_kind_of_table_or_floor() -> None:
    names = ("mug", "desk", "floor", "box")
    words = Vocabulary(names, np.stack([unit(1), unit(4), unit(5), unit(3)]))
    rng = np.random.default_rng(0)
    floor = segment(8, np.column_stack([rng.uniform(-2, 2, (5000, 2)), np.zeros(5000)]), "support")
    legs = np.column_stack(
        [rng.choice([-0.55, 0.55], 200), rng.choice([-0.35, 0.35], 200), rng.uniform(0, 0.7, 200)]
    )
    objects = build_objects([*table_segments(), floor], make_scene(legs), vocabulary=words)
    assert {o.label for o in objects if o.kind == "support"} <= {"desk", "floor"}
    assert objects.by_id(1).label == "desk"
    assert objects.by_id(5).label == "floor"
    assert not {o.label for o in objects if o.kind == "object"} & {"desk", "floor"}


def test_a_thing_that_was_never_encoded_has_no_direction() -> None:
    fused = table_segments()
    fused[0] = segment(1, fused[0].points, "support", embeddings=np.zeros((0, 0)))
    table = build_objects(fused, make_scene()).by_id(1)
    assert table.embedding.shape == (DIM,)
    assert not table.embedding.any()


def test_ids_stay_and_are_never_reused() -> None:
    scene, fused = make_scene(), table_segments()
    first = build_objects(fused, scene)
    second = build_objects(fused[:3], scene, previous=first)
    assert [o.id for o in second] == [1, 2, 3]
    rng = np.random.default_rng(0)
    new = segment(4, surface(upright(0.4, -0.2, 0.74, (0.1, 0.1, 0.1)), 500, rng))
    third = build_objects([new, *fused[:3]], scene, previous=second)
    assert [o.id for o in third] == [1, 2, 3, 5]
    swapped = [segment(7, fused[1].points), segment(1, fused[2].points)]
    again = build_objects(swapped, scene, previous=third)
    assert [o.id for o in again] == [2, 3]
    assert np.linalg.norm(again.by_id(2).position - MUG.center) < 0.02


def test_stamp_and_anchor() -> None:
    mug = build_objects([segment(2, table_segments()[1].points, keyframes=(3, 5))], make_scene())
    assert mug.objects[0].stamp_s == 105.0
    assert mug.objects[0].anchor == 3
    assert mug.objects[0].n_views == 2


def test_nothing_makes_an_empty_map() -> None:
    empty = build_objects([], make_scene())
    assert len(empty) == 0
    assert isinstance(empty, ObjectMap)


@pytest.mark.parametrize("height_m", [0.6, 0.35])
def test_legs_are_no_things_of_their_own(height_m: float) -> None:
    """Also where only the lower half of one was seen."""
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-2, 2, (5000, 2)), np.zeros(5000)])
    leg = surface(upright(0.55, 0.35, 0, (0.04, 0.04, height_m)), 400, rng)
    # one under the middle of the table and one, as between a shelf's boards, under its rim
    bottles = [
        surface(upright(x, y, 0, (0.07, 0.07, 0.3)), 400, rng) for x, y in ((0, 0), (-0.5, -0.3))
    ]
    fused = [
        *table_segments(),
        segment(8, floor, "support"),
        segment(9, leg),
        *(segment(n, bottle) for n, bottle in enumerate(bottles, 10)),
    ]
    objects = build_objects(fused, make_scene(leg))
    assert len(objects) == 7
    assert not any(np.abs(o.position[:2] - [0.55, 0.35]).max() < 0.05 for o in objects)
