"""A coloured triangle mesh by fusion of depth images.

Truncated signed distances (Curless and Levoy 1996) in Open3D's hashed blocks (Dong et al. 2021).
Coordinates are the scene's, in metres; nothing is turned or moved, also not for formats that are
usually y-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError, SceneError
from grounding3d.extras import require
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose
from grounding3d.interfaces.renders.files import written_aside
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.scene.base import Keyframe, Progress

SUFFIXES = (".ply", ".obj", ".glb")
_TRUNCATION = 4.0  # voxels on either side of a surface
_BLOCK, _BLOCKS = 8, 20_000  # voxels along a block's edge; blocks at first, more come as needed
_SEEN = 3  # images a surface must be seen in, fewer where there are few images
_SMALLEST_PIECE = 60  # triangles; smaller loose pieces are noise
_MAX_ALPHA_LOSS = 0.1  # of a rendered pixel: what shows through is no surface


@dataclass(frozen=True, eq=False)
class PosedDepth:
    """What a mesh is fused from: rgb [H,W,3] uint8, depth_m [H,W] (0 = unknown), and the camera."""

    rgb: np.ndarray
    depth_m: np.ndarray
    camera: Camera
    T_world_cam: np.ndarray


@dataclass(frozen=True)
class MeshFacts:
    """What was written."""

    n_vertices: int
    n_triangles: int


def recorded_depth(recording: Recording, keyframes: Iterable[Keyframe]) -> Iterator[PosedDepth]:
    """Measured depth of the frames behind keyframes, at the scene's (perhaps corrected) poses."""
    poses = {k.frame_index: k.T_world_cam for k in keyframes}
    for frame in recording.keyframes(keyframes):
        yield PosedDepth(frame.rgb, frame.depth_m, frame.camera, poses[frame.frame_index])


def rendered_depth(renderer: ViewRenderer, keyframes: Iterable[Keyframe]) -> Iterator[PosedDepth]:
    """The scene's own depth at keyframes, where it is opaque."""
    for keyframe in keyframes:
        view = renderer.render(keyframe.camera, keyframe.T_world_cam)
        depth_m = np.where(view.alpha >= 1 - _MAX_ALPHA_LOSS, view.depth_m, 0)
        yield PosedDepth(view.rgb, depth_m.astype(np.float32), view.camera, view.T_world_cam)


def write_mesh(
    path: Path,
    images: Iterable[PosedDepth],
    *,
    voxel_m: float = 0.008,
    max_depth_m: float = 5.0,
    total: int | None = None,
    progress: Progress | None = None,
) -> MeshFacts:
    """Fuse images and write a mesh; the suffix chooses .ply, .obj or .glb.

    Raises:
        ConfigError: another suffix, or a voxel of no size.
        MissingDependencyError: Open3D or trimesh is not installed.
        SceneError: no surface came out, or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"cannot write a mesh to {path}", expected="a name ending in " + ", ".join(SUFFIXES)
        )
    if not 0.0005 <= voxel_m <= 1:
        raise ConfigError(
            "the voxel has no usable size", expected="0.0005 to 1 m", found=f"{voxel_m:g} m"
        )
    volume = _Volume(voxel_m, max_depth_m)
    for number, image in enumerate(images):
        volume.add(image)
        if progress is not None:
            progress("depth images", number + 1, total)
    mesh = volume.mesh()
    facts = MeshFacts(len(mesh.vertices), len(mesh.triangles))
    if not facts.n_triangles:
        raise SceneError(
            "the depth images hold no surface", found=f"nothing within {max_depth_m:g} m"
        )
    content = _encoded(mesh, path.suffix.lower()[1:])
    with written_aside(path) as aside:
        aside.write_bytes(content)
    return facts


def _encoded(mesh: Any, file_type: str) -> bytes:
    """Open3D's mesh in trimesh's encoding: Open3D's own .glb is one that Assimp, by which RViz
    reads meshes, cannot read, and its writers call it a success if a full disk cuts the file."""
    trimesh = require("trimesh", purpose="a mesh")
    colours = np.clip(np.asarray(mesh.vertex_colors) * 255 + 0.5, 0, 255)
    encoded = trimesh.Trimesh(
        np.asarray(mesh.vertices),
        np.asarray(mesh.triangles),
        vertex_normals=np.asarray(mesh.vertex_normals),
        vertex_colors=colours.astype(np.uint8),
        process=False,
    ).export(file_type=file_type)
    return encoded.encode() if isinstance(encoded, str) else encoded


class _Volume:
    """Open3D's volume of blocks around the surfaces, on the CPU.

    Its kernels take the pixel that a projection falls into, with the first pixel from 0 to 1: half
    a pixel is added to the principal point, as our pixels' centres are integers.
    """

    def __init__(self, voxel_m: float, max_depth_m: float) -> None:
        self.o3d = require("open3d", purpose="a mesh")
        core = self.o3d.core
        self._core, self._max_depth_m, self._count = core, max_depth_m, 0
        self._grid = self.o3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight", "color"),
            attr_dtypes=(core.float32, core.float32, core.float32),
            attr_channels=((1), (1), (3)),
            voxel_size=voxel_m,
            block_resolution=_BLOCK,
            block_count=_BLOCKS,
            device=core.Device("CPU:0"),
        )

    def add(self, image: PosedDepth) -> None:
        """Fuse one image."""
        depth = self._image(image.depth_m.astype(np.float32))
        colour = self._image(image.rgb.astype(np.float32) / 255)
        K = image.camera.K.copy()
        K[:2, 2] += 0.5
        intrinsics = self._core.Tensor(K, self._core.float64)
        extrinsics = self._core.Tensor(
            invert_pose(np.asarray(image.T_world_cam, np.float64)), self._core.float64
        )
        limits = (1.0, self._max_depth_m, _TRUNCATION)
        if not (image.depth_m > 0).any():
            return
        blocks = self._grid.compute_unique_block_coordinates(depth, intrinsics, extrinsics, *limits)
        self._grid.integrate(blocks, depth, colour, intrinsics, intrinsics, extrinsics, *limits)
        self._count += 1

    def mesh(self) -> Any:
        """The surface that was seen often enough, without loose scraps."""
        if self._count == 0:
            return self.o3d.geometry.TriangleMesh()
        often = float(min(_SEEN, max(1, self._count // 4)))
        return _clean(self._grid.extract_triangle_mesh(often).to_legacy())

    def _image(self, pixels: np.ndarray) -> Any:
        return self.o3d.t.geometry.Image(self._core.Tensor(np.ascontiguousarray(pixels)))


def _clean(mesh: Any) -> Any:
    """Without loose scraps; with normals."""
    clusters, counts, _ = mesh.cluster_connected_triangles()
    small = np.asarray(counts)[np.asarray(clusters)] < _SMALLEST_PIECE if len(counts) else []
    mesh.remove_triangles_by_mask(small)
    mesh.remove_unreferenced_vertices()
    mesh.compute_vertex_normals()
    return mesh
