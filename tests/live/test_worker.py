"""The mapping process: same map as without it, always answerable, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.errors import GroundingError, SceneError
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.live.config import Config, LiveConfig
from grounding3d.live.mapping import Mapper
from grounding3d.live.worker import MappingWorker
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import load_scene, save_scene
from grounding3d.scene.config import SceneConfig
from tests.factories import make_capture

DESK = Path(__file__).resolve().parents[2] / "scenes" / "desk"
CONFIG = Config(
    live=LiveConfig(queue_size=8, snapshot_period_s=0.2), scene=SceneConfig(backend="points")
)

# each starts an interpreter and loads torch; the whole file takes half a minute
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk():
    return open_capture(DESK, CaptureConfig(stride=3))


@pytest.fixture(scope="module")
def running(desk) -> Iterator[MappingWorker]:
    with MappingWorker(CONFIG, up_world=desk.up_world) as worker:
        worker.wait_until_ready()
        yield worker


@pytest.fixture
def worker(running: MappingWorker) -> MappingWorker:
    running.reset()
    wait_for(lambda: all_are_reported(running))
    return running


def all_are_reported(worker: MappingWorker) -> bool:
    """Whether it is known what became of every frame."""
    stats = worker.stats()
    return stats.used + stats.skipped.total() + stats.dropped == stats.received


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def positions(scene: LanguageScene) -> np.ndarray:
    return np.array(sorted(item.position.round(6).tolist() for item in scene.objects))


def labels(scene: LanguageScene) -> list[str]:
    """In the order of `positions`; ids, and so the map's order, depend on when snapshots came."""
    return [item.label for item in sorted(scene.objects, key=lambda o: o.position.tolist())]


def test_the_map_is_that_of_a_mapper_in_this_process(worker: MappingWorker, desk) -> None:
    mapper = Mapper(CONFIG, load_encoder(BUNDLED), up_world=desk.up_world)
    for frame in desk:
        mapper.add(frame)
        assert worker.submit(frame)
    scene, expected = worker.request_snapshot(), mapper.snapshot()
    np.testing.assert_allclose(positions(scene), positions(expected), atol=1e-6)
    assert labels(scene) == labels(expected)
    np.testing.assert_array_equal(scene.scene.gaussians.means, expected.scene.gaussians.means)
    ours, theirs = scene.scene.keyframes, expected.scene.keyframes
    assert [k.frame_index for k in ours] == [k.frame_index for k in theirs]
    assert ours[0].camera == theirs[0].camera
    assert not scene.scene.gaussians.means.flags.writeable


def test_scenes_come_by_themselves_and_old_ones_stay_as_they_were(worker, desk) -> None:
    frames = list(desk)
    worker.submit(frames[0])
    wait_for(lambda: worker.latest() is not None)
    first = worker.latest()
    means = first.scene.gaussians.means.copy()
    for frame in frames[1:4]:
        worker.submit(frame)
    # the last one comes although no frame follows
    wait_for(lambda: len(worker.latest().scene.keyframes) == 4)
    np.testing.assert_array_equal(first.scene.gaussians.means, means)
    stats = worker.stats()
    assert stats.n_gaussians == len(worker.latest().scene.gaussians)
    assert stats.n_objects == len(worker.latest().objects)
    assert stats.snapshot_age_s < 60
    assert stats.shared_bytes == pytest.approx(640 * 480 * 7, rel=0.01)


def test_submitting_never_blocks_and_drops_the_oldest(worker: MappingWorker, desk) -> None:
    frame = next(iter(desk))
    before = worker.stats()
    started = time.perf_counter()
    for n in range(40):
        pose = frame.T_world_cam.copy()
        pose[0, 3] += 0.02 * n
        worker.submit(replace(frame, frame_index=n, T_world_cam=pose))
    assert time.perf_counter() - started < 0.5
    scene = worker.request_snapshot()
    stats = worker.stats()
    dropped = stats.dropped - before.dropped
    assert dropped >= 40 - 8 - 10
    assert stats.used - before.used + dropped == 40
    assert scene.scene.keyframes[-1].frame_index == 39
    assert stats.queued == 0


def test_frames_that_cannot_be_used_are_counted_and_harm_nothing(worker, desk) -> None:
    frame = next(iter(desk))
    before = worker.stats().skipped
    worker.submit(frame)
    worker.submit(replace(frame, frame_index=1))
    elsewhere = frame.T_world_cam.copy()
    elsewhere[0, 3] += 1
    worker.submit(replace(frame, frame_index=2, T_world_cam=elsewhere, world_frame="moon"))
    blind = np.zeros_like(frame.depth_m)
    worker.submit(replace(frame, frame_index=3, T_world_cam=elsewhere, depth_m=blind))
    worker.request_snapshot()
    reasons = worker.stats().skipped - before
    assert sorted(reasons.values()) == [1, 1, 1]
    assert any("moon" in reason for reason in reasons)
    assert "# pixels have depth between # and # m" in reasons
    assert worker.stats().alive


