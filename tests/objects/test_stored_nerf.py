"""A scene's NeRF: stored with it, kept by every later save, read by nobody but who draws it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from object_factories import language_scene
from safetensors.numpy import load_file, save_file

from grounding3d.errors import SceneError
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.folder import read_manifest
from grounding3d.objects.store import load_scene, save_scene, stored_nerf
from grounding3d.scene.base import NerfFiles


def with_nerf(folder: Path, value: float = 1.0) -> LanguageScene:
    folder.mkdir(exist_ok=True)
    files = NerfFiles(folder / "w.safetensors", folder / "m.json")
    save_file({"grid": np.full(5, value, np.float16)}, files.weights)
    files.model.write_text('{"schema": 1}')
    scene = language_scene()
    return replace(scene, scene=replace(scene.scene, nerf=files))


def nerf_names(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (folder / "nerf").iterdir())


def test_it_is_stored_by_hash_and_found_again(tmp_path: Path) -> None:
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "work"))
    assert nerf_names(tmp_path / "scene") == ["nerf_model", "nerf_weights"]
    found = load_scene(tmp_path / "scene").scene.nerf
    assert found == stored_nerf(tmp_path / "scene")
    np.testing.assert_array_equal(load_file(found.weights)["grid"], np.ones(5))
    entry = read_manifest(tmp_path / "scene")["files"]["nerf_weights"]
    assert entry["sha256"][:16] in entry["name"]


def test_loading_needs_no_nerfstudio(tmp_path: Path) -> None:
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "work"))
    load_scene(tmp_path / "scene")
    assert "nerfstudio" not in sys.modules


def test_a_later_save_keeps_it_here_and_elsewhere(tmp_path: Path) -> None:
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "work"))
    loaded = load_scene(tmp_path / "scene")
    save_scene(tmp_path / "scene", loaded)
    save_scene(tmp_path / "copy", loaded)
    for folder in (tmp_path / "scene", tmp_path / "copy"):
        assert nerf_names(folder) == ["nerf_model", "nerf_weights"]
        np.testing.assert_array_equal(load_file(stored_nerf(folder).weights)["grid"], np.ones(5))


def test_another_one_replaces_it_and_none_removes_it(tmp_path: Path) -> None:
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "a"))
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "b", 2.0))
    assert nerf_names(tmp_path / "scene") == ["nerf_model", "nerf_weights"]
    weights = stored_nerf(tmp_path / "scene").weights
    np.testing.assert_array_equal(load_file(weights)["grid"], np.full(5, 2))
    save_scene(tmp_path / "scene", language_scene())
    assert stored_nerf(tmp_path / "scene") is None
    assert not (tmp_path / "scene" / "nerf").exists()


def test_a_damaged_one_is_told_and_the_old_scene_stays(tmp_path: Path) -> None:
    save_scene(tmp_path / "scene", with_nerf(tmp_path / "work"))
    scene = load_scene(tmp_path / "scene")
    gone = replace(scene.scene, nerf=NerfFiles(tmp_path / "gone", scene.scene.nerf.model))
    with pytest.raises(SceneError, match="cannot write"):
        save_scene(tmp_path / "scene", replace(scene, scene=gone))
    assert load_scene(tmp_path / "scene").uuid == scene.uuid
    scene.scene.nerf.weights.write_bytes(b"cut")
    with pytest.raises(SceneError, match="damaged"):
        load_scene(tmp_path / "scene")


def test_a_folder_with_somebodys_nerf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine" / "nerf").mkdir(parents=True)
    (tmp_path / "mine" / "nerf" / "model.ckpt").write_text("x")
    with pytest.raises(SceneError, match=r"nerf/model\.ckpt"):
        save_scene(tmp_path / "mine", language_scene())
