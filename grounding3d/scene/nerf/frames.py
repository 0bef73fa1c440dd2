"""Training frames on disk, as nerfstudio data: what the job in the other environment reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.files import depth_from_steps, read_depth_steps, read_rgb
from grounding3d.capture.nerfstudio import DEPTH_UNIT_M
from grounding3d.capture.nerfstudio_writer import (
    frame_record,
    image_names,
    transforms_text,
    write_images,
)
from grounding3d.errors import SceneError
from grounding3d.scene.base import Keyframe
from grounding3d.scene.keyframes import keyframes_from_arrays, keyframes_to_arrays


@dataclass(frozen=True, eq=False)
class SpooledFrame:
    """A frame in the folder; its number there is its place in the spool.

    Attributes:
        keyframe: index among the scene's keyframes.
        view: camera, pose, stamp, index in the capture.
        has_depth: whether any of its depth is known.
    """

    keyframe: int
    view: Keyframe
    has_depth: bool


@dataclass(eq=False)
class FrameSpool:
    """Frames in `folder`, `transforms.json` once `write_index` was called.

    When there are `max_frames` of them, every second one is let go and from then on only every
    second one comes in, again and again. Depth is kept in millimetres.
    """

    folder: Path
    max_frames: int
    frames: list[SpooledFrame] = field(default_factory=list)
    digest: bytes = b""
    _offered: int = 0
    _every: int = 1

    def __len__(self) -> int:
        return len(self.frames)

    def add(self, frame: RGBDFrame, depth_m: np.ndarray, keyframe: int) -> None:
        """Take a frame in with the depth [H,W] to train on, 0 = unknown.

        Raises:
            SceneError: there is no room for its pixels.
        """
        self._offered += 1
        self._note(frame, depth_m)
        if (self._offered - 1) % self._every:
            return
        self._write(len(self.frames), frame.rgb, depth_m)
        view = Keyframe(frame.frame_index, frame.camera, frame.T_world_cam, frame.stamp_s)
        self.frames.append(SpooledFrame(keyframe, view, bool(depth_m.any())))
        if len(self.frames) >= self.max_frames:
            self._thin()

    def write_index(self) -> None:
        """Write `transforms.json`, and remove images it does not name, as of an earlier run."""
        records = [
            frame_record(n, f.view.camera, f.view.T_world_cam, f.has_depth)
            for n, f in enumerate(self.frames)
        ]
        (self.folder / "transforms.json").write_text(transforms_text(records), encoding="utf-8")
        for n, frame in enumerate(self.frames):
            if not frame.has_depth:
                self._paths(n)[1].unlink(missing_ok=True)
        named = {path for n in range(len(self.frames)) for path in self._paths(n)}
        for path in (*self.folder.glob("images/*.png"), *self.folder.glob("depth/*.png")):
            if path not in named:
                path.unlink()

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Colour [H,W,3] uint8 and depth [H,W] float32 metres of a frame."""
        rgb_path, depth_path = self._paths(number)
        rgb = read_rgb(rgb_path)
        if not self.frames[number].has_depth:
            return rgb, np.zeros(rgb.shape[:2], np.float32)
        return rgb, depth_from_steps(read_depth_steps(depth_path), DEPTH_UNIT_M)

    def state(self) -> dict[str, np.ndarray]:
        """Everything as arrays, the images as they lie in their files."""
        files = [p for n in range(len(self.frames)) for p in self._paths(n)]
        contents = [p.read_bytes() if p.is_file() else b"" for p in files]
        return {
            **keyframes_to_arrays([f.view for f in self.frames]),
            "keyframe": np.array([f.keyframe for f in self.frames], np.int64),
            "has_depth": np.array([f.has_depth for f in self.frames], bool),
            "sizes": np.array([len(c) for c in contents], np.int64),
            "files": np.frombuffer(b"".join(contents), np.uint8).copy(),
            "counts": np.array([self._offered, self._every], np.int64),
            "digest": np.frombuffer(self.digest, np.uint8).copy(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Become what `state` was taken from.

        Raises:
            SceneError: images are missing.
        """
        views = keyframes_from_arrays(state)
        if int(state["sizes"].sum()) != len(state["files"]) or len(state["sizes"]) != 2 * len(
            views
        ):
            raise SceneError(
                "the frames of a state do not fit their images",
                expected=f"{int(state['sizes'].sum())} bytes of {len(views)} frames",
                found=f"{len(state['files'])} bytes",
            )
        self.frames = [
            SpooledFrame(int(k), view, bool(has_depth))
            for k, view, has_depth in zip(state["keyframe"], views, state["has_depth"])
        ]
        self._offered, self._every = (int(v) for v in state["counts"])
        self.digest = state["digest"].tobytes()
        ends = np.cumsum(state["sizes"])
        paths = [p for n in range(len(views)) for p in self._paths(n)]
        for path, begin, end in zip(paths, ends - state["sizes"], ends):
            path.parent.mkdir(parents=True, exist_ok=True)
            if end > begin:
                path.write_bytes(state["files"][begin:end].tobytes())

    def _paths(self, number: int) -> tuple[Path, Path]:
        rgb, depth = image_names(number)
        return self.folder / rgb, self.folder / depth

    def _note(self, frame: RGBDFrame, depth_m: np.ndarray) -> None:
        """Let `digest` be a hash of all that was ever offered, in order."""
        seen = hashlib.blake2b(self.digest, digest_size=16)
        for part in (frame.rgb, depth_m, frame.T_world_cam, frame.camera.K):
            seen.update(np.ascontiguousarray(part).data)
        self.digest = seen.digest()

    def _write(self, number: int, rgb: np.ndarray, depth_m: np.ndarray) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_images(self.folder, number, rgb, depth_m)
        except OSError as error:
            raise SceneError(
                f"cannot keep a training frame in {self.folder}",
                found=error.strerror or str(error),
                hint="Free some space, or set scene.nerf.work to a folder on a larger disk.",
            ) from error

    def _thin(self) -> None:
        kept = self.frames[::2]
        for new, old in enumerate(range(0, len(self.frames), 2)):
            for target, source in zip(self._paths(new), self._paths(old)):
                if target != source:
                    target.unlink(missing_ok=True)
                    if source.is_file():
                        source.replace(target)
        self.frames = kept
        self._every *= 2


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i) for i in np.linspace(0, count - 1, most)})


def split(frames: Sequence[SpooledFrame], every: int, most: int) -> tuple[list[int], list[int]]:
    """Numbers of the frames to train on, and of those that are held out."""
    held_out = [n for n in range(len(frames)) if every and n % every == every - 1]
    held_out = [held_out[i] for i in spread(len(held_out), most)]
    chosen = set(held_out)
    return [n for n in range(len(frames)) if n not in chosen], held_out
