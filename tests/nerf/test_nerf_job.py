"""Jobs: training through nerfstudio's trainer, stopping, going on, drawing from what is stored."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from grounding3d.capture.formats import open_capture
from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.errors import Cancelled, ConfigError, TrainingError
from grounding3d.features.encoders import BUNDLED
from grounding3d.geometry.transforms import transform_points
from grounding3d.nerf.config import JobSettings, read_settings
from grounding3d.nerf.export import load_nerf, save_nerf
from grounding3d.nerf.frames import read_frames
from grounding3d.nerf.protocol import Line
from grounding3d.nerf.train import train, trainer_config
from tests.conftest import REPOSITORY
from tests.factories import ListCapture
from tests.nerf.conftest import SHIFT

TINY = {
    "iterations": 12,
    "rays_per_step": 256,
    "ray_width": 80,
    "view_width": 80,
    "model": {"grid_cells": 48, "levels": 4, "log2_size": 12, "finest": 128},
}
TABLETOP = REPOSITORY / "scenes" / "tabletop"
NO_NETWORK = """
import socket, sys
def refuse(*a, **k): raise RuntimeError("the network was asked for")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = refuse
from grounding3d.nerf.job import main
sys.exit(main(sys.argv[1:]))
"""


def settings(**changes: Any) -> dict[str, Any]:
    overrides = {**TINY, **changes.pop("overrides", {})}
    return {"schema": 1, "encoder": None, "held_out": [3], "overrides": overrides, **changes}


def make_work(folder: Path, frames: Path, values: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "frames").exists():
        shutil.copytree(frames, folder / "frames")
    (folder / "settings.json").write_text(json.dumps(values))
    return folder


class StopAt(Line):
    """Asks to stop once so many steps are done."""

    def __init__(self, step: int | None = None) -> None:
        super().__init__(io.StringIO())
        self.step = step
        self.seen: list[int] = []

    def progress(self, stage: str, done: int, total: int, text: str = "") -> None:
        if stage == "training":
            self.seen.append(done)
            if done == self.step:
                raise Cancelled("stopped")


def run_job(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and stderr of a job in a process that cannot reach any network."""
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_going_on_after_a_stop_equals_never_having_stopped(
    frames_folder: Path, tmp_path: Path
) -> None:
    values = settings()
    straight = make_work(tmp_path / "straight", frames_folder, values)
    broken = make_work(tmp_path / "broken", frames_folder, values)
    expected = weights(train(straight, read_settings(straight), StopAt()).nerf.model)
    with pytest.raises(Cancelled):
        train(broken, read_settings(broken), StopAt(5))
    rest = StopAt()
    found = weights(train(broken, read_settings(broken), rest).nerf.model)
    assert rest.seen == list(range(6, 13))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-5, msg=name)


def test_other_settings_start_over(frames_folder: Path, tmp_path: Path) -> None:
    work = make_work(tmp_path, frames_folder, settings())
    train(work, read_settings(work), StopAt())
    make_work(tmp_path, frames_folder, settings(seed=1))
    again = StopAt()
    train(work, read_settings(work), again)
    assert again.seen[0] == 1


