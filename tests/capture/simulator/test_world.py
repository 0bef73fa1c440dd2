"""Simulated table tops are at rest, apart, repeatable, and their truth is true."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture.base import IndexedCapture
from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.confusable import confusable
from grounding3d.capture.simulator.placement import footprint, polygon_gap
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.capture.simulator.truth import write_ground_truth
from grounding3d.capture.simulator.world import simulate_tabletop
from grounding3d.errors import ConfigError
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import transform_points

SMALL = TabletopConfig(n_objects=6, n_frames=6, width=320, height=240)


@pytest.fixture(scope="module")
def capture():
    made = SimulatedCapture.from_seed(4, SMALL)
    yield made
    made.close()


@pytest.fixture(scope="module")
def truth(capture):
    return capture.ground_truth()


def test_it_is_a_capture(capture):
    assert isinstance(capture, IndexedCapture)
    assert capture.length == len(list(capture)) == 6
    np.testing.assert_allclose(capture.up_world, [0, 0, 1], atol=1e-12)


def test_a_seed_gives_the_same_recording():
    config = SMALL.model_copy(update={"n_objects": 3, "n_frames": 2, "width": 80, "height": 60})
    first, again, other = (SimulatedCapture.from_seed(s, config) for s in (8, 8, 9))
    np.testing.assert_array_equal(first[1].rgb, again[1].rgb)
    np.testing.assert_array_equal(first[1].depth_m, again[1].depth_m)
    np.testing.assert_array_equal(first[1].T_world_cam, again[1].T_world_cam)
    assert first.ground_truth() == again.ground_truth()
    assert not np.array_equal(first[1].rgb, other[1].rgb)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_objects_rest_on_their_support_and_apart(seed):
    config = TabletopConfig(n_objects=8, p_stacked=0.4)
    world = simulate_tabletop(config, seed)
    assert len(world.objects) >= 7
    for k, placed in enumerate(world.objects):
        on = world.table if placed.support is None else world.objects[placed.support]
        ground = on.size_m[2] if placed.support is None else on.vertices[:, 2].max()
        assert abs(placed.vertices[:, 2].min() - ground) < 0.005
        for j, other in enumerate(world.objects[:k]):
            if placed.support == j:
                continue
            gap = polygon_gap(footprint(placed.vertices), footprint(other.vertices))
            assert gap >= config.min_gap_m - 1e-6


def test_observed_points_lie_in_their_true_boxes(capture, truth):
    records = {r["id"]: r for r in truth["objects"]}
    checked = 0
    for index in range(capture.length):
        image, frame = capture.perfect(index), capture[index]
        points = frame.camera.backproject(image.depth_m)
        for identifier in np.unique(image.body[image.body > 0]):
            seen = points[(image.body == identifier) & (image.depth_m > 0)].astype(np.float64)
            world = transform_points(frame.T_world_cam, seen)
            box = records[identifier]["box"]
            obb = OBB(np.array(box["center"]), np.array(box["wxyz"]), np.array(box["size"]))
            assert obb.contains(world, margin_m=0.003).all()
            low, high = (np.array(records[identifier]["aabb"][k]) for k in ("min", "max"))
            assert ((world > low - 0.003) & (world < high + 0.003)).all()
            checked += 1
    assert checked > 10


def test_noisy_depth_stays_near_the_truth(capture):
    perfect, frame = capture.perfect(0), capture[0]
    both = (perfect.depth_m > 0) & (frame.depth_m > 0)
    assert both.mean() > 0.3
    assert np.median(np.abs(perfect.depth_m - frame.depth_m)[both]) < 0.01


def test_questions_are_fair(truth):
    categories = {r["id"]: r["category"] for r in truth["objects"]}
    kinds = {q["kind"] for q in truth["queries"]}
    assert kinds == {"plain", "caption", "absent"}
    for query in truth["queries"]:
        if query["kind"] == "absent":
            assert query["targets"] == []
            assert not any(query["text"].endswith(" " + c) for c in categories.values())
        elif query["kind"] == "caption":
            assert len(query["targets"]) == 1
        else:
            assert all(categories[t] in query["text"] for t in query["targets"])


def test_absent_nouns_resemble_nothing_present():
    assert confusable("cup", "mug")
    assert confusable("gift box", "tissue box")
    assert not confusable("mug", "laptop")


def test_the_record_is_strict_json(truth, tmp_path):
    write_ground_truth(truth, tmp_path / "ground_truth.json")
    assert json.loads((tmp_path / "ground_truth.json").read_text()) == truth
    table = truth["objects"][0]
    assert (table["category"], table["support"]) == ("table", "floor")
    assert truth["schema"] == 1


def test_a_pack_gives_its_objects_and_marks_held_out_ones(shared_data):
    config = SMALL.model_copy(
        update={
            "pack": shared_data / "meshes",
            "own_work_only": True,
            "only": ("mug_red", "book_blue"),
            "held_out": ("mug_red",),
            "n_frames": 1,
        }
    )
    capture = SimulatedCapture.from_seed(2, config)
    held_out = {r["name"]: r["held_out"] for r in capture.ground_truth()["objects"][1:]}
    assert held_out == {"mug_red": True, "book_blue": False}


def test_a_choice_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="no simulated object"):
        simulate_tabletop(TabletopConfig(only=("unicorn",)), 0)
