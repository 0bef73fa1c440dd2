"""The `points` backend: voxel-fused surfels, used as Gaussians as they are."""

from __future__ import annotations

import logging
import zlib
from dataclasses import fields

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import SceneError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, motion_between
from grounding3d.scene.accumulator import (
    COLOUR,
    FOOTPRINT,
    NORMAL,
    POSITION,
    WEIGHT,
    VoxelRows,
    VoxelSums,
)
from grounding3d.scene.base import (
    SH_C0,
    Cancel,
    FrameReport,
    Gaussians,
    Keyframe,
    Progress,
    RenderedView,
    Scene,
)
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.keyframes import keyframes_from_arrays, keyframes_to_arrays
from grounding3d.scene.surfels import (
    OrientedPoints,
    axial_sigma,
    block_camera,
    block_inverse_depth,
    block_size,
    oriented_points,
)
from grounding3d.scene.thinning import LayerMerger

_log = logging.getLogger(__name__)

_STATE_VERSION = 2
_MIN_POINTS = 50  # fewer reliable points make no frame
_COVER = 0.6  # standard deviation of a surfel, in spacings: neighbours overlap at 0.7 of the peak
_THIN = 0.1  # thickness of a surfel, in spacings
_CARVE_MARGIN_VOXELS = 2.0
_GONE_SHARE = 0.1  # of the voxels may have gone before they are taken out of memory
_STILL_M = 0.005  # a camera that moved less, and turned less, looks again at the same things
_STILL_RAD = 0.005


