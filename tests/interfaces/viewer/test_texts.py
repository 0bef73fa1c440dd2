"""Coordinates to copy are what they say, and foreign text stays text."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
import yaml
from conftest import make_scene

from grounding3d.interfaces.viewer import texts
from grounding3d.interfaces.viewer.model import make_model
from grounding3d.interfaces.viewer.picking import measure

HOSTILE = "<img src=x onerror='window.pwned=1'>\"}{{7*7}}</script>\n\u202e\x00"
POINT = np.array([1.23456, -0.5, 0.70001])


def test_yaml_and_json_say_the_same(model) -> None:
    record = texts.place_record(POINT, "map", model.scene.objects.by_id(2))
    assert yaml.safe_load(texts.copy_text(record, "YAML")) == record
    assert json.loads(texts.copy_text(record, "JSON")) == record
    assert record["point"] == [1.2346, -0.5, 0.7]
    assert record["object"]["position"] == pytest.approx([-0.25, -0.05, 0.75])


@pytest.mark.parametrize("frame_id", ["map", "it's", HOSTILE, "$(touch x) `id`; rm -rf /"])
def test_the_ros_line_is_one_command_whatever_the_frame_is_called(frame_id: str) -> None:
    line = texts.copy_text(texts.place_record(POINT, frame_id, None), "ROS 2")
    words = shlex.split(line)
    assert words[:5] == ["ros2", "topic", "pub", "--once", "/clicked_point"]
    assert words[5] == "geometry_msgs/msg/PointStamped"
    message = yaml.safe_load(words[6])
    assert len(words) == 7
    assert message["header"]["frame_id"] == frame_id
    assert message["point"] == {"x": 1.2346, "y": -0.5, "z": 0.7}


def test_the_ros_line_of_an_object_is_its_position(model) -> None:
    item = model.scene.objects.by_id(2)
    line = texts.ros2_line(texts.place_record(POINT, "map", item))
    point = yaml.safe_load(shlex.split(line)[6])["point"]
    assert list(point.values()) == pytest.approx(item.position.tolist(), abs=1e-4)


def test_foreign_text_never_becomes_markup(bundled) -> None:
    model = make_model(make_scene(bundled, 50, mug=HOSTILE), bundled)
    painting = model.ask("where is the mug " + HOSTILE)
    item = model.scene.objects.by_id(2)
    pages = [
        texts.answer_html(replace(painting.answer, query=HOSTILE, frame_id=HOSTILE), 0),
        texts.place_html(POINT, HOSTILE, item),
        texts.copy_html(texts.copy_text(texts.place_record(POINT, HOSTILE, item), "YAML")),
        texts.legend_html([(0, HOSTILE)]),
        texts.note(HOSTILE),
    ]
    assert any("&lt;img" in page for page in pages)
    for page in pages:
        assert "<img" not in page
        assert "</script" not in page
    assert "\n" not in texts.plain(HOSTILE)


def test_not_found_is_said_with_its_reason(model) -> None:
    answer = model.ask("where is the helicopter").answer
    assert answer.status == "not_found"
    html = texts.answer_html(answer, 0)
    assert "Not found" in html
    assert texts.shown(answer.reason) in html
    assert "●" not in html


def test_found_shows_score_position_and_size(model) -> None:
    html = texts.answer_html(model.ask("where is the mug").answer, 0)
    assert "Found" in html
    assert "-0.250, -0.050, 0.750" in html
    assert "0.10 × 0.10 × 0.10" in html
    assert "●" in html


def test_a_measure_names_its_parts() -> None:
    html = texts.measure_html(measure(np.zeros(3), np.array([0.3, 0, 0.4]), np.array([0, 0, 1.0])))
    assert "0.500 m" in html
    assert "+0.400" in html
    assert "unknown" in texts.measure_html(measure(np.zeros(3), np.ones(3), None))
