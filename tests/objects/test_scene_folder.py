"""Scene folders: what is written is read back, and nothing is ever half there."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from object_factories import language_scene

from grounding3d.errors import GroundingError, SceneError
from grounding3d.objects import folder as folder_module
from grounding3d.objects.base import LanguageScene, ObjectMap
from grounding3d.objects.store import (
    check_output_folder,
    is_scene_folder,
    load_scene,
    save_scene,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_scene(tmp_path / "scene", language_scene())


def assert_same(a: object, b: object) -> None:
    """Equal down to the last bit, through records, tuples, dicts and arrays."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert isinstance(b, dict)
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)  # type: ignore[arg-type]
        for x, y in zip(a, b, strict=True):  # type: ignore[call-overload]
            assert_same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:  # type: ignore[attr-defined]
            assert_same(getattr(a, name), getattr(b, name))
    else:
        assert a == b


def test_round_trip_is_exact(saved: Path) -> None:
    scene, loaded = language_scene(), load_scene(saved, verify=True)
    # a splat's .ply holds logarithms and logits: equal to float32's last bits, not to the bit
    for name in ("scales", "opacities", "wxyz"):
        ours, theirs = (getattr(s.scene.gaussians, name) for s in (scene, loaded))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    loaded = replace(loaded, scene=replace(loaded.scene, gaussians=scene.scene.gaussians))
    assert_same(scene, loaded)


def test_an_empty_map_and_missing_facts_survive(tmp_path: Path) -> None:
    full = language_scene()
    scene = replace(
        full,
        objects=ObjectMap(next_id=7),
        scene=replace(full.scene, up_world=None, up_source="unknown"),
        encoder=replace(full.encoder, centre=None),
    )
    loaded = load_scene(save_scene(tmp_path, scene))
    assert loaded.objects.next_id == 7
    assert loaded.scene.up_world is None
    assert loaded.encoder.centre is None


def test_saving_again_replaces_and_collects(saved: Path) -> None:
    old = {p.name for p in saved.iterdir()}
    save_scene(saved, language_scene("second", seed=5))
    assert load_scene(saved).uuid == "second"
    files = {entry["name"] for entry in manifest(saved)["files"].values()}
    assert {p.name for p in saved.iterdir()} == files | {"manifest.json"}
    assert old - files - {"manifest.json"}


def test_the_manifest_says_what_the_scene_is(saved: Path) -> None:
    content = manifest(saved)
    assert content["format_version"] == 1
    assert content["counts"] == {"gaussians": len(language_scene().scene.gaussians),
                                 "keyframes": 8, "objects": 4, "codes": 4}  # fmt: skip
    assert len(content["encoder"]["probes"]) == 8
    assert all(len(entry["sha256"]) == 64 for entry in content["files"].values())


