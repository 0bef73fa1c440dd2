"""Builds that are watched, stopped, or run in a process of their own."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import box_scene
import pytest
from factories import make_capture, table_scene

from grounding3d.capture.folder_writer import write_folder
from grounding3d.errors import Cancelled, ConfigError
from grounding3d.interfaces.building import build_and_save
from grounding3d.interfaces.cli import main
from grounding3d.interfaces.growing import GrowingScene
from grounding3d.interfaces.viewer.source import FolderSource
from grounding3d.live.config import Config
from grounding3d.live.mapping import Mapper
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.folder import is_scene_folder
from grounding3d.objects.store import load_scene
from grounding3d.scene.config import SceneConfig

FRAMES = 5
CONFIG = Config(scene=SceneConfig(backend="points", voxel_size_m=0.02))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return box_scene.recorded(tmp_path_factory.mktemp("recording") / "frames", FRAMES)


def test_a_scene_grows_in_its_folder_while_it_is_built(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "scene"
    source, shown = FolderSource(out), {}

    def look(stage: str, done: int, total: int | None) -> None:
        """What `view --live` does, here after every frame."""
        if is_scene_folder(out) and source.version() not in shown:
            shown[source.version()] = source.scene()

    final = build_and_save(recording, out, CONFIG, progress=look, save_every_s=0)
    sizes = [len(scene.scene.keyframes) for scene in shown.values()]
    assert sizes == sorted(sizes)
    assert 1 == sizes[0] < len(final.scene.keyframes) == FRAMES
    assert source.version() != next(iter(shown))
    assert {scene.uuid for scene in shown.values()} == {final.uuid}
    for scene in (*shown.values(), source.scene()):
        assert scene.capture["source"] == str(recording.resolve())
        assert scene.config == CONFIG.model_dump(mode="json")
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


@pytest.mark.parametrize("save_every_s", [None, 0])
def test_a_build_that_is_stopped_leaves_a_whole_scene_or_none(
    recording: Path, tmp_path: Path, save_every_s: float | None
) -> None:
    stop = threading.Event()

    def stop_at_the_third(stage: str, done: int, total: int | None) -> None:
        assert (stage, total) == ("frames", FRAMES)
        assert done <= 3
        if done == 3:
            stop.set()

    out = tmp_path / "scene"
    with pytest.raises(Cancelled):
        build_and_save(
            recording, out, CONFIG,
            progress=stop_at_the_third, cancel=stop, save_every_s=save_every_s,
        )  # fmt: skip
    assert out.exists() == (save_every_s is not None)
    if out.exists():
        assert 1 <= len(load_scene(out).scene.keyframes) <= 3


def test_a_stop_after_the_last_frame_still_counts(recording: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_at_the_end(stage: str, done: int, total: int | None) -> None:
        if done == total:
            stop.set()

    with pytest.raises(Cancelled):
        build_and_save(recording, tmp_path / "scene", CONFIG, progress=stop_at_the_end, cancel=stop)
    assert not (tmp_path / "scene").exists()


def test_saving_takes_at_most_a_fifth_of_the_time() -> None:
    now, saved = [0.0], []

    def save(scene: LanguageScene) -> None:
        saved.append(now[0])
        now[0] += 10  # so long does it take

    mapper = Mapper(CONFIG, box_scene.encoder())
    growing = GrowingScene(save, period_s=5, clock=lambda: now[0])
    now[0] = 6
    growing(mapper)
    assert saved == []  # there is nothing yet
    mapper.add(box_scene.box_capture(1)[0])
    growing(mapper)
    assert saved == [6]
    for now[0] in (20, 55.9, 56, 60):
        growing(mapper)
    assert saved == [6, 56]


def test_a_scene_without_things_to_ask_for_says_what_to_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    walls = [item for item in table_scene() if item.name in ("floor", "wall")]
    write_folder(make_capture(3, box_scene.CAMERA, scene=walls), tmp_path / "walls")
    monkeypatch.chdir(tmp_path)
    quick = ["--backend", "points", "--set", "scene.voxel_size_m=0.02"]
    assert main(["build", "walls", "-o", "s", *quick]) == 0
    *_, found, views, doctor = capsys.readouterr().out.splitlines()
    assert "found" in found
    assert "mug" not in found + views + doctor
    for told in (views, doctor):  # what is advised can be run as it stands
        assert main(shlex.split(told)[shlex.split(told).index("grounding3d") + 1 :]) == 0
    assert any(Path("s-views").iterdir())


@pytest.mark.parametrize("period_s", [-1, float("nan")])
def test_a_period_that_is_none_is_refused(recording: Path, tmp_path: Path, period_s) -> None:
    with pytest.raises(ConfigError):
        build_and_save(recording, tmp_path / "scene", CONFIG, save_every_s=period_s)


class TestJob:
    """The process that the ROS node starts."""

    def start(self, recording: Path, out: Path) -> subprocess.Popen[str]:
        config = json.dumps(CONFIG.model_dump(mode="json"))
        module = [sys.executable, "-m", "grounding3d.interfaces.build_job"]
        return subprocess.Popen(
            [*module, str(recording), str(out), config], stdout=subprocess.PIPE, text=True
        )

    def test_it_tells_its_progress_and_what_it_made(self, recording: Path, tmp_path: Path) -> None:
        job = self.start(recording, tmp_path / "scene")
        told, _ = job.communicate(timeout=120)
        *progress, last = [json.loads(line) for line in told.splitlines()]
        assert job.returncode == 0
        assert {"stage": "frames", "done": FRAMES, "total": FRAMES} in progress
        scene = load_scene(tmp_path / "scene")
        assert last == {
            "scene": scene.uuid,
            "n_frames": FRAMES,
            "n_used": FRAMES,
            "n_gaussians": len(scene.scene.gaussians),
            "n_objects": len(scene.objects),
        }
        assert scene.capture["source"] == str(recording.resolve())

    def test_a_signal_stops_it_in_good_order(self, recording: Path, tmp_path: Path) -> None:
        job = self.start(recording, tmp_path / "scene")
        assert job.stdout is not None
        job.stdout.readline()
        job.send_signal(signal.SIGTERM)
        told, _ = job.communicate(timeout=120)
        assert json.loads(told.splitlines()[-1])["kind"] == "Cancelled"
        assert job.returncode == 1
        assert list(tmp_path.iterdir()) == []

    def test_an_error_has_its_kind(self, tmp_path: Path) -> None:
        job = self.start(tmp_path / "nothing", tmp_path / "scene")
        told, _ = job.communicate(timeout=120)
        assert json.loads(told)["kind"] == "CaptureError"
        assert job.returncode == 2
