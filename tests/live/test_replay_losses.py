"""What a recording has lost is said: by a replay, and in the counts of a build."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import pytest

from grounding3d.capture import open_capture
from grounding3d.capture.folder_writer import write_folder
from grounding3d.errors import SceneError
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.live.config import load_config
from grounding3d.live.mapping import Mapper, build_scene
from grounding3d.live.replay import Replayer
from grounding3d.live.responder import Question
from tests.capture.ros2_bags import DEPTH, T0, BagBuilder, send_camera, send_static, translation
from tests.factories import make_capture

CONFIG = load_config(overrides=["scene.backend=points"])


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(BUNDLED)


def told_by_replay(bag: Path, encoder, caplog: pytest.LogCaptureFixture) -> str:
    """The warnings of a replay; whether its few pixels make a map does not matter."""
    with caplog.at_level(logging.WARNING), suppress(SceneError):
        list(Replayer(bag, CONFIG, encoder, [Question("where is the mug")]).rounds())
    return caplog.text


def test_a_replay_says_that_the_end_of_a_recording_is_missing(tmp_path, encoder, caplog) -> None:
    with BagBuilder(tmp_path / "bag") as bag:
        send_static(bag)
        for i in range(6):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i)
            bag.writer.storage.close_chunk()
    (file,) = (tmp_path / "bag").glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-30])
    assert f"{file.name} is truncated" in told_by_replay(tmp_path / "bag", encoder, caplog)


def test_a_replay_leaves_out_and_counts_what_does_not_decode(tmp_path, encoder, caplog) -> None:
    with BagBuilder(tmp_path / "bag") as bag:
        send_static(bag)
        for i in range(6):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i)
        for i in range(2):
            damaged = b"\x00\x01\x00\x00" + bytes(7)
            bag.writer.write(bag.connections[DEPTH], round((T0 + 0.31 + 0.1 * i) * 1e9), damaged)
    said = told_by_replay(tmp_path / "bag", encoder, caplog)
    assert f"2 messages on {DEPTH} do not decode and are left out" in said


def test_a_build_counts_the_frames_that_cannot_be_read(tmp_path, encoder) -> None:
    path = write_folder(make_capture(count=5), tmp_path / "capture")
    (path / "depth" / "000002.png").write_bytes(b"no picture")
    mappers: list[Mapper] = []
    build_scene(open_capture(path), CONFIG, encoder, watch=mappers.append)
    counts = mappers[-1].counts
    assert (counts.seen, counts.used) == (5, 4)
    assert counts.skipped == {"it cannot be read": 1}