@pytest.mark.parametrize("step", range(6))
def test_a_save_that_dies_leaves_the_old_scene(
    saved: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed between any two files: no clean-up of ours runs, as after SIGKILL."""
    done = 0

    def dying_replace(source: Path, target: Path) -> None:
        nonlocal done
        if ".ply." not in str(source):  # not the .ply writer's own
            if done == step:
                raise KeyboardInterrupt
            done += 1
        real_replace(source, target)

    real_replace = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(folder_module.os, "replace", dying_replace)
        patch.setattr("grounding3d.objects.store.collect_garbage", lambda _: None)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            save_scene(saved, language_scene("second", seed=5))
    assert load_scene(saved, verify=True).uuid == "first"
    save_scene(saved, language_scene("third", seed=6))
    assert load_scene(saved).uuid == "third"
    assert len(list(saved.iterdir())) == 6


def test_a_full_disk_keeps_the_old_scene(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "object_arrays" in path.name:
            real(path, data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(SceneError, match="No space left"):
            save_scene(saved, language_scene("second", seed=5))
    assert load_scene(saved, verify=True).uuid == "first"
    assert len(list(saved.iterdir())) == 6


def test_a_first_save_that_fails_leaves_no_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folder_module.os, "fsync", _no_space)
        with pytest.raises(SceneError, match="cannot write"):
            save_scene(tmp_path / "new", language_scene())
    assert not is_scene_folder(tmp_path / "new")
    save_scene(tmp_path / "new", language_scene())


def test_a_number_that_is_none_is_never_written(saved: Path) -> None:
    scene = replace(language_scene("second"), static_transforms={"base": np.full((4, 4), np.nan)})
    with pytest.raises(SceneError, match="JSON"):
        save_scene(saved, scene)
    assert load_scene(saved).uuid == "first"


@pytest.mark.parametrize("role", ["objects", "keyframes", "object_arrays", "features", "gaussians"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_damage_is_found(saved: Path, role: str, damage: str) -> None:
    path = saved / manifest(saved)["files"][role]["name"]
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[:-10])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(SceneError, match=path.name):
        load_scene(saved)


def test_damage_of_the_manifest_is_found(saved: Path) -> None:
    path = saved / "manifest.json"
    data = path.read_bytes()
    for place in np.linspace(0, len(data) - 1, 60).astype(int):
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(SceneError):
            load_scene(saved)
    older = {key: value for key, value in json.loads(data).items() if key != "sha256"}
    path.write_text(json.dumps(older))  # scenes written before the manifest had a hash
    assert load_scene(saved).uuid == older["uuid"]


@pytest.mark.parametrize(
    "changes",
    [
        {"world_frame": None},
        {"world_frame": ""},
        {"up_world": [0, 1]},
        {"up_world": [0, 0, 0]},
        {"up_world": 7},
        {"static_transforms": None},
        {"static_transforms": {"base": [[1, 0], [0, 1]]}},
        {"static_transforms": {"base": (2 * np.eye(4)).tolist()}},
        {"encoder": None},
    ],
)
def test_facts_of_another_kind_are_refused(saved: Path, changes: dict) -> None:
    edit_manifest(saved, **changes)
    with pytest.raises(GroundingError):
        load_scene(saved)


def test_two_writers_and_a_reader_do_not_harm_each_other(saved: Path) -> None:
    scenes = [language_scene(f"scene {seed}", seed=seed) for seed in range(2)]

    def write(scene: LanguageScene) -> None:
        for _ in range(6):
            save_scene(saved, scene)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, scene) for scene in scenes]
        while not all(writer.done() for writer in writers):
            try:
                load_scene(saved, verify=True)
            except SceneError as error:
                assert "rewritten all the time" in str(error)  # noqa: PT017
        for writer in writers:
            writer.result()
    assert load_scene(saved, verify=True).uuid in {"scene 0", "scene 1"}


def test_a_newer_format_is_refused(saved: Path) -> None:
    edit_manifest(saved, format_version=2)
    with pytest.raises(SceneError, match="newer"):
        load_scene(saved)
    assert is_scene_folder(saved)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "objects.pkl"])
def test_a_manifest_cannot_name_other_files(saved: Path, name: str) -> None:
    files = manifest(saved)["files"]
    files["objects"]["name"] = name
    edit_manifest(saved, files=files)
    with pytest.raises(SceneError, match="damaged"):
        load_scene(saved)


def test_files_of_two_scenes_are_not_mixed(saved: Path, tmp_path: Path) -> None:
    scene = language_scene("second", seed=5)
    fewer = ObjectMap(scene.objects.objects[:2])
    other = save_scene(tmp_path / "other", replace(scene, objects=fewer))
    files = manifest(saved)["files"]
    files["objects"] = entry = manifest(other)["files"]["objects"]
    (saved / entry["name"]).write_bytes((other / entry["name"]).read_bytes())
    edit_manifest(saved, files=files)
    with pytest.raises(SceneError, match="add up"):
        load_scene(saved)


def test_a_half_written_scene_is_called_that(saved: Path) -> None:
    (saved / "manifest.json").unlink()
    with pytest.raises(SceneError, match="half-written"):
        load_scene(saved)
    save_scene(saved, language_scene("second"))  # and may be written over


def test_what_is_no_scene(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="no scene folder"):
        load_scene(tmp_path / "missing")
    with pytest.raises(SceneError, match="no scene folder"):
        load_scene(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "somebody else\'s"}')
    with pytest.raises(SceneError, match="not the manifest"):
        load_scene(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(SceneError, match="damaged"):
        load_scene(tmp_path)
    assert not is_scene_folder(tmp_path)


def test_somebodys_folder_is_not_written(tmp_path: Path, saved: Path) -> None:
    theirs = tmp_path / "photos"
    theirs.mkdir()
    (theirs / "holiday.jpg").write_bytes(b"x")
    for write in (check_output_folder, lambda p: save_scene(p, language_scene())):
        with pytest.raises(SceneError, match=r"holiday\.jpg"):
            write(theirs)
    assert [p.name for p in theirs.iterdir()] == ["holiday.jpg"]
    with pytest.raises(SceneError, match="is a file"):
        check_output_folder(theirs / "holiday.jpg")
    with pytest.raises(SceneError, match="cannot write"):
        check_output_folder(theirs / "holiday.jpg" / "below")
    with pytest.raises(SceneError, match="cannot write"):
        check_output_folder("/proc/nothing/can/be/made/here")
    check_output_folder(tmp_path / "new")
    check_output_folder(tmp_path / "new" / "and" / "deeper")
    assert not (tmp_path / "new").exists()
    check_output_folder(saved)
    assert [p for p in saved.iterdir() if p.name.startswith(".")] == []


def test_a_reader_survives_a_writer(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scene is replaced, and its files collected, after the manifest has been read."""
    from grounding3d.objects import store

    swapped = []

    def slow_read(path: Path) -> dict:
        content = real_read(path)
        if not swapped:
            swapped.append(True)
            save_scene(path, language_scene("second", seed=5))
        return content

    real_read = store.read_manifest
    monkeypatch.setattr(store, "read_manifest", slow_read)
    assert load_scene(saved).uuid == "second"


def manifest(path: Path) -> dict:
    return json.loads((path / "manifest.json").read_text())


def edit_manifest(path: Path, **changes: object) -> None:
    """With its hash, as a program with a fault of its own would write it."""
    text = json.dumps(folder_module.sealed({**manifest(path), **changes}))
    (path / "manifest.json").write_text(text)


def _no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
