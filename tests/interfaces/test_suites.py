"""Suites of scenes with known truth, through the command line: boards, caches, tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from box_scene import BOXES, IDS, encoder, language_scene, recorded

from grounding3d.errors import ConfigError
from grounding3d.interfaces.cli import main
from grounding3d.interfaces.suites import SceneSource, build_key, find_cases
from grounding3d.live.config import load_config
from grounding3d.objects.store import save_scene
from grounding3d.query.calibration import load_calibration

PRESENT = {"where is the mug": "red", "keyboard": "green", "find the bottle": "blue"}
ABSENT = ("where is the teddy bear", "banana", "umbrella")


def truth(present: dict[str, str] = PRESENT, absent: Sequence[str] = ABSENT) -> dict:
    """The boxes as they are, and questions."""
    objects = []
    for name, number in IDS.items():
        low, high = BOXES[name].aabb()
        box = {"min": low.tolist(), "max": high.tolist()}
        objects.append({"id": number, "name": name, "category": name, "aabb": box})
    queries = [{"text": t, "kind": "plain", "targets": [IDS[n]]} for t, n in present.items()]
    queries += [{"text": t, "kind": "absent", "targets": []} for t in absent]
    return {"schema": 1, "frame_id": "map", "objects": objects, "queries": queries}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scene folders, a.ground_truth.json and so on beside each."""
    folder = tmp_path_factory.mktemp("suite")
    for name in "abc":
        save_scene(folder / name, language_scene())
        (folder / f"{name}.ground_truth.json").write_text(json.dumps(truth()))
    return folder


@pytest.fixture(autouse=True)
def _no_tables_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


class TestBoard:
    def test_a_perfect_map_has_perfect_figures(self, suite, capsys) -> None:
        assert main(["eval", str(suite), "--json"]) == 0
        board = json.loads(capsys.readouterr().out)
        assert (board["n_scenes"], board["n_queries"]) == (3, 18)
        plain = board["groups"]["plain"]
        assert (plain["n"], plain["success"]) == (9, 1.0)
        assert plain["distance_m"]["median"] == pytest.approx(0, abs=1e-6)
        assert plain["iou"]["over 0.5"] == 1.0
        assert board["groups"]["absent"]["success"] == 1.0
        assert board["auroc"] == 1.0
        assert board["objects"]["strict"]["recall"] == 1.0
        assert board["ellipsoid"]["all"]["inside"] == 1.0
        # the covariance's largest variance is 4 cm^2; sqrt of chi-square's 95 % with 3 dof: 2.7955
        assert board["ellipsoid"]["all"]["semi_axis_m"] == pytest.approx(0.02 * 2.79548, abs=1e-5)
        (rule,) = board["rules"]
        assert rule["calibration"]
        assert rule["provenance"]

    def test_it_is_written_for_people_and_programs(self, suite, tmp_path, capsys) -> None:
        out = tmp_path / "board"
        assert main(["eval", str(suite / "a"), str(suite / "b"), "--out", str(out)]) == 0
        assert sorted(path.name for path in out.iterdir()) == [
            "board.json", "board.md", "board.svg",
        ]  # fmt: skip
        text = (out / "board.md").read_text()
        assert "2 scenes, 12 queries" in text
        assert "thresholds frozen in" in text
        outcomes = json.loads((out / "board.json").read_text())["outcomes"]
        assert {outcome["scene"] for outcome in outcomes} == {"a", "b"}
        picture = ElementTree.fromstring((out / "board.svg").read_text())
        curves = picture.findall(".//{http://www.w3.org/2000/svg}polyline")
        assert len(curves) == 4  # recall of all and of plain, ROC, reliability

    def test_truth_of_many_in_a_folder_of_its_own(self, suite, tmp_path) -> None:
        (tmp_path / "a.json").write_text(json.dumps(truth(absent=())))
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "ground_truth.json").write_text(json.dumps(truth(absent=ABSENT[:1])))
        cases = find_cases([suite / "a", suite / "b"], tmp_path)
        assert [len(case.truth["queries"]) for case in cases] == [3, 4]

    def test_truth_in_the_capture_that_a_scene_was_built_from(self, tmp_path) -> None:
        (tmp_path / "capture").mkdir()
        (tmp_path / "capture" / "ground_truth.json").write_text(json.dumps(truth()))
        save_scene(tmp_path / "scene", language_scene(tmp_path / "capture"))
        (case,) = find_cases([tmp_path / "scene"])
        assert case.truth == truth()

    def test_names_tell_scenes_apart(self, suite, tmp_path) -> None:
        shutil.copytree(suite / "a", tmp_path / "a")
        shutil.copy(suite / "a.ground_truth.json", tmp_path)
        first, second = find_cases([suite / "a", tmp_path / "a", suite / "a"])
        assert first.name != second.name
        assert first.name.endswith("/a")

    def test_bad_usage_exits_2_and_says_why(self, suite, tmp_path, capsys) -> None:
        cases = [
            (["eval"], "at least one"),
            (["eval", str(tmp_path / "none")], "does not exist"),
            (["eval", str(tmp_path)], "no ground truth"),
            (["eval", str(suite), "--ground-truth", str(suite / "a.ground_truth.json")], "several"),
            (["eval", str(suite), "--calibration", str(suite / "a.ground_truth.json")], "no calib"),
        ]
        for arguments, says in cases:
            assert main(arguments) == 2
            captured = capsys.readouterr()
            assert says in captured.err
            assert captured.out == ""


