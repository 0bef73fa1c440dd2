"""A NeRF through the command line: built, killed and gone on with, asked, drawn, with and without
nerfstudio at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture.folder_writer import write_folder
from grounding3d.interfaces.cli import main
from grounding3d.objects.store import load_scene
from grounding3d.scene.nerf.environment import VARIABLE
from tests.factories import ListCapture, make_capture
from tests.nerf_environment import made_once, needs_nerf

SMALL = {
    "iterations": 250,
    "rays_per_step": 1024,
    "ray_width": 80,
    "view_width": 160,
    "held_out_every": 4,
}

WITHOUT_DEPTH = (1, 5, 9)


def build_command(capture: Path, out: Path) -> list[str]:
    flags = [part for k, v in SMALL.items() for part in ("--set", f"scene.nerf.{k}={v}")]
    return ["build", str(capture), "-o", str(out), "--backend", "nerf", *flags]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = make_capture(12).frames
    for n in WITHOUT_DEPTH:
        frames[n] = replace(frames[n], depth_m=np.zeros_like(frames[n].depth_m))
    return write_folder(ListCapture(frames), tmp_path_factory.mktemp("capture") / "table")


@pytest.fixture(scope="module")
def built(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose build was killed in the middle of the training, and started again."""
    needs_nerf()
    folder = made_once(tmp_path_factory, "nerf", lambda folder: build(capture, folder / "scene"))
    return folder / "scene"


def build(capture: Path, out: Path) -> None:
    """Kill a build once its training has begun, and start it again; its words go to told.txt."""
    work = out.with_name("scene.checkpoint.nerf")
    command = [sys.executable, "-m", "grounding3d", *build_command(capture, out)]
    with (out.parent / "first.txt").open("w") as log:
        first = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 240
        while first.poll() is None and not (work / "runs").exists():
            assert time.monotonic() < deadline, "no training began"
            time.sleep(0.1)
        first.kill()
        first.wait()
    assert work.is_dir()
    assert not out.exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=500)
    (out.parent / "told.txt").write_text(again.stdout)
    assert again.returncode == 0, again.stderr
    assert not work.exists()


@pytest.mark.slow
def test_what_was_built_is_told_and_kept(built: Path, capsys) -> None:
    told = (built.parent / "told.txt").read_text()
    assert f"Trained {SMALL['iterations']} steps" in told
    assert "held-out frames: PSNR" in told
    assert main(["info", str(built), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["backend"] == "nerf"
    assert facts["nerf"]["nerfstudio"] == "1.1.5"
    assert facts["training"]["held_out"]["psnr_db"] > 15
    assert main(["info", str(built)]) == 0
    assert "nerf:" in capsys.readouterr().out


@pytest.mark.slow
def test_surfaces_lie_where_they_were_recorded(built: Path) -> None:
    scene = load_scene(built).scene
    means = scene.gaussians.means
    near = np.abs(means[:, :2]).max(axis=1) < 0.35
    top = means[near & (np.abs(means[:, 2] - 0.7) < 0.05), 2]
    assert len(top) > 100
    assert np.median(top) == pytest.approx(0.7, abs=0.01)
    assert len(scene.keyframes) == 12
    assert scene.anchor.max() < 12


@pytest.mark.slow
def test_things_are_seen_where_depth_was_only_rendered(built: Path) -> None:
    scene = load_scene(built)
    assert scene.scene.report["frames_colour_only"] == len(WITHOUT_DEPTH)
    seen = [set(WITHOUT_DEPTH) & set(item.keyframes.tolist()) for item in scene.objects]
    assert any(seen)


@pytest.mark.slow
def test_language_is_finer_than_objects(built: Path) -> None:
    scene = load_scene(built)
    assert len(scene.features.codebook) > len(scene.objects)
    assert (scene.features.codes[:, 0] < len(scene.features.codebook)).mean() > 0.5


@pytest.mark.slow
def test_without_nerfstudio_it_answers_and_is_drawn_from_its_surface(
    built: Path, tmp_path: Path, monkeypatch, capsys, caplog
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    assert main(["query", str(built), "where is the red box", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frame_id"] == "map"
    assert main(["render", str(built), "-o", str(tmp_path / "views"), "--every", "6"]) == 0
    assert "grounding3d nerf-setup" in caplog.text
    drawn = json.loads((tmp_path / "views" / "renders.json").read_text())
    assert drawn["rasterizer"] != "nerf"
    wanted = ["render", str(built), "-o", str(tmp_path / "no"), "--rasterizer", "nerf"]
    assert main(wanted) == 2


@pytest.mark.slow
def test_views_and_films_are_drawn_from_the_nerf(built: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "views"
    command = ["render", str(built), "-o", str(out), "--held-out", "--every", "1"]
    assert main([*command, "--width", "80"]) == 0
    assert "3 views; beside the recording" in capsys.readouterr().out
    drawn = json.loads((out / "renders.json").read_text())
    assert drawn["rasterizer"] == "nerf"
    quality = [view["quality"] for view in drawn["views"]]
    assert np.median([q["psnr_db"] for q in quality]) > 15
    assert np.median([q["depth_median_mm"] for q in quality]) < 30
    film = ["render", str(built), "-o", str(tmp_path / "film"), "--what", "orbit", "--frames"]
    assert main([*film, "--seconds", "0.4", "--width", "64"]) == 0
    assert len(list((tmp_path / "film").glob("*.png"))) == 2


def test_the_missing_environment_is_one_line(capture: Path, tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: str(tmp_path / "nowhere")}
    command = [sys.executable, "-m", "grounding3d", *build_command(capture, tmp_path / "scene")]
    told = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert told.returncode == 2
    assert told.stderr.strip().count("\n") == 0
    assert "grounding3d nerf-setup" in told.stderr
    assert not (tmp_path / "scene").exists()
