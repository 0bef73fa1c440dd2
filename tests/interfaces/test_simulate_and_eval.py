"""From no data at all to a board of figures: simulate, doctor, eval, demo's picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding3d.interfaces.cli import main
from grounding3d.interfaces.commands.query import open_engine
from grounding3d.interfaces.picture import draw_answers, save_picture

pytest.importorskip("pybullet")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "recording"
    options = ["--seed", "5", "--frames", "8", "--objects", "3", "--size", "320", "240"]
    assert main(["simulate", "-o", str(out), "--format", "folder", *options]) == 0
    return out


def test_the_truth_lies_beside_the_frames(recording: Path) -> None:
    truth = json.loads((recording / "ground_truth.json").read_text())
    assert len(truth["objects"]) == 4  # the table is one
    assert {query["kind"] for query in truth["queries"]} >= {"plain", "absent"}


def test_doctor_finds_it_healthy(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(recording)]) == 0
    assert "fit together" in capsys.readouterr().out


def test_eval_counts_every_query(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = json.loads((recording / "ground_truth.json").read_text())
    assert main(["eval", str(recording), "--json", "--set", "scene.backend=points"]) == 0
    board = json.loads(capsys.readouterr().out)
    assert board["n_queries"] == len(truth["queries"])
    assert 0 <= board["groups"]["present"]["success"] <= 1


def test_eval_without_truth_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(tmp_path)]) == 2
    assert "ground truth" in capsys.readouterr().err


def test_a_picture_shows_boxes_on_the_scene(recording: Path, tmp_path: Path) -> None:
    scene = tmp_path / "scene"
    assert main(["build", str(recording), "-o", str(scene), "--backend", "points"]) == 0
    engine = open_engine(scene)
    things = [item for item in engine.scene.objects if item.kind == "object"]
    answers = [engine.ask(f"where is the {item.label}") for item in things]
    answers.append(engine.ask("where is the volcano"))
    assert answers[-1].status == "not_found"
    assert any(answer.selected for answer in answers)
    drawn = draw_answers(engine.scene.scene, answers, width=320)
    same_view = draw_answers(engine.scene.scene, answers, width=320)
    np.testing.assert_array_equal(np.array(drawn), np.array(same_view))
    red = np.array(drawn).reshape(-1, 3) == [214, 39, 40]  # the first answer's pen
    assert red.all(axis=1).sum() > 50
    save_picture(drawn, tmp_path / "picture.png")
    assert Image.open(tmp_path / "picture.png").size == drawn.size


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--frames", "0"], "--frames"),
        (["--objects", "-1"], "--objects"),
        (["--size", "1", "1"], "--size"),
        (["--scene", "room", "--frames", "-3"], "--frames"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_impossible_simulations_are_bad_usage(tmp_path, capsys, options, says) -> None:
    assert main(["simulate", "-o", str(tmp_path / "sim"), *options]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "sim").exists()
