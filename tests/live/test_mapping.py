"""The mapper: the same answers however frames arrive, and clear words when none can be used."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.errors import Cancelled, CaptureError
from grounding3d.features.dense_sources import DenseConfig
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.fusion.base import NO_CODE
from grounding3d.live.config import Config
from grounding3d.live.mapping import Mapper, build_scene
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.config import SceneConfig
from tests.factories import make_capture

CONFIG = Config(scene=SceneConfig(backend="points"))
DESK = Path(__file__).resolve().parents[2] / "scenes" / "desk"


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(BUNDLED)


@pytest.fixture(scope="module")
def desk():
    return open_capture(DESK, CaptureConfig(stride=3))


@pytest.fixture(scope="module")
def built(desk, encoder) -> LanguageScene:
    return build_scene(desk, CONFIG, encoder)


def _positions(scene: LanguageScene) -> np.ndarray:
    return np.array(sorted(item.position.round(6).tolist() for item in scene.objects))


def test_a_recording_becomes_objects_in_metres(built, desk) -> None:
    assert len(built.scene.keyframes) == desk.length
    assert built.scene.world_frame == "map"
    assert built.scene.up_source == "capture"
    assert 8 <= len(built.objects) <= 20
    assert all(0 < item.box.volume < 20 for item in built.objects)


@pytest.mark.parametrize("dense", ["masks", "patches"])
def test_lifted_language_is_as_good_wherever_the_mapping_was_broken_off(
    dense: str, desk, encoder, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(
        update={"dense": DenseConfig(source=dense, cache_folder=tmp_path, patch_scale=1.0)}
    )
    frames = list(desk)[:6]
    whole, first = (Mapper(config, encoder, up_world=desk.up_world) for _ in range(2))
    for frame in frames:
        whole.add(frame)
    for frame in frames[:3]:
        first.add(frame)
    second = Mapper(config, encoder, up_world=desk.up_world)
    second.restore(first.snapshot(), first.state())
    for frame in frames[3:]:
        second.add(frame)
    lifted, resumed = whole.finish().features, second.finish().features
    assert (lifted.codes[:, 0] != NO_CODE).mean() > 0.8
    assert len(lifted.codebook) > len(whole.finish().objects)
    seen = lifted.codes[:, 0] != NO_CODE
    np.testing.assert_array_equal(resumed.codes[:, 0] != NO_CODE, seen)
    a, b = (f.codebook.astype(np.float32)[f.codes[seen, 0]] for f in (lifted, resumed))
    assert np.median((a * b).sum(axis=1)) > 0.999
    assert (a * b).sum(axis=1).min() > 0.97


def test_snapshots_on_the_way_change_nothing(built, desk, encoder) -> None:
    mapper = Mapper(CONFIG, encoder, up_world=desk.up_world)
    for frame in desk:
        mapper.add(frame)
        last = mapper.snapshot()
    np.testing.assert_allclose(_positions(mapper.finish()), _positions(built), atol=1e-6)
    np.testing.assert_allclose(_positions(last), _positions(built), atol=1e-6)


def test_a_snapshot_is_not_touched_by_later_frames(desk, encoder) -> None:
    frames = list(desk)
    mapper = Mapper(CONFIG, encoder, up_world=desk.up_world)
    mapper.add(frames[0])
    early = mapper.snapshot()
    means = early.scene.gaussians.means.copy()
    mapper.add(frames[1])
    np.testing.assert_array_equal(early.scene.gaussians.means, means)


def test_a_still_camera_adds_one_frame(desk, encoder) -> None:
    frame = next(iter(desk))
    mapper = Mapper(CONFIG, encoder)
    reports = [mapper.add(replace(frame, frame_index=i)) for i in range(3)]
    assert [report.used for report in reports] == [True, False, False]
    assert "hardly moved" in reports[1].reason


def test_frames_without_depth_are_counted_and_none_is_an_error(encoder) -> None:
    mapper = Mapper(CONFIG, encoder)
    for frame in make_capture(count=3):
        report = mapper.add(replace(frame, depth_m=np.zeros_like(frame.depth_m)))
        assert not report.used
    with pytest.raises(CaptureError, match="3 frames"):
        mapper.finish()


def test_a_build_can_be_cancelled(desk, encoder) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        build_scene(desk, CONFIG, encoder, cancel=cancel)


def test_without_up_in_the_capture_it_is_estimated(desk, encoder) -> None:
    mapper = Mapper(CONFIG, encoder)
    for frame in desk:
        mapper.add(frame)
    scene = mapper.finish().scene
    assert scene.up_source == "estimated"
    assert scene.up_world @ np.array([0, 0, 1]) > np.cos(np.radians(3))
