"""What is recorded can be opened again, with its truth beside it; the command takes both scenes."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture import open_capture
from grounding3d.capture.simulator.record import TRUTH_NAME, record_room
from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.interfaces.commands.simulate import Simulate


def test_a_recorded_room_opens_with_its_truth(tmp_path):
    out = tmp_path / "room"
    config = RoomConfig(n_objects=4, n_on_floor=1, n_frames=4, width=96, height=72)
    told = []
    truth = record_room(out, 3, config, format="folder", progress=lambda *n: told.append(n))
    assert json.loads((out / TRUTH_NAME).read_text()) == truth
    frames = list(open_capture(out))
    assert len(frames) == 4
    assert told[-1] == (4, 4)
    assert frames[0].rgb.shape == (72, 96, 3)
    np.testing.assert_allclose(frames[-1].T_world_cam[:3, 3], truth["viewpoint"], atol=1e-4)


def test_all_kinds_asks_more_of_a_table_top(tmp_path):
    out = tmp_path / "table"
    command = Simulate(
        out, seed=3, frames=12, size=(320, 240), objects=6, all_kinds=True, format="folder"
    )
    assert command.run() == 0
    kinds = {q["kind"] for q in json.loads((out / TRUTH_NAME).read_text())["queries"]}
    assert kinds >= {"plain", "caption", "attribute", "negation", "plural", "absent"}