class TestCache:
    @pytest.fixture
    def captures(self, tmp_path: Path) -> Path:
        folder = tmp_path / "captures"
        for name in ("first", "second"):
            recorded(folder / name, 3)
            (folder / name / "ground_truth.json").write_text(json.dumps(truth()))
        return folder

    @staticmethod
    def source(cache: Path, **options) -> SceneSource:
        return SceneSource(load_config(None, ["scene.backend=points"]), cache=cache, **options)

    def test_a_second_run_builds_nothing(self, captures, tmp_path) -> None:
        cases = find_cases([captures])
        first, second = self.source(tmp_path / "cache"), self.source(tmp_path / "cache")
        made = [first.scene(case)[0].uuid for case in cases]
        assert len(first.build_s) == 2
        assert [second.scene(case)[0].uuid for case in cases] == made
        assert second.build_s == []

    def test_an_interrupted_run_keeps_what_was_built(self, captures, tmp_path) -> None:
        cases = find_cases([captures])

        def stop(stage: str, done: int, total: int | None) -> None:
            raise KeyboardInterrupt

        self.source(tmp_path / "cache").scene(cases[0])
        with pytest.raises(KeyboardInterrupt):
            self.source(tmp_path / "cache", progress=stop).scene(cases[1])
        again = self.source(tmp_path / "cache")
        for case in cases:
            again.scene(case)
        assert len(again.build_s) == 1

    def test_the_key_knows_what_a_scene_depends_on(self, captures) -> None:
        capture, config = captures / "first", load_config(None)
        key = build_key(capture, config, encoder())
        (capture / "ground_truth.json").write_text("{}")  # asks, does not shape the scene
        assert build_key(capture, config, encoder()) == key
        other = load_config(None, ["masks.min_pixels=77"])
        assert build_key(capture, other, encoder()) != key
        (capture / "capture.json").write_text((capture / "capture.json").read_text() + "\n")
        assert build_key(capture, config, encoder()) != key


class TestCalibrate:
    def test_a_table_is_fitted_named_and_used(self, suite, tmp_path, capsys) -> None:
        table = tmp_path / "mine-1.json"
        assert main(["calibrate", str(suite), "-o", str(table)]) == 0
        out = capsys.readouterr().out
        assert "9 present: 100.0% answered rightly" in out
        assert "9 absent: 100.0% refused" in out
        fitted = load_calibration(table)
        assert fitted.id == "mine-1"
        assert fitted.provenance["scenes"] == ["a", "b", "c"]
        ask = ["query", str(suite / "a"), "mug", "--json"]
        assert main([*ask, "--calibration", str(table)]) == 0
        assert json.loads(capsys.readouterr().out)["calibration"] == "mine-1"
        assert main(["eval", str(suite), "--calibration", str(table)]) == 0
        assert "frozen in mine-1" in capsys.readouterr().out

    def test_the_users_folder_is_looked_in(self, suite, tmp_path, capsys) -> None:
        table = tmp_path / "config" / "grounding3d" / "calibrations" / "own.json"
        assert main(["calibrate", str(suite), "-o", str(table), "--name", "own-7"]) == 0
        capsys.readouterr()
        assert main(["query", str(suite / "a"), "mug", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["calibration"] == "own-7"

    @pytest.mark.parametrize(
        ("content", "says"),
        [(truth(absent=()), "something absent"), (truth(present={}), "something present")],
    )
    def test_one_kind_of_question_is_not_enough(
        self, suite, tmp_path, capsys, content, says
    ) -> None:
        for name in "abc":
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        table = tmp_path / "t.json"
        arguments = ["calibrate", str(suite), "-o", str(table), "--ground-truth", str(tmp_path)]
        assert main(arguments) == 2
        assert says in capsys.readouterr().err
        assert not table.exists()

    def test_few_scenes_are_not_enough(self, suite, tmp_path, capsys) -> None:
        assert main(["calibrate", str(suite / "a"), "-o", str(tmp_path / "t.json")]) == 2
        assert "too few scenes" in capsys.readouterr().err

    def test_what_is_no_table_is_not_replaced(self, suite, tmp_path, capsys) -> None:
        theirs = tmp_path / "thesis.json"
        theirs.write_text('{"years": "of work"}')
        assert main(["calibrate", str(suite), "-o", str(theirs)]) == 2
        assert theirs.read_text() == '{"years": "of work"}'

    def test_a_table_of_another_encoder_is_refused(self, suite, tmp_path) -> None:
        table = tmp_path / "t.json"
        assert main(["calibrate", str(suite), "-o", str(table)]) == 0
        content = json.loads(table.read_text()) | {"encoder": "other"}
        table.write_text(json.dumps(content))
        (case, *_) = find_cases([suite])
        with pytest.raises(ConfigError, match="another encoder's"):
            SceneSource(load_config(None), calibration=table).engine(case)
