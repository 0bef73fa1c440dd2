"""Messages: equal content from rclpy's and from rosbags' classes, also when they are sent."""

from __future__ import annotations

import json
import math
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grounding3d.errors import MissingDependencyError
from grounding3d.live.messages import answers, cloud, markers
from grounding3d.live.messages.types import BagTypes, MessageTypes, RosTypes, _import_class
from grounding3d.live.responder import ErrorCode
from grounding3d.query.answer import ParsedQuery
from tests.live.answers import answer, candidate, plain, reply
from tests.objects.object_factories import language_scene
from tests.ros_build import build_tool, ros_environment

Make = Callable[[MessageTypes], Any]


@pytest.fixture(scope="session")
def bag_types() -> BagTypes:
    return BagTypes()


@pytest.fixture(scope="session")
def ros_types() -> Iterator[RosTypes]:
    """rclpy's classes, with those of our own packages found where they were built."""
    ros_environment()
    prefix = str(build_tool().PREFIX)
    packages = sysconfig.get_path("purelib", vars={"base": prefix, "platbase": prefix})
    sys.path.append(packages)
    _import_class.cache_clear()
    yield RosTypes()
    sys.path.remove(packages)
    _import_class.cache_clear()


SCENE = language_scene()
REPLY = reply(candidate(), candidate(8, False, support=None, stamp=None))
MESSAGES: dict[str, Make] = {
    "json": lambda types: answers.answer_json(types, REPLY),
    "answer": lambda types: answers.answer_message(types, REPLY),
    "pose": lambda types: answers.answer_pose(types, REPLY),
    "detections": lambda types: answers.detections(types, REPLY),
    "object map": lambda types: answers.object_map(types, SCENE, list(SCENE.objects), "map"),
    "markers": lambda types: markers.MarkerBoard(types).draw(
        "map", markers.answer_markers(types, REPLY.in_world)
    ),
    "object markers": lambda types: markers.MarkerBoard(types).draw(
        "map", markers.object_markers(types, SCENE)
    ),
    "map": lambda types: cloud.map_cloud(
        types, SCENE, np.linspace(0, 1, len(SCENE.scene.gaussians))
    ),
    "status": lambda types: types.make("diagnostic_msgs/msg/DiagnosticStatus", level=2),
}
STANDARD = ("json", "pose", "markers", "object markers", "map")


@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "status"])
def test_both_libraries_carry_the_same(name: str, bag_types: BagTypes, ros_types: RosTypes) -> None:
    assert plain(MESSAGES[name](ros_types)) == plain(MESSAGES[name](bag_types))


@pytest.mark.parametrize("name", STANDARD)
def test_what_rclpy_sends_is_what_a_bag_holds(
    name: str, bag_types: BagTypes, ros_types: RosTypes
) -> None:
    from rclpy.serialization import serialize_message

    ours = MESSAGES[name](bag_types)
    sent = bytes(serialize_message(MESSAGES[name](ros_types)))
    assert plain(bag_types.store.deserialize_cdr(sent, ours.__msgtype__)) == plain(ours)


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_written_to_a_bag_is_read_back(name: str, bag_types: BagTypes) -> None:
    message = MESSAGES[name](bag_types)
    data = bag_types.serialize(message)
    assert plain(bag_types.store.deserialize_cdr(data, message.__msgtype__)) == plain(message)


def test_a_type_that_is_not_there_is_named(bag_types: BagTypes) -> None:
    for types in (bag_types, RosTypes()):
        assert types.find("no_such_msgs/msg/Thing") is None
        with pytest.raises(MissingDependencyError, match="no_such_msgs"):
            types.make("no_such_msgs/msg/Thing")


def test_a_misspelt_field_is_an_error_in_both(bag_types: BagTypes) -> None:
    for types in (bag_types, RosTypes()):
        with pytest.raises((AttributeError, AssertionError, KeyError)):
            types.make("geometry_msgs/msg/Point", x=1.0, zz=2.0)


