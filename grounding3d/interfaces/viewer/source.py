"""Where the viewer takes its scene from: a folder, or a program that is building one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from grounding3d.errors import SceneError
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.folder import MANIFEST
from grounding3d.objects.store import load_scene


class SceneSource(Protocol):
    """A scene that may change while it is looked at."""

    def version(self) -> int | str:
        """Something cheap that differs as soon as `scene()` would return another scene."""
        ...

    def scene(self) -> LanguageScene:
        """The scene as it is now, immutable."""
        ...


class FolderSource:
    """A scene folder; saving a scene into it again is a new version.

    Args:
        folder: made by `save_scene`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def version(self) -> str:
        """Hash of the manifest, the only commit point of a scene folder.

        Raises:
            SceneError: there is no manifest.
        """
        try:
            return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()
        except OSError as error:
            raise SceneError(
                f"{self.folder} is no scene folder",
                expected=f"a {MANIFEST} in it",
                found=error.strerror,
                hint="Make one with: grounding3d build CAPTURE -o SCENE",
            ) from error

    def scene(self) -> LanguageScene:
        """The scene in the folder."""
        return load_scene(self.folder)


class CallableSource:
    """A scene that another part of the program holds: a running build, a ROS node.

    Args:
        scene: returns the latest snapshot; called from the viewer's own thread.
        version: returns what changes with it, by default the snapshot's uuid, its number of
            Gaussians, objects and keyframes.
    """

    def __init__(
        self,
        scene: Callable[[], LanguageScene],
        version: Callable[[], int | str] | None = None,
    ) -> None:
        self._scene = scene
        self._version = version

    def version(self) -> int | str:
        """The given version, or one made of the snapshot's own counts."""
        return self._version() if self._version is not None else _counts(self._scene())

    def scene(self) -> LanguageScene:
        """The latest snapshot."""
        return self._scene()


def _counts(scene: LanguageScene) -> str:
    geometry = scene.scene
    return (
        f"{scene.uuid}/{len(geometry.gaussians)}/{len(scene.objects)}/{scene.objects.next_id}"
        f"/{len(geometry.keyframes)}"
    )
