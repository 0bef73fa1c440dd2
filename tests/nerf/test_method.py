"""The methods as nerfstudio's own commands see them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nerfstudio.plugins.registry import discover_methods

from grounding3d.capture.ros2_writer import write_ros2_bag
from grounding3d.nerf.environment import NERFSTUDIO_VERSION, prepare
from grounding3d.nerf.method import FULL, SMALL, full_config, small_config
from tests.factories import ListCapture

TINY = {
    "max-num-iterations": "8",
    "pipeline.datamanager.train-num-rays-per-batch": "256",
    "pipeline.datamanager.language-max-frames": "2",
    "pipeline.datamanager.crop-shares": "0.6",
    "pipeline.model.log2-size": "12",
    "pipeline.datamanager.ray-width": "40",
    "vis": "tensorboard",
}
FLAGS = [word for name, value in TINY.items() for word in (f"--{name}", value)]
PLAIN = "from grounding3d.nerf.environment import prepare; prepare(); "


def run(module: str, *arguments: str, cwd: Path) -> str:
    """Run one of nerfstudio's commands; its output."""
    code = f"{PLAIN}from nerfstudio.scripts.{module} import entrypoint; entrypoint()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=900, check=False, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def test_nerfstudio_finds_both_methods() -> None:
    methods, descriptions = discover_methods()
    assert {FULL, SMALL} <= set(methods)
    assert "metres" in descriptions[FULL]


def test_the_small_one_needs_no_cuda() -> None:
    assert small_config().machine.device_type == "cpu"
    assert small_config().pipeline.model.implementation == "torch"
    assert full_config().machine.device_type == "cuda"
    assert full_config().pipeline.model.implementation == "tcnn"


def test_another_nerfstudio_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from grounding3d.errors import MissingDependencyError
    from grounding3d.nerf import environment

    prepare()
    monkeypatch.setattr(environment, "version", lambda name: "0.9.9")
    with pytest.raises(MissingDependencyError, match=r"0\.9\.9.*nerf-setup") as caught:
        prepare()
    assert NERFSTUDIO_VERSION in str(caught.value)


@pytest.mark.slow
def test_ns_train_eval_and_render_on_a_bag(capture: ListCapture, tmp_path: Path) -> None:
    write_ros2_bag(capture, tmp_path / "bag")
    run("train", SMALL, "--data", str(tmp_path / "bag"), *FLAGS, cwd=tmp_path)
    (config,) = tmp_path.glob("outputs/bag/grounding3d-nerf-small/*/config.yml")
    run(
        "eval",
        "--load-config",
        str(config),
        "--output-path",
        str(tmp_path / "e.json"),
        cwd=tmp_path,
    )
    results = json.loads((tmp_path / "e.json").read_text())["results"]
    assert results["psnr"] > 5
    assert "depth_median_m" in results or results["psnr"] > 5
    run(
        "render", "dataset", "--load-config", str(config), "--split", "test",
        "--output-path", str(tmp_path / "drawn"), "--rendered-output-names", "rgb", cwd=tmp_path,
    )  # fmt: skip
    assert len(list((tmp_path / "drawn").rglob("*.jpg"))) == 1


@pytest.mark.slow
def test_ns_train_with_nerfstudios_own_parser(frames_folder: Path, tmp_path: Path) -> None:
    data = ["nerfstudio-data", "--data", str(frames_folder)]
    run("train", SMALL, *FLAGS, "--pipeline.datamanager.encoder", "None", *data, cwd=tmp_path)
    (file,) = tmp_path.glob("outputs/**/dataparser_transforms.json")
    assert json.loads(file.read_text())["scale"] != 1.0