def test_the_pose_is_at_the_position_with_ros_order_of_the_quaternion(bag_types: BagTypes) -> None:
    message = answers.answer_pose(bag_types, REPLY)
    turn = message.pose.orientation
    assert (message.pose.position.x, message.pose.position.y, message.pose.position.z) == (1, 2, 3)
    half = math.radians(30) / 2
    np.testing.assert_allclose(
        [turn.x, turn.y, turn.z, turn.w], [0, 0, math.sin(half), math.cos(half)], atol=1e-12
    )
    assert message.header.frame_id == "map"
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (100, 500_000_000)


@pytest.mark.parametrize("status", ["not_found", "ambiguous", "invalid"])
def test_there_is_no_pose_unless_one_was_found(status: str, bag_types: BagTypes) -> None:
    given = reply(candidate(selected=status == "ambiguous"), status=status)
    assert answers.answer_pose(bag_types, given) is None


def test_the_json_is_the_answer_and_what_ros_adds(bag_types: BagTypes) -> None:
    given = replace(REPLY, error_code=ErrorCode.TF_ERROR, error_msg="no transform", holds_s=3.5)
    record = json.loads(answers.answer_json(bag_types, given).data)
    added = {
        name: record.pop(name) for name in ("query_id", "holds_stamp", "error_code", "error_msg")
    }
    assert record == given.answer.as_dict()
    assert added == {
        "query_id": "q-1", "holds_stamp": 3.5, "error_code": 5, "error_msg": "no transform",
    }  # fmt: skip


def test_the_typed_answer_is_the_json_field_by_field(bag_types: BagTypes) -> None:
    message = answers.answer_message(bag_types, REPLY)
    record = REPLY.answer.as_dict()
    for name in ("query", "status", "reason_code", "reason", "scene"):
        assert getattr(message, name) == record[name]
    assert message.parsed.target == "red mug"
    assert plain(message.parsed.relations) == [
        {"relation": "on", "anchor": "table", "other": "", "negated": False}
    ]
    assert (message.parsed.order.by, message.parsed.quantity) == ("", 0)
    first, second = message.candidates
    wanted = record["candidates"][0]
    assert [first.position.x, first.position.y, first.position.z] == wanted["position"]
    assert first.covariance.reshape(3, 3).tolist() == wanted["covariance"]
    assert [first.box.size.x, first.box.size.y, first.box.size.z] == wanted["box"]["size"]
    assert (first.support.id, first.support.label) == (2, "table")
    assert (second.support.id, second.has_stamp) == (0, False)
    assert (first.selected, second.selected) == (True, False)


def test_all_that_was_understood_is_in_the_message(bag_types: BagTypes) -> None:
    parsed = ParsedQuery(
        "cup",
        relations=({"relation": "between", "anchor": "a", "other": "b", "negated": True},),
        plural=True,
        excluded=("red",),
        order={"by": "left", "rank": 2},
        quantity=3,
        part_of="set",
    )
    reply = replace(REPLY, answer=replace(REPLY.answer, parsed=parsed))
    sent = answers.answer_message(bag_types, reply).parsed
    wanted = reply.answer.as_dict()["parsed"]
    assert plain(sent.relations) == wanted["relations"]
    assert (sent.order.by, sent.order.rank) == ("left", 2)
    for name in ("target", "attributes", "plural", "excluded", "quantity", "part_of"):
        assert getattr(sent, name) == wanted[name], name


def test_the_codes_are_those_of_the_message_definitions(bag_types: BagTypes) -> None:
    constants = {}
    for name in bag_types.store.fielddefs:
        if name.startswith("grounding3d_msgs/"):
            numbers = bag_types.store.fielddefs[name][0]
            constants.update({k: v for k, _, v in numbers if isinstance(v, int)})
    for code in ErrorCode:
        if code.name in constants:
            assert constants[code.name] == code, code
    assert {"INVALID_QUERY", "NO_SCENE", "TF_ERROR", "BUSY"} <= set(constants)


