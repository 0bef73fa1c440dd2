"""Looking at several frames at once: the same map, whatever order the threads end in."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ArrayError
from grounding3d.features.base import Mask
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.live.config import Config
from grounding3d.live.looking import Looker, Lookout, Sight
from grounding3d.live.mapping import Mapper
from grounding3d.scene.config import SceneConfig
from tests.factories import make_capture

CONFIG = Config(scene=SceneConfig(backend="points"))
DESK = Path(__file__).resolve().parents[2] / "scenes" / "desk"


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(BUNDLED)


def test_the_map_is_the_same_with_more_threads(encoder) -> None:
    desk = open_capture(DESK, CaptureConfig(stride=4))
    one, two = (Mapper(CONFIG, encoder, up_world=desk.up_world, threads=n) for n in (1, 2))
    left = []
    for frame in desk:
        one.add(frame)
        two.add(frame)
        left.append(two.looking)
        while two.looking > 1:
            two.take_in()
    assert max(left) == 2
    ours, theirs = two.state(), one.state()
    assert two.looking == 0
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], name)
    ours, theirs = two.snapshot().objects, one.snapshot().objects
    assert [(o.id, o.label) for o in ours] == [(o.id, o.label) for o in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.box.center, b.box.center)
        np.testing.assert_array_equal(a.embedding, b.embedding)


def test_sights_come_in_the_order_of_the_frames_though_a_later_look_ends_first() -> None:
    ended, release = threading.Event(), threading.Event()
    lookout = Lookout(2, on_done=ended.set)
    frame = next(iter(make_capture(count=1)))

    def slow() -> Sight:
        assert release.wait(30)
        return Sight(frame, 0, [], None)

    lookout.begin(slow)
    lookout.begin(lambda: Sight(frame, 1, [], None))
    assert ended.wait(30)
    assert lookout.oldest(wait=False) is None
    assert len(lookout) == 2
    release.set()
    assert [lookout.oldest(wait=True).keyframe for _ in range(2)] == [0, 1]
    assert lookout.oldest(wait=True) is None


def test_a_look_that_fails_is_told_in_its_turn_and_the_others_go_on() -> None:
    lookout = Lookout(2)
    frame = next(iter(make_capture(count=1)))

    def fails() -> Sight:
        raise ArrayError("a point is too far away")

    lookout.begin(lambda: Sight(frame, 0, [], None))
    lookout.begin(fails)
    lookout.begin(lambda: Sight(frame, 2, [], None))
    assert lookout.oldest(wait=True).keyframe == 0
    with pytest.raises(ArrayError, match="too far"):
        lookout.oldest(wait=True)
    assert lookout.oldest(wait=True).keyframe == 2


class _Jealous:
    """Stands for a mask source or encoder that breaks when two threads are in it."""

    dim = 2

    def __init__(self) -> None:
        self.inside = self.most = self.calls = 0

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        self._visit()
        return [Mask(0, 0, np.ones(frame.depth_m.shape, bool), "object", 1.0)]

    def encode_image(self, crops: list[np.ndarray]) -> np.ndarray:
        self._visit()
        return np.tile(np.float32([1, 0]), (len(crops), 1))

    def _visit(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.calls += 1
        time.sleep(0.01)
        self.inside -= 1


def test_of_a_mask_source_and_of_an_encoder_one_call_runs_at_a_time(monkeypatch) -> None:
    source, encoder = _Jealous(), _Jealous()
    monkeypatch.setattr("grounding3d.live.looking.make_mask_source", lambda config: source)
    looker, lookout = Looker(CONFIG, encoder), Lookout(4)
    frame = next(iter(make_capture(count=1)))
    for n in range(8):
        lookout.begin(lambda n=n: looker.look(frame, n, None))
    assert [lookout.oldest(wait=True).keyframe for _ in range(8)] == list(range(8))
    assert (source.calls, encoder.calls) == (8, 8)
    assert (source.most, encoder.most) == (1, 1)
