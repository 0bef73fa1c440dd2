"""`grounding3d export`: a scene in other programs' formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from grounding3d.interfaces.options import Output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grounding3d.interfaces.exports.mesh import PosedDepth
    from grounding3d.objects.base import LanguageScene

Format = Literal["ply", "splat", "pcd", "mesh", "json"]


@dataclass
class Export:
    """Write a scene as Gaussians, points, a mesh, or its objects as JSON."""

    scene: Positional[Path]
    """Scene folder made by `build`."""
    out: Output
    """File to write."""
    format: Format = "ply"
    """ply: standard 3D Gaussian Splatting file; splat: the web viewers' 32 bytes a Gaussian;
    pcd: coloured points; mesh: coloured triangles, .ply, .obj or .glb by the name's ending;
    json: the object map."""
    capture: Path | None = None
    """For a mesh: the recording, where it is not any more where the scene was built from it."""
    depth: Literal["auto", "measured", "rendered"] = "auto"
    """For a mesh: the recording's depth, the scene's own, or the recording's if it is there."""
    voxel_m: float = 0.008
    """For a mesh: edge of the voxels in metres."""
    rasterizer: str | None = None
    """For a mesh of rendered depth: cpu, cuda, surfels or reference."""

    def run(self) -> int:
        """Write the file and say so."""
        from grounding3d.interfaces.renders.files import output_file
        from grounding3d.objects.store import load_scene

        output_file(self.out)  # before anything is loaded
        scene = load_scene(self.scene)
        print(f"{self.out}: {self._write(scene)}")
        return 0

    def _write(self, scene: LanguageScene) -> str:
        """Write the file; returns what is in it."""
        gaussians = scene.scene.gaussians
        if self.format == "ply":
            from grounding3d.interfaces.renders.files import written_aside
            from grounding3d.scene.ply import write_ply

            with written_aside(self.out) as aside:
                write_ply(aside, gaussians)
            return f"{len(gaussians)} Gaussians"
        if self.format == "splat":
            from grounding3d.interfaces.exports.splat import write_splat

            write_splat(self.out, gaussians)
            return f"{len(gaussians)} Gaussians"
        if self.format == "pcd":
            from grounding3d.interfaces.exports.pcd import write_pcd

            return f"{write_pcd(self.out, gaussians)} points"
        if self.format == "mesh":
            return self._mesh(scene)
        from grounding3d.interfaces.exports.objects_json import write_objects

        write_objects(self.out, scene)
        return f"{len(scene.objects)} objects"

    def _mesh(self, scene: LanguageScene) -> str:
        from grounding3d.interfaces.exports.mesh import write_mesh
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.scene.config import SceneConfig

        images, kind = self._depth_images(scene)
        config = SceneConfig.model_validate(scene.config.get("scene", {}))
        with show_progress() as progress:
            facts = write_mesh(
                self.out,
                images,
                voxel_m=self.voxel_m,
                max_depth_m=config.max_depth_m,
                total=len(scene.scene.keyframes),
                progress=progress,
            )
        return f"{facts.n_triangles} triangles from {kind} depth"

    def _depth_images(self, scene: LanguageScene) -> tuple[Iterable[PosedDepth], str]:
        """The images to fuse, and what they are."""
        from grounding3d.interfaces.exports.mesh import recorded_depth, rendered_depth
        from grounding3d.interfaces.renders.recording import open_recording, require_recording
        from grounding3d.interfaces.renders.view import SURFELS, ViewRenderer

        keyframes = scene.scene.keyframes
        if self.depth == "measured":
            recording = require_recording(scene, self.capture, "a mesh of measured depth")
            return recorded_depth(recording, keyframes), "measured"
        found = open_recording(scene, self.capture) if self.depth == "auto" else None
        if found is not None:
            return recorded_depth(found, keyframes), "measured"
        # the discs of a surfel scene give truer depth than their blended centres
        usual = SURFELS if scene.scene.backend == "points" else None
        renderer = ViewRenderer(scene.scene, self.rasterizer or usual)
        return rendered_depth(renderer, keyframes), "rendered"