def test_a_detection_carries_the_covariance_and_owns_up_to_unknown_angles(
    bag_types: BagTypes,
) -> None:
    (item,) = answers.detections(bag_types, REPLY).detections  # the runner-up is left out
    covariance = item.results[0].pose.covariance.reshape(6, 6)
    np.testing.assert_array_equal(covariance[:3, :3], np.diag([1e-4, 4e-4, 9e-4]))
    assert (np.diag(covariance)[3:] > 3).all()
    assert not covariance[:3, 3:].any()
    assert (item.id, item.results[0].hypothesis.class_id) == ("7", "mug")
    assert item.bbox.size.z == 0.3


def test_markers_that_vanish_are_deleted_and_the_others_keep_their_ids(bag_types: BagTypes) -> None:
    board = markers.MarkerBoard(bag_types)

    def draw(*items: Any) -> list[tuple[str, int, int]]:
        drawn = board.draw("map", markers.answer_markers(bag_types, answer(*items)))
        return [(m.ns, m.id, m.action) for m in drawn.markers]

    first = draw(candidate(7), candidate(8))
    assert first[0][2] == markers.DELETE_ALL
    second = draw(candidate(8), candidate(9))
    gone = {(ns, number) for ns, number, action in second if action == markers.DELETE}
    assert gone == {(ns, number) for ns, number, _ in first[1:] if number == 7}
    stay = {(ns, number) for ns, number, action in second if action == markers.ADD}
    assert {key for key in stay if key[1] == 8} == {
        (ns, number) for ns, number, _ in first[1:] if number == 8
    }
    assert all(action == markers.DELETE for _, _, action in draw())


def test_a_box_marker_has_the_twelve_edges_of_the_box(bag_types: BagTypes) -> None:
    drawn = markers.answer_markers(bag_types, answer(candidate()))
    (box,) = [m for m in drawn if m.ns == "answer/box"]
    ends = np.array([[p.x, p.y, p.z] for p in box.points]).reshape(12, 2, 3)
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    np.testing.assert_allclose(np.sort(lengths), np.repeat([0.1, 0.2, 0.3], 4))
    assert box.pose.position.x == 1.0  # edges are local: the pose places them


def test_the_arrow_ends_on_the_surface_coming_from_outside(bag_types: BagTypes) -> None:
    drawn = markers.answer_markers(bag_types, answer(candidate()))
    (arrow,) = [m for m in drawn if m.ns == "answer/surface"]
    start, tip = ([p.x, p.y, p.z] for p in arrow.points)
    np.testing.assert_allclose(tip, [1.05, 2, 3])
    center = np.array([1.0, 2, 3])
    assert np.linalg.norm(start - center) > np.linalg.norm(tip - center)


def test_the_cloud_holds_places_colours_and_relevancy(bag_types: BagTypes) -> None:
    gaussians = SCENE.scene.gaussians
    wanted = np.linspace(0, 1, len(gaussians)).astype(np.float32)
    message = cloud.map_cloud(bag_types, SCENE, wanted)
    dtype = np.dtype(
        {
            "names": [field.name for field in message.fields],
            "formats": ["<f4"] * 5,
            "offsets": [field.offset for field in message.fields],
            "itemsize": message.point_step,
        }
    )
    assert {field.datatype for field in message.fields} == {7}  # FLOAT32
    points = np.frombuffer(message.data, dtype)
    np.testing.assert_array_equal(
        np.stack([points["x"], points["y"], points["z"]], axis=1), gaussians.means
    )
    np.testing.assert_array_equal(points["relevancy"], wanted)
    packed = np.ascontiguousarray(points["rgb"]).view("<u4")
    rgb = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=1)
    np.testing.assert_allclose(rgb, gaussians.rgb * 255, atol=0.51)
    assert message.header.frame_id == SCENE.scene.world_frame


def test_a_large_map_is_thinned_evenly(bag_types: BagTypes) -> None:
    message = cloud.map_cloud(bag_types, SCENE, None, most_points=100)
    assert message.width == 100
    assert len(message.data) == 100 * message.point_step
    assert cloud.empty_cloud(bag_types).width == 0