class PointsBuilder:
    """Fuses depth frames into surfels: a weighted mean per voxel, merged across noise layers.

    A point counts 1 / sigma(z)^2 (see `axial_sigma`). Every used frame becomes a keyframe, and a
    surfel's anchor is the keyframe that observed it with the largest weight. Memory is bounded by
    `config.max_gaussians` voxels of about 230 bytes, plus 160 while a snapshot is made.
    """

    needs_depth = True

    def __init__(self, config: SceneConfig | None = None) -> None:
        self.config = config or SceneConfig()
        self._voxels = self._empty(self.config.voxel_size_m)
        self._layers = LayerMerger()
        self._keyframes: list[Keyframe] = []
        self._world_frame: str | None = None
        self._last_pixels = 0
        self._block_cameras: list[tuple[Camera, Camera]] = []

    @property
    def voxel_size_m(self) -> float:
        """The voxel size now; larger than configured once the bound was met."""
        return self._voxels.voxel_size_m

    @property
    def world_frame(self) -> str:
        """Name of the world frame of all poses; "map" before the first frame."""
        return self._world_frame or "map"

    def add(self, frame: RGBDFrame) -> FrameReport:
        """Fuse one frame.

        Raises:
            SceneError: the frame's pose refers to another world frame than the scene's.
            ArrayError: its points lie too far from the world's origin for the voxel grid.
        """
        self._check_world(frame)
        pixels = _fingerprint(frame)
        reason = self._why_skip(frame, pixels)
        if not reason:
            camera, block = self._block_camera(frame.camera)
            points = oriented_points(frame, camera, block, self.config)
            if len(points) < _MIN_POINTS:
                reason = self._why_empty(frame, len(points))
        if reason:
            return FrameReport(frame.frame_index, False, reason)
        # nobody looks twice from one place unless something changed there
        looks_again = self._is_still(frame)
        self._fuse(frame, points)
        self._last_pixels = pixels
        every = self.config.carve_every
        if every and (looks_again or len(self._keyframes) % every == 0):
            self._carve(frame, camera, block, is_extra=looks_again)
        return FrameReport(frame.frame_index, True)

    def snapshot(self) -> Scene:
        """The surfels so far: seen often enough, not seen through, layers merged."""
        rows = self._layers.merge(self._voxels, self._reliable(), self._sigma)
        scene = Scene(
            gaussians=_gaussians(rows, self._voxels.voxel_size_m),
            anchor=rows.anchor.copy(),
            keyframes=tuple(self._keyframes),
            world_frame=self.world_frame,
            backend="points",
        )
        for array in (scene.anchor, *vars(scene.gaussians).values()):
            array.setflags(write=False)
        return scene

    def refine(self, seconds: float) -> bool:
        """Nothing to do: the surfels are up to date after every frame."""
        return False

    def finish(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Scene:
        """The final scene; nothing is left to do but a snapshot."""
        if progress:
            progress("surfels", 0, 1)
        scene = self.snapshot()
        if progress:
            progress("surfels", 1, 1)
        return scene

    def rendered_views(self) -> tuple[RenderedView, ...]:
        """None: depth and colour are those of the frames."""
        return ()

    def state(self) -> dict[str, np.ndarray]:
        """Everything fused so far; `restore` goes on from it to the same result."""
        rows = self._voxels.rows
        world = (self._world_frame or "").encode()
        return {
            "version": np.array(_STATE_VERSION),
            "voxel_size_m": np.array(self._voxels.voxel_size_m),
            "keys": self._voxels.table.keys.copy(),
            **{f.name: getattr(rows, f.name).copy() for f in fields(rows)},
            **keyframes_to_arrays(self._keyframes),
            "world_frame": np.frombuffer(world, np.uint8).copy(),
            "last_pixels": np.array(self._last_pixels, np.int64),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`.

        Raises:
            SceneError: it is not a state of this builder, or of another version.
        """
        names = [f.name for f in fields(VoxelRows)]
        needed = ["version", "voxel_size_m", "keys", "world_frame", "last_pixels", *names]
        missing = [name for name in needed if name not in state]
        if missing:
            raise SceneError("not a state of the points backend", found=f"no {missing}")
        if int(state["version"]) != _STATE_VERSION:
            raise SceneError(
                "a state of another version of the points backend",
                expected=str(_STATE_VERSION),
                found=str(int(state["version"])),
            )
        self._voxels = self._empty(float(state["voxel_size_m"]))
        self._voxels.load(state["keys"], VoxelRows(**{name: state[name] for name in names}))
        self._keyframes = keyframes_from_arrays(state)
        self._world_frame = bytes(state["world_frame"]).decode() or None
        self._last_pixels = int(state["last_pixels"])

    def _empty(self, voxel_size_m: float) -> VoxelSums:
        return VoxelSums(voxel_size_m, self.config.max_gaussians, self.config.forget_after_looks)

    def _is_still(self, frame: RGBDFrame) -> bool:
        if not self._keyframes:
            return False
        moved_m, turned_rad = motion_between(self._keyframes[-1].T_world_cam, frame.T_world_cam)
        return moved_m < _STILL_M and turned_rad < _STILL_RAD

    def _check_world(self, frame: RGBDFrame) -> None:
        if self._world_frame is None:
            self._world_frame = frame.world_frame
        if frame.world_frame != self._world_frame:
            raise SceneError(
                f"frame {frame.frame_index} is posed in another world frame",
                expected=repr(self._world_frame),
                found=repr(frame.world_frame),
                hint="Build one scene per world frame.",
            )

    def _why_skip(self, frame: RGBDFrame, pixels: int) -> str:
        if not self._keyframes:
            return ""
        last = self._keyframes[-1]
        if pixels == self._last_pixels and np.allclose(last.T_world_cam, frame.T_world_cam):
            return f"the same image from the same pose as frame {last.frame_index}"
        jump = float(np.linalg.norm(frame.T_world_cam[:3, 3] - last.T_world_cam[:3, 3]))
        limit = self.config.max_jump_m
        if limit is not None and jump > limit:
            return f"the camera is {jump:.2f} m from frame {last.frame_index}'s, over {limit:g} m"
        return ""

    def _why_empty(self, frame: RGBDFrame, found: int) -> str:
        low, high = self.config.min_depth_m, self.config.max_depth_m
        valid = int(((frame.depth_m > low) & (frame.depth_m < high)).sum())
        if valid < _MIN_POINTS:
            return f"{valid} pixels have depth between {low:g} and {high:g} m"
        return f"{found} points are left of {valid} after rejecting edges and grazing views"

    def _block_camera(self, camera: Camera) -> tuple[Camera, int]:
        block = block_size(camera, self.config)
        for known, blocks in self._block_cameras:
            if known == camera:
                return blocks, block
        blocks = block_camera(camera, block)
        self._block_cameras = [*self._block_cameras[-3:], (camera, blocks)]
        return blocks, block

    def _fuse(self, frame: RGBDFrame, points: OrientedPoints) -> None:
        R = frame.T_world_cam[:3, :3].astype(np.float32)
        world = (points.points @ R.T).astype(np.float64) + frame.T_world_cam[:3, 3]
        values = np.concatenate(
            [
                np.ones((1, len(points))),
                world.T,
                (points.normals @ R.T).T,
                points.rgb.T,
                points.footprint_m[None],
            ],
            dtype=np.float64,
        )
        values *= points.weights
        self._voxels.add(world, values, len(self._keyframes))
        self._keyframes.append(
            Keyframe(frame.frame_index, frame.camera, frame.T_world_cam, frame.stamp_s)
        )

    def _carve(self, frame: RGBDFrame, camera: Camera, block: int, is_extra: bool) -> None:
        """Count a miss for every voxel that the frame sees through; drop those that have gone.

        The share of misses is that of regular looks only; an extra one counts for the row of them.
        """
        inverse, ok = block_inverse_depth(frame.depth_m, block, self.config)
        # the nearest surface around a pixel: thin things and rims are not carved from beside
        far = _dilate(np.where(ok, inverse, np.inf))
        rows = self._voxels.rows
        T = invert_pose(frame.T_world_cam).astype(np.float32)
        cam = rows.positions.astype(np.float32) @ T[:3, :3].T + T[:3, 3]
        z = cam[:, 2]
        ahead = np.flatnonzero(z > max(self.config.min_depth_m, 1e-3))
        z = z[ahead]
        u = np.rint(cam[ahead, 0] / z * camera.fx + camera.cx)
        v = np.rint(cam[ahead, 1] / z * camera.fy + camera.cy)
        inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
        ahead, z = ahead[inside], z[inside]
        seen = 1 / far[v[inside].astype(np.intp), u[inside].astype(np.intp)]
        margin = 3 * axial_sigma(z) + _CARVE_MARGIN_VOXELS * self._voxels.voxel_size_m
        through = ahead[seen > z + margin]
        rows.through[through] += 1
        if not is_extra:
            rows.misses[through] += 1
        gone = self._voxels.gone()
        if gone.sum() > _GONE_SHARE * len(gone):
            self._voxels.drop(gone)

    def _sigma(self, at: np.ndarray) -> np.ndarray:
        """Depth noise [n] of one measurement of voxels [n] from their anchors, metres."""
        eyes = np.array([k.T_world_cam[:3, 3] for k in self._keyframes]).reshape(-1, 3)
        sums, anchor = self._voxels.rows.sums[at], self._voxels.rows.anchor[at]
        positions = sums[:, POSITION] / sums[:, WEIGHT, None]
        return axial_sigma(np.linalg.norm(positions - eyes[anchor], axis=1))

    def _reliable(self) -> np.ndarray:
        """[N] bool: voxels that were seen often enough, and not seen through."""
        rows = self._voxels.rows
        keep = ~self._voxels.gone()
        keep &= rows.views >= min(self.config.min_views, len(self._keyframes))
        # a miss stands for as many frames as lie between two that look for misses
        keep &= (rows.misses < 2) | (rows.misses * self.config.carve_every <= rows.views)
        return keep


def _fingerprint(frame: RGBDFrame) -> int:
    """A checksum of every 64th pixel: sensor noise makes two images of one view differ there."""
    return zlib.crc32(frame.rgb[::8, ::8].tobytes(), zlib.crc32(frame.depth_m[::8, ::8].tobytes()))


def _dilate(image: np.ndarray) -> np.ndarray:
    """Maximum over 3 x 3 pixels."""
    padded = np.pad(image, 1, mode="edge")
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _gaussians(rows: VoxelRows, voxel_size_m: float) -> Gaussians:
    """Flat discs that cover the space to their neighbours."""
    weight = rows.sums[:, WEIGHT]
    colours = rows.sums[:, COLOUR] / weight[:, None]
    # several frames fill the gaps that the pixels of one leave
    footprint_m = rows.sums[:, FOOTPRINT] / weight / np.sqrt(np.maximum(rows.views, 1))
    spacing = np.maximum(voxel_size_m, footprint_m)
    confidence = 1 - 0.5 ** (1 + rows.views.astype(np.float32))
    return Gaussians(
        means=rows.positions.astype(np.float32),
        wxyz=_wxyz_from_z_axis(rows.sums[:, NORMAL]).astype(np.float32),
        scales=np.multiply.outer(spacing, [_COVER, _COVER, _THIN]).astype(np.float32),
        opacities=np.minimum(confidence, np.float32(0.99)),
        sh0=((colours - 0.5) / SH_C0).astype(np.float32),
        shN=np.zeros((len(rows), 0, 3), np.float32),
    )


def _wxyz_from_z_axis(directions: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [N,4] of the smallest turns from +z to directions [N,3] of any length."""
    x, y, z = np.ascontiguousarray(directions.T)
    length = np.sqrt(x * x + y * y + z * z)
    wxyz = np.stack([length + z, -y, x, np.zeros_like(z)], axis=1)
    wxyz[length + z <= 1e-9 * length] = (0, 1, 0, 0)
    return np.asarray(wxyz / np.sqrt(np.einsum("ij,ij->i", wxyz, wxyz))[:, None])
