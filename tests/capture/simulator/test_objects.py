"""Every generator makes a sound, upright, repeatable and well named object."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture.simulator.objects import GENERATORS, generate
from grounding3d.capture.simulator.packs import load_pack, read_manifest
from grounding3d.errors import InputError


@pytest.mark.parametrize("category", sorted(GENERATORS))
def test_generator_contract(category):
    model = generate(category, seed=3)
    count = len(model.vertices)
    assert model.faces.min() >= 0
    assert model.faces.max() < count
    assert model.uv.shape == (count, 2)
    assert model.uv.min() >= 0
    assert model.uv.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(model.normals, axis=1), 1, atol=1e-3)
    low, high = model.vertices.min(axis=0), model.vertices.max(axis=0)
    np.testing.assert_allclose([*(low + high)[:2], low[2]], 0, atol=1e-5)
    np.testing.assert_allclose(high - low, model.size_m, atol=1e-5)
    assert min(model.size_m) > 0.004
    assert max(model.size_m) < 3.0
    assert model.texture.dtype == np.uint8
    assert max(model.texture.shape) <= 256
    assert 2 <= len(model.captions) <= 4
    assert len(set(model.captions)) == len(model.captions)


@pytest.mark.parametrize("category", sorted(GENERATORS))
def test_normals_agree_with_the_winding(category):
    model = generate(category, seed=5)
    a, b, c = (model.vertices[model.faces[:, k]].astype(float) for k in range(3))
    flat = np.cross(b - a, c - a)
    agrees = (flat * model.normals[model.faces[:, 0]]).sum(axis=1) >= -1e-9
    assert agrees.mean() > 0.99


@pytest.mark.parametrize("category", ["mug", "can", "ball", "cardboard box", "pen"])
def test_closed_shells_face_outwards(category):
    model = generate(category, seed=1)
    a, b, c = (model.vertices[model.faces[:, k]].astype(float) for k in range(3))
    assert (a * np.cross(b, c)).sum() / 6 > 0


def test_same_seed_same_object_and_another_seed_another():
    first, again, other = (generate("mug", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    np.testing.assert_array_equal(first.texture, again.texture)
    assert first.captions == again.captions
    assert first.name != other.name


def test_a_pack_reads_like_its_manifest(shared_data):
    folder = shared_data / "meshes"
    records = {r["name"]: r for r in read_manifest(folder)}
    for model in load_pack(folder, ["mug_red", "ycb_banana", "desk_portrait_a"]):
        np.testing.assert_allclose(model.size_m, records[model.name]["size_m"], atol=2e-3)
        assert model.captions == tuple(records[model.name]["captions"])


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match="manifest"):
        load_pack(tmp_path)
