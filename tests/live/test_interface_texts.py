"""The interface texts are one contract with the answer's record and the JSON."""

from __future__ import annotations

import re

import pytest
from rosbags.typesys import Stores, get_typestore

from grounding3d.errors import ConfigError
from grounding3d.live.interface_texts import (
    interface_names,
    interface_text,
    register_interfaces,
)
from grounding3d.live.responder import ErrorCode
from grounding3d.query.answer import Answer, ParsedQuery, ReasonCode, Status

STORES = [store for store in Stores if store.value.startswith("ros2_")]


@pytest.fixture(scope="module")
def store():
    store = get_typestore(Stores.ROS2_HUMBLE)
    register_interfaces(store)
    return store


def field_names(store, name: str) -> list[str]:
    return [field for field, _ in store.fielddefs[name][1]]


def constants(text: str) -> dict[str, str]:
    found = re.findall(r"^u?[a-z]+\d* ([A-Z][A-Z_0-9]*)\s*=\s*(\S+)", text, re.MULTILINE)
    return {name: value.strip('"') for name, value in found}


def test_the_typed_answer_has_every_field_of_the_json(store) -> None:
    answer = Answer("", "invalid", "empty_query", "", ParsedQuery(), "map", None, "", None)
    fields = set(field_names(store, "grounding3d_msgs/msg/Answer"))
    # the frame is in the header, where tf looks for it
    assert set(answer.as_dict()) - {"frame_id"} <= fields
    parsed = set(field_names(store, "grounding3d_msgs/msg/ParsedQuery"))
    assert parsed == set(answer.as_dict()["parsed"])


def test_the_typed_candidate_has_every_field_of_the_json(store, candidate_json) -> None:
    fields = set(field_names(store, "grounding3d_msgs/msg/Candidate"))
    assert set(candidate_json) <= fields


@pytest.fixture
def candidate_json() -> dict:
    import numpy as np

    from grounding3d.geometry.boxes import OBB
    from grounding3d.query.answer import Candidate

    box = OBB(np.zeros(3), np.array([1.0, 0, 0, 0]), np.ones(3))
    at = np.zeros(3)
    candidate = Candidate(1, True, "mug", 1, 1, 1, box, np.eye(3), at, None, None, 1, 1)
    return candidate.as_dict()


def test_status_and_reason_constants_are_the_json_s_words() -> None:
    words = set(constants(interface_text("grounding3d_msgs/msg/Answer")).values())
    assert set(Status.__args__) <= words
    assert set(ReasonCode.__args__) <= words


def test_an_error_code_means_the_same_in_every_interface() -> None:
    seen: dict[str, str] = {}
    for name in interface_names():
        text = interface_text(name)
        if "uint16 error_code" not in text:
            continue
        for word, value in constants(text).items():
            if value.isdigit():
                assert seen.setdefault(word, value) == value, f"{word} in {name}"
    assert seen["NONE"] == "0"
    assert len(set(seen.values())) == len(seen), "two errors share a number"


def test_the_programs_error_codes_are_those_of_the_interfaces() -> None:
    told: dict[str, int] = {}
    for name in interface_names():
        text = interface_text(name)
        if "uint16 error_code" in text:
            told |= {word: int(v) for word, v in constants(text).items() if v.isdigit()}
    assert told == {code.name: code.value for code in ErrorCode}


def test_every_service_and_action_reports_errors() -> None:
    for name in interface_names("srv") + interface_names("action"):
        if name.endswith("/Locate"):  # its answer carries them
            continue
        response = interface_text(name).split("---")[1]
        assert "uint16 error_code" in response, name
        assert "string error_msg" in response, name


@pytest.mark.parametrize("which", STORES, ids=lambda store: store.value)
def test_messages_survive_serialisation_in_every_distribution(which) -> None:
    store = get_typestore(which)
    register_interfaces(store)
    register_interfaces(store)  # a second time changes nothing
    make = store.types
    box = make["vision_msgs/msg/BoundingBox3D"]
    pose, size = make["geometry_msgs/msg/Pose"], make["geometry_msgs/msg/Vector3"]
    point, turn = make["geometry_msgs/msg/Point"], make["geometry_msgs/msg/Quaternion"]
    message = box(pose(point(1.0, -2.0, 3.0), turn(0.0, 0.0, 0.0, 1.0)), size(0.1, 0.2, 0.3))
    data = store.serialize_cdr(message, "vision_msgs/msg/BoundingBox3D")
    assert store.deserialize_cdr(data, "vision_msgs/msg/BoundingBox3D") == message


def test_a_box_has_the_layout_of_vision_msgs(store) -> None:
    ours, theirs = "grounding3d_msgs/msg/Box", "vision_msgs/msg/BoundingBox3D"
    assert store.fielddefs[ours][1] == store.fielddefs[theirs][1]


def test_an_unknown_interface_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="grounding3d_msgs/msg/Answer"):
        interface_text("grounding3d_msgs/msg/Nothing")
    with pytest.raises(ConfigError):
        interface_text("../../etc/passwd")
