"""Training through the command line: what is reported, and going on after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grounding3d.interfaces.cli import main
from grounding3d.interfaces.commands.demo import bundled_bag

SMALL = [
    "capture.max_frames=6",
    "scene.voxel_size_m=0.03",
    "scene.splat.held_out_every=3",
    "scene.splat.densify.every=10",
    "scene.splat.checkpoint_every_s=0.001",
    "scene.splat.coarse_levels=3",
    "scene.splat.coarse_until=1.0",
]


def _build(out: Path, iterations: int) -> list[str]:
    settings = [*SMALL, f"scene.splat.iterations={iterations}"]
    flags = [part for setting in settings for part in ("--set", setting)]
    return ["build", str(bundled_bag()), "-o", str(out), "--backend", "splat", *flags]


def test_a_build_reports_its_training_and_leaves_no_checkpoint(tmp_path, capsys) -> None:
    out = tmp_path / "scene"
    assert main(_build(out, 30)) == 0
    told = next(line for line in capsys.readouterr().out.splitlines() if "Trained" in line)
    assert "2 held-out frames: PSNR" in told
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
    assert main(["info", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["backend"] == "splat"
    assert facts["training"]["steps"] == 30
    assert facts["training"]["held_out"]["depth_l1_mm"] > 0
    assert str(tmp_path) not in json.dumps(facts["training"])
    assert main(["info", str(out)]) == 0
    assert f"training: {told}" in capsys.readouterr().out.splitlines()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["config"]["scene"]["splat"]["checkpoint"] is None


@pytest.mark.slow
def test_a_killed_build_goes_on_from_its_checkpoint(tmp_path, caplog, capsys) -> None:
    out = tmp_path / "scene"
    checkpoint = tmp_path / "scene.checkpoint.safetensors"
    command = [sys.executable, "-m", "grounding3d", *_build(out, 150)]
    build = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    build.kill()
    build.wait()
    assert checkpoint.exists()
    assert not out.exists()
    with caplog.at_level("INFO"):
        assert main(_build(out, 150)) == 0
    assert "going on from" in caplog.text
    assert not checkpoint.exists()
    assert "Trained 150 steps" in capsys.readouterr().out
