"""Relations from geometry: what holds, and the laws of turning and mirroring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grounding3d.geometry.transforms import make_pose
from grounding3d.query.layout import Layout
from grounding3d.query.relations import (
    NAMES,
    TRUE,
    WITHOUT_UP,
    Pairs,
    Viewpoint,
    between,
    relation_truth,
)
from tests.query.word_encoder import UP, thing

EYE = np.array([0.0, -2.0, 1.5])
MUG, LAPTOP, BOWL, TABLE, SPOON, BOX, BOOK = range(7)


def kitchen():
    """A table with a mug left of a laptop, a spoon in a bowl, a book under the mug's neighbour."""
    return [
        thing(1, "mug", (-0.4, 0, 0.75), support=4),
        thing(2, "laptop", (0, 0, 0.8), (0.3, 0.2, 0.2), support=4),
        thing(3, "bowl", (0.5, 0.3, 0.75), (0.2, 0.2, 0.1), support=4),
        thing(4, "table", (0, 0, 0.35), (1.6, 1.0, 0.7)),
        thing(5, "spoon", (0.52, 0.31, 0.8), (0.04, 0.04, 0.14), support=3),
        thing(6, "box", (0.2, 0, 0.15), (0.3, 0.3, 0.3)),
        thing(7, "book", (0, -0.35, 0.72), (0.2, 0.15, 0.04), support=4),
    ]


def truth(name, target, anchor, objects=None, eye=EYE, up=UP):
    layout = Layout.of(objects or kitchen(), up)
    viewpoint = Viewpoint(np.asarray(eye), None, "a test")
    pairs = Pairs(layout, np.array([target]), np.array([anchor]), viewpoint)
    return float(relation_truth(name, pairs)[0, 0])


HOLD = [
    ("left_of", MUG, LAPTOP), ("right_of", LAPTOP, MUG), ("right_of", BOWL, LAPTOP),
    ("in_front_of", BOOK, LAPTOP), ("behind", LAPTOP, BOOK), ("in", SPOON, BOWL),
    ("on", MUG, TABLE), ("on", LAPTOP, TABLE), ("on", SPOON, TABLE), ("under", BOX, TABLE),
    ("next_to", MUG, LAPTOP), ("near", MUG, LAPTOP), ("bigger_than", LAPTOP, MUG),
    ("smaller_than", MUG, LAPTOP), ("taller_than", LAPTOP, MUG), ("shorter_than", BOOK, MUG),
    ("above", LAPTOP, BOX), ("below", BOX, LAPTOP), ("nearest", BOWL, LAPTOP),
]  # fmt: skip
FAIL = [
    ("right_of", MUG, LAPTOP), ("left_of", LAPTOP, MUG), ("behind", BOOK, LAPTOP),
    ("in", MUG, BOWL), ("in", BOWL, SPOON), ("on", TABLE, MUG), ("on", BOX, TABLE),
    ("under", MUG, TABLE), ("under", LAPTOP, BOOK), ("on", MUG, LAPTOP), ("above", MUG, LAPTOP),
    ("next_to", MUG, MUG), ("next_to", SPOON, BOWL), ("left_of", BOOK, LAPTOP),
    ("taller_than", MUG, LAPTOP), ("far", MUG, LAPTOP),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target", "anchor"), HOLD)
def test_holds(name, target, anchor):
    assert truth(name, target, anchor) >= TRUE


@pytest.mark.parametrize(("name", "target", "anchor"), FAIL)
def test_does_not_hold(name, target, anchor):
    assert truth(name, target, anchor) < TRUE


@pytest.mark.parametrize("yaw", [0.3, 1.7, -2.5])
def test_turning_the_world_about_up_changes_nothing(yaw):
    T = make_pose(Rotation.from_rotvec(yaw * UP).as_matrix(), np.array([3.0, -1.0, 0.4]))
    turned = [replace(item, box=item.box.transformed(T)) for item in kitchen()]
    eye = T[:3, :3] @ EYE + T[:3, 3]
    for name, target, anchor in HOLD + FAIL:
        here = truth(name, target, anchor)
        assert truth(name, target, anchor, turned, eye) == pytest.approx(here, abs=0.01), name


def test_any_direction_may_be_up():
    """The world lies on its side, up included: nothing changes."""
    T = make_pose(Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix(), np.zeros(3))
    turned = [replace(item, box=item.box.transformed(T)) for item in kitchen()]
    for name, target, anchor in HOLD + FAIL:
        there = truth(name, target, anchor, turned, T[:3, :3] @ EYE, T[:3, :3] @ UP)
        assert there == pytest.approx(truth(name, target, anchor), abs=0.01), name


@pytest.mark.parametrize(("name", "swapped"), [("left_of", "right_of"), ("in_front_of", "behind")])
def test_the_opposite_viewpoint_swaps_sides(name, swapped):
    # mirrored through the anchor, since directions are those towards it
    for target in (MUG, BOWL, BOOK):
        layout = Layout.of(kitchen(), UP)
        anchor = layout.centers[LAPTOP]
        opposite = 2 * anchor - EYE
        here = truth(name, target, LAPTOP)
        assert truth(swapped, target, LAPTOP, eye=opposite) == pytest.approx(here, abs=1e-9)


def test_sides_depend_on_the_viewpoint():
    assert truth("left_of", MUG, LAPTOP, eye=(0, -2, 1)) > 0.9
    assert truth("left_of", MUG, LAPTOP, eye=(0, 2, 1)) < 0.1
    assert truth("in_front_of", MUG, LAPTOP, eye=(-2, 0, 1)) > 0.9


def test_between():
    objects = [thing(1, "cup", (0.3, 0.02, 0)), thing(2, "plate", (0, 0, 0)),
               thing(3, "bowl", (0.6, 0, 0)), thing(4, "can", (0.9, 0, 0)),
               thing(5, "jar", (0.3, 0.5, 0))]  # fmt: skip
    layout = Layout.of(objects, UP)
    value = between(layout, np.array([0, 3, 4]), np.array([1]), np.array([2]))[:, 0, 0]
    assert value[0] > 0.9
    assert max(value[1:]) < TRUE


def test_gaps_of_turned_boxes():
    objects = [thing(1, "a", (0, 0, 0), (1, 0.1, 0.1)),
               thing(2, "b", (0, 0.5, 0), (1, 0.1, 0.1), yaw=np.pi / 2),
               thing(3, "c", (3, 0, 0), (0.2, 0.2, 0.2))]  # fmt: skip
    layout = Layout.of(objects, UP)
    rows = np.arange(3)
    gap = layout.gap_m(rows, rows)
    np.testing.assert_allclose(gap, gap.T)
    assert gap[0, 1] == pytest.approx(0, abs=1e-9)  # one end reaches into the other
    assert gap[0, 2] == pytest.approx(2.4, abs=1e-9)


def test_only_what_needs_no_up_is_listed_so():
    layout = Layout.of(kitchen(), None)
    rows = np.arange(7)
    for name in (WITHOUT_UP & NAMES) - {"between"}:
        value = relation_truth(name, Pairs(layout, rows, rows))
        assert np.isfinite(value).all()
        assert (np.diag(value) == 0).all()
