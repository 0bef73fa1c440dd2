"""Asking a scene: who wins, when nobody does, and what an answer carries."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_clip import make_tiny_clip

from grounding3d.errors import EncoderError, QueryError
from grounding3d.features.encoders import load_encoder
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import ObjectMap
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evidence import FEATURES, EvidenceIndex, encode_query
from grounding3d.query.fitting import fit_calibration
from grounding3d.query.parse import parse
from grounding3d.query.samples import Sample

NOUNS = ["table", "mug", "laptop", "banana", "keyboard", "potted plant"]


@pytest.fixture
def engine(words, make_scene) -> QueryEngine:
    return QueryEngine(make_scene(words, NOUNS), words)


def strict(answer) -> dict:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(answer.to_json(), parse_constant=refuse)


@pytest.mark.parametrize("noun", NOUNS)
def test_each_object_answers_to_its_own_name(engine, noun):
    answer = engine.ask(f"where is the {noun}?")
    assert answer.candidates[0].label == noun
    assert answer.parsed.target == noun


def test_an_answer_is_complete(engine):
    answer = strict(engine.ask("where is the banana"))
    assert answer["status"] == "found"
    assert answer["frame_id"] == "map"
    assert answer["stamp"] == 42.0
    assert answer["calibration"] is None
    assert "not a probability" in answer["reason"]
    best = answer["candidates"][0]
    assert best["selected"]
    assert [c["selected"] for c in answer["candidates"][1:]] == [False, False]
    assert best["position"] == pytest.approx([1.2, 0.1, 0.05])
    assert best["support"] == {"id": 1, "label": "table"}
    assert best["stamp"] == 14.0
    assert set(answer["latency_ms"]) == {"text", "search", "total"}


def test_the_surface_point_faces_the_camera(engine):
    candidate = engine.ask("banana").candidates[0]
    points = engine.scene.objects.by_id(candidate.id).points
    away = np.linalg.norm(points - np.array([0, 0, 2.0]), axis=1)
    np.testing.assert_allclose(candidate.surface_point, points[away.argmin()])


def test_another_frame(engine):
    here, there = engine.ask("banana"), engine.ask("banana", frame_id="base")
    assert there.frame_id == "base"
    moved = here.candidates[0].box.center + np.array([1, 2, 3])
    np.testing.assert_allclose(there.candidates[0].box.center, moved)
    assert engine.ask("banana", frame_id="map").frame_id == "map"
    with pytest.raises(QueryError, match="map, base"):
        engine.ask("banana", frame_id="gripper")


def test_an_empty_scene(tiny, make_scene):
    scene = replace(make_scene(tiny, ["mug"]), objects=ObjectMap())
    answer = strict(QueryEngine(scene, tiny).ask("mug"))
    assert (answer["status"], answer["reason_code"]) == ("not_found", "empty_scene")
    assert answer["candidates"] == []


def test_top_k(engine):
    assert len(engine.ask("mug", top_k=1).candidates) == 1
    assert len(engine.ask("mug", top_k=99).candidates) == len(NOUNS)
    with pytest.raises(QueryError):
        engine.ask("mug", top_k=0)


def test_what_cannot_be_asked_is_invalid_and_echoed(engine):
    for text, code in (("", "empty_query"), ("🍎", "not_understood"), ("z" * 10000, "too_many")):
        answer = strict(engine.ask(text))
        assert (answer["status"], answer["reason_code"]) == ("invalid", code)
        assert answer["query"] == text
        assert answer["reason"]


def test_another_encoder_is_refused(engine, tmp_path):
    with pytest.raises(EncoderError):
        QueryEngine(engine.scene, load_encoder(make_tiny_clip(tmp_path, "tiny-vit", seed=5)))


def test_twins_are_ambiguous_and_a_plural_takes_both(words, make_scene):
    scene = make_scene(words, ["table", "banana", "laptop", "banana"], noise=0.001)
    engine = QueryEngine(scene, words)
    answer = engine.ask("the banana")
    assert answer.status == "ambiguous"
    assert {c.id for c in answer.selected} == {2, 4}
    plural = engine.ask("the bananas", top_k=1)
    assert plural.status == "found"
    assert {c.id for c in plural.selected} >= {2, 4}


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(text=st.text(max_size=80))
def test_no_text_crashes(engine, text):
    answer = strict(engine.ask(text))
    assert answer["status"] in ("found", "ambiguous", "not_found", "invalid")
    assert answer["query"] == text


def test_a_lone_surrogate_stays_printable(engine):
    engine.ask("mug \ud800").to_json().encode("utf-8")


def test_evidence_tells_the_owner_of_a_name_from_the_others(tiny, make_scene):
    index = EvidenceIndex(make_scene(tiny, NOUNS).objects, tiny)
    for row, noun in enumerate(NOUNS):
        evidence = index.evidence(tiny.encode_text([noun])[0])
        assert evidence.matrix.shape == (len(NOUNS), len(FEATURES))
        assert np.isfinite(evidence.matrix).all()
        for name in ("similarity", "margin", "profile", "z"):
            assert getattr(evidence, name).argmax() == row, (name, noun)


def test_a_calibrated_engine_gives_probabilities(tiny, make_scene):
    scene = make_scene(tiny, NOUNS)
    index = EvidenceIndex(scene.objects, tiny)
    absent = ["giraffe", "sofa", "hammer", "vase", "fork", "door"]
    samples = []
    for noun in NOUNS + absent:
        wanted = np.array([n == noun for n in NOUNS])
        samples.append(Sample(index.evidence(tiny.encode_text([noun])[0]).matrix, wanted, noun))
    table = fit_calibration(samples, scene.encoder, name="test-1", provenance={"scenes": 1})
    engine = QueryEngine(scene, tiny, calibration=table)
    for noun in NOUNS:
        answer = engine.ask(noun)
        assert answer.status == "found"
        assert answer.calibration == "test-1"
        assert answer.candidates[0].label == noun
        assert answer.candidates[0].score > 0.5
    refused = [engine.ask(noun) for noun in absent]
    assert all(answer.status == "not_found" for answer in refused)
    assert all(answer.candidates and not answer.selected for answer in refused)
    assert {answer.reason_code for answer in refused} <= {"unobserved", "low_confidence"}


def test_a_table_is_told_from_the_floor_by_its_height(tiny, make_scene):
    scene = make_scene(tiny, ["table", "desk", "mug"], noise=0.001)
    table, desk, mug = scene.objects
    below = desk.box.center - np.array([0, 0, 0.7])
    low = replace(desk, box=OBB(below, desk.box.wxyz, desk.box.size))
    index = EvidenceIndex(ObjectMap((table, low, mug)), tiny, np.array([0, 0, 1.0]))
    kinds = {n: index.evidence(tiny.encode_text([n])[0]).kind.tolist() for n in ("table", "floor")}
    assert kinds == {"table": [1, -1, -1], "floor": [-1, 1, -1]}
    assert index.evidence(tiny.encode_text(["mug"])[0]).kind.tolist() == [-1, -1, 0]
    without_up = EvidenceIndex(ObjectMap((table, low, mug)), tiny)
    assert without_up.evidence(tiny.encode_text(["table"])[0]).kind.tolist() == [1, 1, -1]


def test_a_short_recording_is_no_reason_for_doubt(tiny, make_scene):
    def seen(*n_views):
        objects = make_scene(tiny, ["mug", "box", "shoe"]).objects
        counted = (replace(item, n_views=n) for item, n in zip(objects, n_views, strict=True))
        index = EvidenceIndex(ObjectMap(tuple(counted)), tiny)
        return index.evidence(tiny.encode_text(["mug"])[0]).views

    np.testing.assert_array_equal(seen(1, 1, 1), seen(30, 30, 30))
    fragment = seen(30, 30, 1)
    assert fragment[2] < fragment[0] == fragment[1] == 0


def test_adjectives_are_taken_from_the_noun(tiny):
    query, noun = encode_query(parse("the big red mug"), tiny)
    np.testing.assert_array_equal(noun, tiny.encode_text(["mug"])[0])
    np.testing.assert_array_equal(query, tiny.encode_text(["big red mug"])[0])
    assert encode_query(parse("the mug"), tiny)[1] is None


@pytest.mark.parametrize("text", ["coffee cup", "a mug", "coffee mug"])
def test_synonyms_find_the_mug(bundled, make_scene, text):
    engine = QueryEngine(make_scene(bundled, NOUNS, noise=0.4), bundled)
    answer = engine.ask(f"where is the {text}")
    assert answer.candidates[0].label == "mug"


def test_an_absent_thing_is_refused(bundled, make_scene):
    engine = QueryEngine(make_scene(bundled, NOUNS, noise=0.4), bundled)
    for text in ("a giraffe", "the hammer", "a fire hydrant", "the sofa"):
        assert engine.ask(text).status == "not_found", text
