"""The scene folder: one atomic commit, hashed files, no pickle.

Data files carry a hash of their content in their name and are never overwritten. `manifest.json`
names the files that are the scene and is swapped in by one `os.replace`, so a reader finds the old
scene or the new one, whenever the writer is killed. Files that no manifest names are removed after
the swap.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.errors import GroundingError, SceneError
from grounding3d.geometry.transforms import check_pose
from grounding3d.objects import records
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.folder import (
    MANIFEST,
    check_output_folder,
    collect_garbage,
    is_scene_folder,
    read_json,
    read_manifest,
    read_tensors,
    sealed,
    stored_path,
    tensors_writer,
    write_atomic,
    write_hashed,
    writing_alone,
)
from grounding3d.scene.base import NerfFiles, Scene
from grounding3d.scene.ply import read_ply, write_ply

__all__ = [
    "check_output_folder",
    "is_scene_folder",
    "load_scene",
    "load_state",
    "save_scene",
    "stored_nerf",
]

_log = logging.getLogger(__name__)

_NERF = {"nerf_weights": ".safetensors", "nerf_model": ".json"}
_RETRIES = 3  # a writer may swap the scene under a reader
_STATE = "mapper_state"


def save_scene(
    folder: str | Path, scene: LanguageScene, *, state: dict[str, np.ndarray] | None = None
) -> Path:
    """Write a scene; one that was there before is replaced as a whole, or stays as it was.

    Args:
        folder: made if it does not exist; may hold a scene of ours, but nothing else.
        scene: what to write.
        state: memory of the mapper, to go on mapping later; readers of the scene leave it alone.

    Returns:
        The folder.

    Raises:
        SceneError: the folder holds somebody's files, cannot be written, or the disk is full; the
            scene that was in it is still there.
    """
    folder = Path(folder)
    check_output_folder(folder)
    files: dict[str, dict[str, Any]] = {}
    writers = _writers(scene)
    if state is not None:
        writers[_STATE] = (".safetensors", tensors_writer(state))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with writing_alone(folder):
            try:
                for role, (suffix, write) in writers.items():
                    files[role] = write_hashed(folder, role, suffix, write)
                text = records.dump_json(sealed(records.manifest(scene, files)))
                write_atomic(folder / MANIFEST, lambda path: path.write_bytes(text))
            finally:
                collect_garbage(folder)
    except OSError as error:
        raise _write_error(folder, error) from error
    _log.info("wrote the scene %s to %s", scene.uuid, folder)
    return folder


def load_scene(folder: str | Path, *, verify: bool = False) -> LanguageScene:
    """Read a scene.

    Sizes of all files and hashes of the small ones are always checked.

    Args:
        folder: a scene folder.
        verify: check the hashes of the large files too.

    Raises:
        SceneError: not a scene folder, half-written, of a newer format, or damaged; says which
            file.
    """
    folder = Path(folder)
    failed = None
    for _ in range(_RETRIES):
        manifest = read_manifest(folder)
        try:
            return _read(folder, manifest, verify)
        except SceneError:
            if manifest["files"] == failed:
                raise
            failed = manifest["files"]  # may have been replaced, and put back, while it was read
            _log.info("%s did not read; perhaps it was being replaced: once more", folder)
    raise SceneError(f"{folder} is being rewritten all the time", hint="Try again later.")


def load_state(folder: str | Path) -> dict[str, np.ndarray] | None:
    """The memory of the mapper that wrote a scene; None where it was saved without.

    Raises:
        SceneError: as for `load_scene`.
    """
    folder = Path(folder)
    entry = read_manifest(folder)["files"].get(_STATE)
    return None if entry is None else read_tensors(stored_path(folder, entry, verify=False))


def stored_nerf(folder: str | Path) -> NerfFiles | None:
    """Where the NeRF of a scene lies; None where it has none.

    Raises:
        SceneError: as for `load_scene`.
    """
    folder = Path(folder)
    files = read_manifest(folder)["files"]
    return _nerf_files(
        {r: stored_path(folder, files[r], verify=False) for r in _NERF if r in files}
    )


def _read(folder: Path, manifest: dict[str, Any], verify: bool) -> LanguageScene:
    files = manifest["files"].items()
    try:
        return _assemble(
            manifest, {role: stored_path(folder, entry, verify) for role, entry in files}
        )
    except GroundingError:
        raise
    except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise SceneError(
            f"{folder} is damaged",
            found=f"{type(error).__name__}: {error}",
            hint="Build the scene again.",
        ) from error


def _writers(scene: LanguageScene) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """For each file of the folder its suffix and what writes it."""
    gaussians = scene.scene.gaussians
    features = {name: getattr(scene.features, name) for name in records.FEATURES}
    features["anchor"] = scene.scene.anchor.astype(np.int32)
    objects = records.dump_json(records.objects_json(scene.objects))
    keyframes = records.dump_json(records.keyframes_json(scene.scene.keyframes))
    nerf = scene.scene.nerf
    parts = {} if nerf is None else {"nerf_weights": nerf.weights, "nerf_model": nerf.model}
    return {
        "gaussians": (".ply", lambda path: write_ply(path, gaussians)),
        "features": (".safetensors", tensors_writer(features)),
        "object_arrays": (".safetensors", tensors_writer(records.object_arrays(scene.objects))),
        "objects": (".json", lambda path: path.write_bytes(objects)),
        "keyframes": (".json", lambda path: path.write_bytes(keyframes)),
        **{role: (_NERF[role], partial(shutil.copyfile, source)) for role, source in parts.items()},
    }


def _nerf_files(paths: dict[str, Path]) -> NerfFiles | None:
    """The NeRF's among a scene's files; it is only read to draw from it."""
    if not all(role in paths for role in _NERF):
        return None
    return NerfFiles(paths["nerf_weights"], paths["nerf_model"])


def _assemble(manifest: dict[str, Any], paths: dict[str, Path]) -> LanguageScene:
    features = read_tensors(paths["features"])
    anchor = features.pop("anchor")
    gaussians = read_ply(paths["gaussians"])
    records.check_rows(len(gaussians), anchor, features)
    scene = Scene(
        gaussians=gaussians,
        anchor=anchor,
        keyframes=records.keyframes_from_json(read_json(paths["keyframes"])),
        world_frame=records.name_from_json(manifest["world_frame"]),
        up_world=records.up_from_json(manifest["up_world"]),
        up_source=manifest["up_source"],
        backend=manifest["backend"],
        report=manifest.get("report"),
        nerf=_nerf_files(paths),
    )
    return LanguageScene(
        uuid=manifest["uuid"],
        scene=scene,
        features=records.features_from(features),
        objects=records.objects_from(
            read_json(paths["objects"]), read_tensors(paths["object_arrays"])
        ),
        encoder=records.encoder_from_json(manifest["encoder"]),
        static_transforms={
            frame: check_pose(np.array(T, float), f"the transform to {frame}")
            for frame, T in manifest["static_transforms"].items()
        },
        config=manifest["config"],
        capture=manifest["capture"],
    )


def _write_error(folder: Path, error: OSError) -> SceneError:
    return SceneError(
        f"cannot write the scene {folder}",
        found=error.strerror or str(error),
        hint="What was in the folder before is unchanged; free some space or choose another -o."
        if folder.is_dir()
        else "Choose another -o.",
    )
