"""Evaluation: the arithmetic on cases small enough to do by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import ObjectMap
from grounding3d.query.answer import Answer, Candidate, ParsedQuery
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evaluation import evaluate, merge_reports
from grounding3d.query.samples import collect_samples, showing
from grounding3d.query.truth import TrueObject


def true_object(number: int, x: float, held_out: bool = False) -> dict:
    box = {"min": [x - 0.05, -0.05, 0], "max": [x + 0.05, 0.05, 0.1]}
    return {"id": number, "name": f"o{number}", "category": "c", "aabb": box, "held_out": held_out}


TRUTH = {
    "schema": 1,
    "frame_id": "map",
    "objects": [true_object(1, 0.0), true_object(2, 1.0, held_out=True)],
    "queries": [
        {"text": "mug", "kind": "plain", "targets": [1]},
        {"text": "a red mug", "kind": "caption", "targets": [1]},
        {"text": "lamp", "kind": "plain", "targets": [2]},
        {"text": "cup", "kind": "plain", "targets": [1, 2]},
        {"text": "sofa", "kind": "absent", "targets": []},
        {"text": "tree", "kind": "absent", "targets": []},
    ],
}


def answer(text: str, x: float | None, score: float = 0.9, status: str = "found") -> Answer:
    found = ()
    if x is not None:
        box = OBB.from_aabb(np.array([x - 0.01, -0.01, 0.04]), np.array([x + 0.01, 0.01, 0.06]))
        candidate = Candidate(
            id=1,
            selected=status != "not_found",
            label="",
            score=score,
            similarity=0.0,
            relevancy=0.5,
            box=box,
            covariance=np.eye(3),
            surface_point=box.center,
            support=None,
            stamp=None,
            n_views=1,
            n_points=1,
        )
        found = (candidate,)
    latency = {"total": 2.0}
    asked = ParsedQuery()
    return Answer(text, status, "ok", "", asked, "map", None, "u", None, latency, found)


ANSWERS = [
    answer("mug", 0.03),
    answer("a red mug", 0.069, status="ambiguous"),
    answer("lamp", 0.0, score=0.8),
    answer("cup", None, status="not_found"),
    answer("sofa", 0.0, score=0.2, status="not_found"),
    answer("tree", 0.0, score=0.85),
]


def test_by_hand():
    report = evaluate(ANSWERS, TRUTH)
    assert [o.success for o in report.outcomes] == [True, True, False, False, True, False]
    groups = report.as_dict()["groups"]
    assert groups["present"]["n"] == 4
    assert groups["present"]["success"] == 0.5
    assert groups["present"]["answered"] == 0.75
    assert groups["present"]["recall"] == {"0.05": 0.25, "0.1": 0.5, "0.25": 0.5, "0.5": 0.5}
    assert groups["present"]["distance_m"]["median"] == pytest.approx(0.069)
    assert groups["caption"]["n"] == 1
    assert groups["held-out instances"]["n"] == 1
    assert groups["other instances"]["n"] == 3
    assert groups["absent"]["success"] == 0.5
    # present scores .9 .9 .8 0, absent .2 .85: pairs won 2+2+1+0 of 8
    assert report.as_dict()["auroc"] == pytest.approx(5 / 8)


def test_the_inflated_box_decides():
    for x, right in ((0.0699, True), (0.0701, False), (-0.0699, True)):
        report = evaluate([answer("mug", x)], {**TRUTH, "queries": TRUTH["queries"][:1]})
        assert report.outcomes[0].success is right


def test_any_of_several_targets_will_do():
    report = evaluate([answer("cup", 1.0)], {**TRUTH, "queries": [TRUTH["queries"][3]]})
    assert report.outcomes[0].success
    assert report.outcomes[0].distance_m == pytest.approx(0, abs=1e-9)


def test_merging_and_printing():
    one = evaluate(ANSWERS, TRUTH)
    both = merge_reports([one, one])
    assert both.n_scenes == 2
    assert both.as_dict()["groups"]["present"]["n"] == 8
    json.dumps(both.as_dict(), allow_nan=False)
    text = both.markdown()
    assert "held-out instances" in text
    assert "2 scenes, 12 queries" in text


def test_nothing_at_all_still_prints():
    empty = evaluate([], {**TRUTH, "queries": []})
    json.dumps(empty.as_dict(), allow_nan=False)
    assert "0 queries" in empty.markdown()


@pytest.mark.parametrize(
    "broken",
    [{}, {**TRUTH, "schema": 2}, {**TRUTH, "objects": []}, {**TRUTH, "queries": [{"text": "x"}]}],
)
def test_a_broken_truth_is_an_error(broken):
    with pytest.raises(ConfigError):
        evaluate(ANSWERS, broken)


def test_answers_of_another_frame_or_order_are_an_error():
    with pytest.raises(ConfigError, match="frames"):
        evaluate(ANSWERS, {**TRUTH, "frame_id": "odom"})
    with pytest.raises(ConfigError, match="in order"):
        evaluate(ANSWERS[::-1], TRUTH)


def test_an_engine_is_asked_and_sampled(bundled, make_scene):
    scene = make_scene(bundled, ["banana", "laptop"])
    boxes = [{"min": [0.3 * i - 0.05, 0.05, 0], "max": [0.3 * i + 0.05, 0.15, 0.1]} for i in (1, 2)]
    truth = {
        "schema": 1,
        "frame_id": "map",
        "objects": [{"id": i, "aabb": box} for i, box in enumerate(boxes)],
        "queries": [
            {"text": "where is the banana", "kind": "plain", "targets": [0]},
            {"text": "a sofa", "kind": "absent", "targets": []},
        ],
    }
    report = evaluate(QueryEngine(scene, bundled), truth)
    assert report.outcomes[0].distance_m == pytest.approx(0, abs=1e-9)
    present, absent = collect_samples(scene, truth, bundled)
    assert present.wanted.tolist() == [True, False]
    assert absent.wanted.tolist() == [False, False]


def test_samples_are_of_questions_that_name_a_kind(bundled, make_scene):
    """Who is left of whom, or which is the largest, says nothing of what is a banana."""
    scene = make_scene(bundled, ["banana", "laptop"])
    box = {"min": [0.25, 0.05, 0], "max": [0.35, 0.15, 0.1]}
    texts = ["the banana left of the laptop", "the largest banana", "a thing", "", "yellow banana"]
    truth = {
        "schema": 1,
        "frame_id": "map",
        "objects": [{"id": 0, "aabb": box}],
        "queries": [{"text": text, "kind": "plain", "targets": [0]} for text in texts],
    }
    (sample,) = collect_samples(scene, truth, bundled, name="here")
    assert (sample.text, sample.scene) == ("yellow banana", "here")


def test_a_fragment_does_not_pass_for_the_whole(tiny, make_scene):
    scene = make_scene(tiny, ["banana", "laptop"])
    whole, other = scene.objects
    part = replace(other, box=OBB(whole.box.center, whole.box.wxyz, whole.box.size / 4))
    scene = replace(scene, objects=ObjectMap((whole, part)))
    low, high = whole.box.aabb()
    target = TrueObject(0, "banana", "banana", low, high)
    assert showing(scene, target).tolist() == [True, False]
    away = TrueObject(1, "x", "x", low + 9, high + 9)
    assert showing(scene, away).tolist() == [False, False]


def test_a_table_top_is_the_table_and_the_floor_below_is_not(tiny, make_scene):
    scene = make_scene(tiny, ["table", "desk"])
    boxes = (((-0.7, -0.5, 0.66), (0.7, 0.5, 0.662)), ((-4.0, -5.0, -0.04), (4.2, 4.9, -0.01)))
    mapped = (OBB.from_aabb(np.array(low), np.array(high)) for low, high in boxes)
    objects = tuple(replace(item, box=box) for item, box in zip(scene.objects, mapped))
    scene = replace(scene, objects=ObjectMap(objects))
    target = TrueObject(0, "t", "table", np.array([-0.7, -0.5, 0.0]), np.array([0.7, 0.5, 0.66]))
    assert showing(scene, target).tolist() == [True, False]
