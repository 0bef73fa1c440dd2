"""Scenes with several of a kind, things in containers, and the scenes of before."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture.simulator.appearance import colour_shares
from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.choice import choose_models
from grounding3d.capture.simulator.contents import surface
from grounding3d.capture.simulator.objects import generate
from grounding3d.capture.simulator.queries.base import ALL_KINDS
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.capture.simulator.twins import with_twins
from grounding3d.capture.simulator.world import simulate_tabletop
from grounding3d.geometry.transforms import transform_points

TWINS = TabletopConfig(n_objects=9, n_twins=3, n_inside=1, question_kinds=ALL_KINDS)


def test_a_seed_of_before_gives_the_scene_of_before():
    """Recorded with the first version of the simulator: names, places and questions."""
    config = TabletopConfig(n_objects=8, n_frames=5, width=160, height=120, p_stacked=0.3)
    truth = SimulatedCapture.from_seed(3, config).ground_truth()
    names = [r["name"] for r in truth["objects"]]
    assert names[:4] == [
        "table_948baa",
        "bucket_c7b2d3",
        "towel_a96459",
        "game_controller_391019",
    ]
    centres = [r["box"]["center"] for r in truth["objects"]]
    np.testing.assert_allclose(centres[1], [-1.41, -0.36, 1.01], atol=0.006)
    np.testing.assert_allclose(centres[8], [-1.86, -0.23, 0.94], atol=0.006)
    asked = [q["text"] for q in truth["queries"]]
    assert asked[:3] == ["where is the table", "where is the bucket", "where is the towel"]
    assert asked[-3:] == ["monitor", "find me a stool", "lamp"]
    assert {q["kind"] for q in truth["queries"]} == {"plain", "caption", "absent"}
    assert "viewpoint" not in truth


def test_new_kinds_leave_the_others_as_they_are():
    config = TabletopConfig(n_objects=4, n_frames=3, width=80, height=60)
    plain = SimulatedCapture.from_seed(5, config).ground_truth()
    every = config.model_copy(update={"question_kinds": ALL_KINDS})
    more = SimulatedCapture.from_seed(5, every).ground_truth()
    assert more["objects"] == plain["objects"]
    assert more["queries"][: len(plain["queries"])] == plain["queries"]


@pytest.mark.parametrize("seed", [0, 1])
def test_twins_are_of_one_kind_and_of_different_colours(seed):
    models = choose_models(np.random.default_rng(seed), TWINS)
    chosen = with_twins(np.random.default_rng(seed), TWINS, models)
    assert len(chosen) <= len(models)
    kinds = Counter(m.category for m in chosen)
    several = [k for k, n in kinds.items() if n > 1]
    assert len(several) == 3
    for kind in several:
        colours = [m.colour for m in chosen if m.category == kind]
        assert len(set(colours)) == len(colours)


def test_no_twins_no_change():
    config = TabletopConfig()
    models = choose_models(np.random.default_rng(0), config)
    assert with_twins(np.random.default_rng(0), config, models) is models


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_contents_touch_their_container_without_cutting_into_it(seed):
    world = simulate_tabletop(TWINS, seed)
    held = [p for p in world.objects if p.inside]
    assert held
    for placed in held:
        container = world.objects[placed.support]
        low, high = container.vertices.min(axis=0), container.vertices.max(axis=0)
        mine = placed.vertices
        assert (mine[:, :2] > low[:2]).all()
        assert (mine[:, :2] < high[:2]).all()
        assert low[2] < mine[:, 2].min() < high[2]
        gap = drop(placed, container)
        assert -0.001 < gap < 0.012


def drop(placed, container):
    """How far a thing could still fall: the least height over the container below it."""
    above = transform_points(placed.T_table_object, surface(placed.model, 20_000))
    below = transform_points(container.T_table_object, surface(container.model, 200_000))
    cell = 0.003
    heights = {}
    for x, y, z in below[np.argsort(below[:, 2])]:
        heights[int(x // cell), int(y // cell)] = z
    found = [z - heights.get((int(x // cell), int(y // cell)), -9.0) for x, y, z in above]
    return min(found)


def test_shown_colours_agree_with_the_names():
    for kind, seed in (("mug", 1), ("bucket", 2), ("candle", 3), ("bowl", 4)):
        shares = colour_shares(generate(kind, seed))
        assert sum(shares.values()) == pytest.approx(1.0)
    red = next(m for s in range(60) if (m := generate("candle", s)).colour == "red")
    shares = colour_shares(red)
    assert shares.get("red", 0) + shares.get("pink", 0) + shares.get("brown", 0) > 0.5