def test_without_a_used_frame_there_is_no_scene(worker: MappingWorker, tmp_path) -> None:
    assert worker.latest() is None
    with pytest.raises(SceneError, match="no map yet"):
        worker.request_snapshot()
    with pytest.raises(SceneError, match="no map yet"):
        worker.save(tmp_path / "scene")
    assert not (tmp_path / "scene").exists()


def test_a_saved_map_is_mapped_on_as_if_nothing_had_happened(worker, desk, tmp_path) -> None:
    frames = list(desk)
    for frame in frames:
        worker.submit(frame)
    whole = worker.request_snapshot()
    worker.reset()
    for frame in frames[:4]:
        worker.submit(frame)
    worker.save(tmp_path / "scene")
    assert len(load_scene(tmp_path / "scene", verify=True).scene.keyframes) == 4
    worker.reset()
    assert worker.latest() is None
    worker.load(tmp_path / "scene")
    assert len(worker.latest().scene.keyframes) == 4
    for frame in frames[4:]:
        worker.submit(frame)
    again = worker.request_snapshot()
    np.testing.assert_allclose(positions(again), positions(whole), atol=1e-5)
    assert again.uuid == load_scene(tmp_path / "scene").uuid


def test_a_scene_without_the_mapper_s_memory_is_answered_but_not_mapped_on(
    worker, desk, tmp_path
) -> None:
    frames = list(desk)
    for frame in frames[:3]:
        worker.submit(frame)
    save_scene(tmp_path / "scene", worker.request_snapshot())
    worker.reset()
    worker.load(tmp_path / "scene")
    before = worker.stats().skipped
    worker.submit(frames[4])
    with pytest.raises(SceneError, match="cannot be mapped on"):
        worker.request_snapshot()
    assert list((worker.stats().skipped - before).values()) == [1]
    assert len(worker.latest().scene.keyframes) == 3


def test_ids_are_not_given_again_after_a_reset(worker: MappingWorker, desk) -> None:
    frames = list(desk)[:3]
    ids = []
    for _ in range(2):
        for frame in frames:
            worker.submit(frame)
        ids.append({item.id for item in worker.request_snapshot().objects})
        worker.reset()
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_crash_is_reported_the_last_scene_stays_and_it_can_be_started_again(desk) -> None:
    frames = list(desk)
    with MappingWorker(CONFIG, up_world=desk.up_world) as worker:
        assert not worker.is_ready()
        worker.submit(frames[0])
        scene = worker.request_snapshot(120)
        os.kill(worker.process_id, signal.SIGKILL)
        wait_for(lambda: not worker.stats().alive)
        assert "SIGKILL" in worker.stats().error
        assert worker.latest() is scene
        assert not worker.submit(frames[1])
        with pytest.raises(GroundingError, match="SIGKILL"):
            worker.request_snapshot()
        worker.start()
        assert worker.stats().error is None
        worker.submit(frames[1])
        ids = {item.id for item in worker.request_snapshot(120).objects}
        assert not ids & {item.id for item in scene.objects}


def test_an_encoder_that_cannot_be_loaded_is_reported() -> None:
    config = CONFIG.model_copy(update={"encoder": "open_clip:none@/nowhere.pt"})
    worker = MappingWorker(config)
    worker.start()
    with pytest.raises(GroundingError, match="not ready"):
        worker.wait_until_ready(120)
    assert worker.stats().error
    worker.close()


_OWNER = """
import sys, time
from grounding3d.live.config import Config
from grounding3d.live.worker import MappingWorker
worker = MappingWorker(Config())
worker.start()
if sys.argv[1] != "early":
    worker.wait_until_ready()
print(worker.process_id, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("when", "end"),
    [("early", signal.SIGKILL), ("ready", signal.SIGKILL), ("ready", signal.SIGINT)],
)
def test_the_process_does_not_outlive_its_owner(when: str, end: signal.Signals) -> None:
    before = set(os.listdir("/dev/shm")) if Path("/dev/shm").is_dir() else set()
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, when],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # a suite started in the background hands an ignored SIGINT down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert owner.stdout is not None
    worker_id = int(owner.stdout.readline())
    os.kill(worker_id, 0)
    owner.send_signal(end)
    owner.wait(20)
    wait_for(lambda: not is_running(worker_id), 20)
    if before:
        left = set(os.listdir("/dev/shm")) - before
        assert not [name for name in left if "grounding3d" in name]


def is_running(process_id: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_closing_twice_and_asking_afterwards_is_harmless() -> None:
    worker = MappingWorker(CONFIG)
    worker.close()
    assert not worker.submit(next(iter(make_capture(count=1))))
    worker.start()
    process_id = worker.process_id
    worker.close()
    worker.close()
    assert not is_running(process_id)
    assert worker.stats().error is None
    with pytest.raises(GroundingError, match="no mapping process runs"):
        worker.request_snapshot()
