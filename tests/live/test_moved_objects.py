"""A simulated table on which things are taken away and put down, asked about in English."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.live.config import Config
from grounding3d.live.mapping import Mapper
from grounding3d.query.answer import Candidate
from grounding3d.query.engine import QueryEngine
from grounding3d.scene.config import SceneConfig

pytest.importorskip("pybullet")
pytestmark = pytest.mark.slow

BEFORE, AFTER = 12, 8  # frames; every one of them is a look
SEED = 7  # a cup and a carton among others


class Table:
    """One camera path, two sets of objects: the cup before, the carton after."""

    def __init__(self) -> None:
        from grounding3d.capture.simulator.capture import SimulatedCapture
        from grounding3d.capture.simulator.tabletop import TabletopConfig
        from grounding3d.capture.simulator.world import simulate_tabletop

        config = TabletopConfig(n_objects=5, n_frames=BEFORE + AFTER, p_stacked=0, shadows=False)
        world = simulate_tabletop(config, SEED)
        self.T_world_table = world.T_world_table
        self.objects = {placed.model.category: placed for placed in world.objects}
        self.up_world = world.up_world
        frames: dict[str, list[RGBDFrame]] = {}
        for missing in ("carton", "cup"):
            kept = [p for p in world.objects if p.model.category != missing]
            capture = SimulatedCapture(replace(world, objects=kept))
            span = range(BEFORE) if missing == "carton" else range(BEFORE, BEFORE + AFTER)
            frames[missing] = [capture[k] for k in span]
            capture.close()
        self.before, self.after = frames["carton"], frames["cup"]

    def center(self, category: str) -> np.ndarray:
        """Middle of an object's true box in the table's axes, world frame."""
        vertices = self.objects[category].vertices
        middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        return self.T_world_table[:3, :3] @ middle + self.T_world_table[:3, 3]


@pytest.fixture(scope="module")
def table() -> Table:
    return Table()


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(BUNDLED)


@pytest.fixture(scope="module")
def scenes(table: Table, encoder) -> Iterator[list]:
    """Snapshots: before anything changed, then after every look."""
    # surfels are looked for in every second frame, as the recording is short
    mapper = Mapper(
        Config(scene=SceneConfig(backend="points", carve_every=2)), encoder, up_world=table.up_world
    )
    for frame in table.before:
        assert mapper.add(frame).used
    taken = [mapper.snapshot()]
    for frame in table.after:
        assert mapper.add(frame).used
        taken.append(mapper.snapshot())
    return taken


def near(scene, place: np.ndarray, within_m: float) -> list[int]:
    """Ids of the objects at a place."""
    gap = {o.id: np.linalg.norm(o.position - place) for o in scene.objects if o.kind == "object"}
    return [object_id for object_id, distance in gap.items() if distance < within_m]


def answers(scene, encoder, text: str) -> list[Candidate]:
    return [c for c in QueryEngine(scene, encoder).ask(text).candidates if c.selected]


def test_what_was_taken_away_is_gone_within_the_configured_looks(table, scenes) -> None:
    place = table.center("cup")
    assert near(scenes[0], place, 0.03)
    looks = next(n for n, scene in enumerate(scenes) if not near(scene, place, 0.06))
    assert looks <= Config().fusion.forget_after_looks
    assert all(not near(scene, place, 0.06) for scene in scenes[looks:])


def test_what_was_put_down_is_found_within_three_centimetres(table, scenes, encoder) -> None:
    place = table.center("carton")
    assert not near(scenes[0], place, 0.06)
    looks = next(n for n, scene in enumerate(scenes) if near(scene, place, 0.03))
    assert looks <= Config().fusion.min_views
    best = QueryEngine(scenes[-1], encoder).ask("where is the carton").candidates[0]
    assert np.linalg.norm(best.box.center - place) < 0.03


def test_nobody_is_sent_to_the_old_place(table, scenes, encoder) -> None:
    place = table.center("cup")
    (before, *_) = answers(scenes[0], encoder, "where is the cup")
    assert np.linalg.norm(before.box.center - place) < 0.03
    for found in answers(scenes[-1], encoder, "where is the cup"):
        assert np.linalg.norm(found.box.center - place) > 0.1


def test_ids_of_the_gone_are_not_given_again_and_those_of_the_rest_stay(scenes) -> None:
    first, last = scenes[0].objects, scenes[-1].objects
    (gone,) = [o.id for o in first if o.kind == "object" and not any(o.id == p.id for p in last)]
    new = [o.id for o in last if o.id >= first.next_id]
    assert len(new) == 1
    assert gone not in new


def test_no_support_is_mapped_twice_in_any_snapshot(scenes) -> None:
    for scene in scenes:
        assert sum(o.kind == "support" for o in scene.objects) == 2, "the floor, the table"


def test_the_surfels_of_the_gone_are_gone(table, scenes) -> None:
    def surfels(scene) -> int:
        away = np.linalg.norm(scene.scene.gaussians.means - table.center("cup"), axis=1)
        return int((away < 0.035).sum())

    assert surfels(scenes[-1]) < max(1, 0.15 * surfels(scenes[0]))
