"""A board small enough to know every figure of it."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import MapObject, ObjectMap
from grounding3d.query.answer import Answer, Candidate, ParsedQuery
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evaluation import Case, EvalReport, Suite, evaluate, judge, run_suite
from grounding3d.query.evaluation.figures import coverage, figures, inventory_figures
from grounding3d.query.evaluation.inventory import take_inventory
from grounding3d.query.evaluation.outcomes import CHI2_95, Outcome, ellipsoid
from grounding3d.query.truth import GroundTruth, TrueQuery


def truth(*queries: tuple[str, str, list[int]], xs: tuple[float, ...] = (0.0, 1.0, 2.0)) -> dict:
    """Cubes of 10 cm at x = 0, 1, 2 metres with ids 0, 1, 2."""
    objects = [
        {"id": i, "aabb": {"min": [x - 0.05, -0.05, 0], "max": [x + 0.05, 0.05, 0.1]}}
        for i, x in enumerate(xs)
    ]
    asked = [{"text": t, "kind": k, "targets": targets} for t, k, targets in queries]
    return {"schema": 1, "frame_id": "map", "objects": objects, "queries": asked}


def candidate(x: float, *, selected: bool = True, sigma_m: float = 0.01, size: float = 0.1):
    box = OBB(np.array([x, 0, 0.05]), np.array([1.0, 0, 0, 0]), np.full(3, size))
    covariance = np.eye(3) * sigma_m**2
    return Candidate(
        1, selected, "", 0.9, 0.5, 0.5, box, covariance, box.center, None, None, 1, 1
    )  # fmt: skip


def answer(text: str, *candidates: Candidate, status: str = "found") -> Answer:
    latency = {"total": 3.0, "text": 2.0, "search": 1.0}
    return Answer(
        text, status, "ok", "", ParsedQuery(), "map", None, "u", None, latency, candidates
    )  # fmt: skip


class TestOutcomes:
    def judged(self, *candidates: Candidate, kind: str = "plain", targets: tuple[int, ...] = (0,)):
        query = TrueQuery("x", kind, targets)
        return judge(answer("x", *candidates), query, GroundTruth.from_json(truth()))

    def test_boxes_and_ellipsoids_by_hand(self) -> None:
        outcome = self.judged(candidate(0.02))
        assert outcome.distance_m == pytest.approx(0.02)
        assert outcome.iou == pytest.approx(0.08 / 0.12)
        assert outcome.mahalanobis2 == pytest.approx(4.0)  # two sigmas off
        assert outcome.semi_axis_m == pytest.approx(0.01 * np.sqrt(CHI2_95))
        assert (outcome.total_ms, outcome.text_ms, outcome.search_ms) == (3.0, 2.0, 1.0)

    def test_an_ellipsoid_turns_with_its_covariance(self) -> None:
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        covariance = turn @ np.diag([1e-4, 4e-4, 9e-4]) @ turn.T
        distance, axis = ellipsoid(covariance, turn @ np.array([0.01, 0.02, 0.03]))
        assert distance == pytest.approx(3.0)
        assert axis == pytest.approx(0.03 * np.sqrt(CHI2_95))

    def test_a_singular_covariance_is_no_excuse(self) -> None:
        distance, _ = ellipsoid(np.diag([1e-4, 1e-4, 0.0]), np.array([0.0, 0.0, 0.001]))
        assert CHI2_95 < distance < np.inf

    @pytest.mark.parametrize(
        ("selected", "right"),
        [
            ((0.0, 1.0), True),
            ((1.0, 0.0), True),
            ((0.0,), False),  # one is missing
            ((0.0, 1.0, 2.0), False),  # one too many
            ((0.0, 0.01, 1.0), True),  # twice the same is no harm
        ],
    )
    def test_a_plural_wants_all_and_nothing_else(self, selected, right) -> None:
        found = [candidate(x) for x in selected]
        assert self.judged(*found, kind="plural", targets=(0, 1)).success is right

    def test_runners_up_of_a_plural_do_not_count(self) -> None:
        found = [candidate(0.0), candidate(1.0, selected=False)]
        assert not self.judged(*found, kind="plural", targets=(0, 1)).success
        assert self.judged(*found, kind="plain", targets=(0, 1)).success


class TestFigures:
    def outcome(self, **values) -> Outcome:
        right = Outcome("q", "plain", True, False, "found", 0.9, True, 0.0, True, 1.0)
        return replace(right, **values)

    def test_recall_and_iou_count_what_was_not_answered(self) -> None:
        missed = self.outcome(success=False, distance_m=np.inf, answered=False, iou=0.0)
        row = figures([self.outcome(distance_m=d, iou=0.6) for d in (0.01, 0.03, 0.2)] + [missed])
        assert row["success"] == 0.75
        assert row["answered"] == 0.75
        assert row["recall"] == {"0.05": 0.5, "0.1": 0.5, "0.25": 0.75, "0.5": 0.75}
        assert row["distance_m"]["n"] == 3
        assert row["distance_m"]["median"] == pytest.approx(0.03)
        assert row["iou"] == {"median": 0.6, "over 0.25": 0.75, "over 0.5": 0.75}

    def test_bounds_are_wider_where_scenes_disagree(self) -> None:
        rows = [self.outcome(scene=f"s{i % 4}", success=i % 4 != 0) for i in range(80)]
        row = figures(rows)
        wilson, by_scene = row["success_bounds"], row["success_bounds_by_scene"]
        assert by_scene[0] < wilson[0] < 0.75 < wilson[1] < by_scene[1]

    def test_coverage_by_the_ellipsoids_size(self) -> None:
        rows = [
            self.outcome(semi_axis_m=0.01 * (i + 1), mahalanobis2=1.0 if i >= 3 else 9.0)
            for i in range(9)
        ]
        rows.append(self.outcome(success=False, semi_axis_m=1.0, mahalanobis2=99.0))  # not right
        table = coverage(rows)
        assert [table[name]["n"] for name in table] == [9, 3, 3, 3]
        assert table["all"]["inside"] == pytest.approx(6 / 9)
        assert table["all"]["semi_axis_m"] == pytest.approx(0.05)
        assert [table[f"{name} third"]["inside"] for name in ("smallest", "middle", "largest")] == [
            0.0, 1.0, 1.0,
        ]  # fmt: skip

    def test_auroc_of_a_kind_against_everything_absent(self) -> None:
        absent = [self.outcome(kind="absent", present=False, score=s) for s in (0.1, 0.95)]
        assert figures([self.outcome()], absent)["auroc"] == 0.5
        assert figures([self.outcome()])["auroc"] is None


class TestInventory:
    def mapped(self, number: int, x: float, size: float = 0.1, kind: str = "object") -> MapObject:
        box = OBB(np.array([x, 0, 0.05]), np.array([1.0, 0, 0, 0]), np.full(3, size))
        none = np.zeros((0, 3))
        return MapObject(
            number, kind, box, np.eye(3) * 1e-4, none, none, "", none, none, 1, None, 0, None
        )  # fmt: skip

    def inventory(self, *objects: MapObject, content: dict | None = None):
        scene = GroundTruth.from_json(content or truth())
        return take_inventory(ObjectMap(objects), scene, "s")

    def test_weak_and_strict_by_hand(self) -> None:
        """One right, one far too large, one object missing, one that is nothing, and a floor."""
        found = self.inventory(
            self.mapped(1, 0.0),
            self.mapped(2, 1.2, size=0.5),  # holds the true centre, its own lies outside
            self.mapped(3, 5.0),
            self.mapped(4, 9.0, kind="support"),
        )
        assert (found.n_true, found.n_mapped, len(found.matches), found.n_strict) == (3, 3, 2, 1)
        row = inventory_figures([found])
        assert row["weak"]["recall"] == pytest.approx(2 / 3)
        assert row["weak"]["precision"] == pytest.approx(2 / 3)
        assert row["weak"]["f1"] == pytest.approx(2 / 3)
        assert row["strict"]["f1"] == pytest.approx(1 / 3)
        assert row["matched"]["inside"] == pytest.approx(1 / 2)

    def test_one_blob_over_two_things_is_one_match(self) -> None:
        found = self.inventory(self.mapped(1, 0.5, size=1.4))
        assert len(found.matches) == 1
        assert found.n_strict == 0

    def test_pieces_of_a_thing_are_one_match_and_the_better_one(self) -> None:
        found = self.inventory(self.mapped(1, 0.01, size=0.05), self.mapped(2, 0.0))
        assert len(found.matches) == 1
        assert found.matches[0].iou == pytest.approx(1.0)
        assert found.n_mapped == 2

    def test_what_no_frame_shows_is_not_asked_of_a_map(self) -> None:
        content = truth()
        content["objects"][2]["n_views_visible"] = 0
        content["objects"][1]["n_views_visible"] = 7
        assert self.inventory(content=content).n_true == 2


class TestSuite:
    def test_scenes_of_one_name_are_refused(self, tmp_path) -> None:
        with pytest.raises(ConfigError, match="twice"):
            Suite("s", (Case("a", tmp_path, {}), Case("a", tmp_path, {})))

    def test_every_case_is_asked_with_its_judge(self, tiny, make_scene, tmp_path) -> None:
        content = truth(("banana", "plain", [0]), ("sofa", "absent", []))
        cases = tuple(Case(name, tmp_path, content) for name in ("a", "b"))
        told = []

        def never_right(answer: Answer, query: TrueQuery, scene: GroundTruth) -> Outcome:
            return replace(judge(answer, query, scene), success=False)

        engine = QueryEngine(make_scene(tiny, ["banana", "laptop"]), tiny)
        report = run_suite(
            Suite("s", cases, never_right),
            lambda case: engine,
            lambda case, one, done: told.append((case.name, done)),
        )
        assert told == [("a", 1), ("b", 2)]
        assert [o.scene for o in report.outcomes] == ["a", "a", "b", "b"]
        assert not any(o.success for o in report.outcomes)
        assert len(report.inventories) == 2
        assert len(report.rules) == 1  # both were decided by the same
        assert report.rules[0]["calibration"] is None
        assert "null distribution" in report.markdown()

    def test_the_viewpoint_of_a_question_is_passed_on(self) -> None:
        content = truth(("the left cube", "relation", [0]))
        content["queries"][0]["viewpoint"] = [0, -1, 2]
        (query,) = GroundTruth.from_json(content).queries
        assert query.viewpoint == (0.0, -1.0, 2.0)


def test_all_of_it_can_be_written() -> None:
    """Every kind, something absent, something never answered: strict JSON, tables, a picture."""
    kinds = ("plain", "synonym", "plural", "ordinal")
    content = truth(
        *[(f"q{i}", kind, [i % 3]) for i, kind in enumerate(kinds)], ("z", "absent", [])
    )
    answers = [answer(f"q{i}", candidate(i % 3)) for i in range(3)]
    answers += [answer("q3", status="not_found"), answer("z", candidate(0.0), status="not_found")]
    report = evaluate(answers, content, scene="one")
    board = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert list(board["groups"]) == ["present", *kinds, "other instances", "absent"]
    assert board["objects"] is None  # only answers are known
    json.dumps(report.outcomes_dict(), allow_nan=False)
    lines = report.markdown().splitlines()
    assert next(line for line in lines if line.startswith("| ordinal")).count("| 0%") == 7
    picture = ElementTree.fromstring(report.svg())
    names = [item.text for item in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "synonym (1)" in names
    ElementTree.fromstring(EvalReport(()).svg())