def test_a_regulariser_is_trained_and_not_stored(frames_folder: Path, tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", minversion="1.0")
    tower = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    torch.save(tower.state_dict(), tmp_path / "tower.pth")
    spec = f"timm:vit_tiny_patch16_224@{tmp_path / 'tower.pth'}"
    language = {"language_frames": 1, "crop_shares": [0.6], "language_rays": 64}
    values = settings(encoder=BUNDLED, overrides={**language, "regulariser": spec})
    work = make_work(tmp_path / "work", frames_folder, values)
    trained = train(work, read_settings(work), StopAt())
    names = [name for name, _ in trained.nerf.model.named_parameters()]
    assert any(name.startswith("language.regulariser") for name in names)
    save_nerf(tmp_path, trained.nerf, {"method": "test", "n_images": 7})
    assert not any("regulariser" in name for name in load_file(tmp_path / "nerf.safetensors"))
    assert load_nerf(tmp_path).model.facts.language_dim == trained.data.encoder.dim


def test_unknown_settings_are_refused(frames_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"settings\.json"):
        read_settings(tmp_path)
    make_work(tmp_path, frames_folder, settings(preset="huge"))
    with pytest.raises(ConfigError, match="preset"):
        read_settings(tmp_path)
    values = JobSettings.model_validate(settings(overrides={"model": {"no_such": 1}}))
    with pytest.raises(TrainingError, match="no_such"):
        trainer_config(values, tmp_path)


@pytest.mark.slow
def test_a_job_without_network_learns_where_the_red_box_is(
    frames_folder: Path, tmp_path: Path
) -> None:
    overrides = {"iterations": 350, "rays_per_step": 2048, "model": {}, "view_width": 160}
    values = settings(
        encoder=BUNDLED,
        views=[0, 4],
        overrides={**overrides, "ray_width": 160, "language_frames": 2, "crop_shares": [0.3, 0.6]},
    )
    work = make_work(tmp_path / "work", frames_folder, values)
    code, lines, log = run_job(str(work))
    assert code == 0, log[-3000:]
    assert lines[-1] == {"result": str(work / "result")}
    stages = [line["stage"] for line in lines[:-1]]
    assert sorted(set(stages), key=stages.index) == ["features", "training", "views"]
    report = json.loads((work / "result" / "report.json").read_text())
    assert report["psnr_db"] > 20
    assert report["depth_median_m"] < 0.02
    assert report["n_held_out"] == 1
    _check_red_box(work, 4)
    _check_language(work, 4)
    _check_render(work, tmp_path)


def _check_red_box(work: Path, number: int) -> None:
    """What the NeRF draws red stands where the red box stands, shift of the world included."""
    view = load_file(work / "result" / "views" / f"{number:05d}.safetensors")
    frame = read_frames(work / "frames")[number]
    true = frame.rgb().astype(int)
    red = (true[..., 0] > 1.8 * true[..., 1]) & (true[..., 0] > 1.8 * true[..., 2])
    drawn = view["rgb"].astype(int)[red].mean(axis=0)
    assert drawn[0] > 1.5 * drawn[1:].max()
    sure = red & (view["depth_m"] > 0)
    assert sure.sum() > 0.8 * red.sum() > 100
    found, measured = (
        transform_points(frame.T_world_cam, frame.camera.backproject(depth)[sure].astype(float))
        for depth in (view["depth_m"], frame.depth_m())
    )
    assert np.abs(np.median(found, axis=0) - np.median(measured, axis=0)).max() < 0.01
    low, high = np.array([-0.30, -0.10, 0.7]) + SHIFT, np.array([-0.20, 0.0, 0.82]) + SHIFT
    inside = ((found > low - 0.01) & (found < high + 0.01)).all(axis=1)
    assert inside.mean() > 0.9


def _check_language(work: Path, number: int) -> None:
    view = load_file(work / "result" / "views" / f"{number:05d}.safetensors")
    cell = int(view["cell_px"][0])
    assert view["cells"].shape == (-(-120 // cell), -(-160 // cell))
    assert (view["cells"] >= 0).mean() > 0.5
    assert view["cells"].max() == len(view["vectors"]) - 1


def _check_render(work: Path, tmp_path: Path) -> None:
    """Two files are enough to draw the very picture that the job drew."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("nerf.safetensors", "nerf.json"):
        shutil.copy(work / "result" / name, bare / name)
    frame = read_frames(work / "frames")[4]
    view = {
        "K": frame.camera.K.tolist(),
        "width": frame.camera.width,
        "height": frame.camera.height,
        "T_world_cam": frame.T_world_cam.tolist(),
    }
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"views": [view]}))
    code, lines, log = run_job("render", str(bare), str(request), str(tmp_path / "out"))
    assert code == 0, log[-3000:]
    assert lines[-1] == {"result": str(tmp_path / "out")}
    drawn = load_file(tmp_path / "out" / "00000.safetensors")
    kept = load_file(work / "result" / "views" / "00004.safetensors")
    np.testing.assert_array_equal(drawn["rgb"], kept["rgb"])
    np.testing.assert_array_equal(drawn["depth_m"], kept["depth_m"])


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_says_so(frames_folder: Path, tmp_path: Path) -> None:
    work = make_work(tmp_path, frames_folder, settings(overrides={"iterations": 100_000}))
    job = subprocess.Popen(
        [sys.executable, "-m", "grounding3d.nerf.job", str(work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ),
    )
    assert job.stdout is not None
    try:
        while json.loads(job.stdout.readline()).get("stage") != "training":
            pass
        job.send_signal(signal.SIGINT)
        last = [json.loads(line) for line in job.stdout][-1]
        assert job.wait(60) == 1
    finally:
        job.kill()
    assert last["error"] == "stopped"
    assert last["kind"] == "Cancelled"
    assert list(work.glob("runs/**/step-*.ckpt"))
    assert not (work / "result").exists()


def test_wrong_input_is_told_in_one_line(frames_folder: Path, tmp_path: Path) -> None:
    work = make_work(tmp_path, frames_folder, settings(schema=7))
    code, lines, _ = run_job(str(work))
    assert code == 2
    assert lines[-1]["kind"] == "ConfigError"
    assert "Traceback" not in lines[-1]["error"]


@pytest.mark.slow
def test_colour_alone_finds_the_table_by_the_poses_scale(tmp_path: Path) -> None:
    capture = list(open_capture(TABLETOP))
    bare = [replace(frame, depth_m=np.zeros_like(frame.depth_m)) for frame in capture]
    frames = write_nerfstudio(ListCapture(bare), tmp_path / "frames")
    overrides = {"iterations": 350, "rays_per_step": 2048, "ray_width": 160, "view_width": 160}
    values = settings(held_out=[5], views=[12], overrides=overrides)
    values["overrides"]["model"] = {"coarse_steps": 200}
    work = make_work(tmp_path / "work", frames, values)
    code, _, log = run_job(str(work))
    assert code == 0, log[-3000:]
    assert "colour alone" in log
    report = json.loads((work / "result" / "report.json").read_text())
    assert not report["has_depth"]
    assert report["depth_median_m"] is None
    assert report["psnr_db"] > 25
    view = load_file(work / "result" / "views" / "00012.safetensors")
    true = capture[12].depth_m[2::4, 2::4]
    sure = (view["depth_m"] > 0) & (true > 0)
    assert sure.mean() > 0.1
    assert np.median(np.abs(view["depth_m"] - true)[sure]) < 0.03
