"""How well fused surfels explain depth they never saw, how fast they are made and what they need.

    python benchmarks/surfels.py CAPTURE -o out/surfels

Every tenth frame is kept out of the build. Its depth, taken into the world, is compared with the
surfels: the distance to the nearest centre, and along that surfel's normal. Prints a table and
writes OUT/surfels.json; `--picture` adds a rendered view beside the image it shows.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image
from scipy.spatial import cKDTree

from grounding3d.capture import open_capture
from grounding3d.capture.base import CaptureConfig, RGBDFrame
from grounding3d.scene.backends import make_builder
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.render import render_points
from grounding3d.scene.up import estimate_up


@dataclass
class Options:
    """What to run."""

    capture: Annotated[Path, tyro.conf.Positional]
    """A recording of any known format."""
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/surfels")
    """Folder for the figures."""
    voxel_size_m: float = 0.01
    """Edge of the voxels, metres."""
    max_gaussians: int = 1_000_000
    """Bound on the voxels in memory."""
    hold_out: int = 10
    """Every n-th frame is kept out of the build."""
    range_m: float = 2.5
    """Kept-out depth up to this distance is compared, metres."""
    color_intrinsics: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy of the colour camera where the recording lacks it, pixels."""
    color_from_depth_xyz_m: tuple[float, float, float] | None = None
    """Shift of depth-camera points into the colour camera where the recording lacks it, metres."""
    picture: bool = False
    """Also render the view of a kept-out frame."""


@dataclass
class Run:
    """What was measured while building."""

    scene: Scene
    kept_out: list[RGBDFrame]
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    finish_s: float = 0.0
    total_s: float = 0.0
    skipped: int = 0


def build(options: Options) -> Run:
    """Build the scene from all but the kept-out frames."""
    reading = CaptureConfig(
        color_intrinsics=options.color_intrinsics,
        color_from_depth_xyz_m=options.color_from_depth_xyz_m,
    )
    builder = make_builder(
        SceneConfig(voxel_size_m=options.voxel_size_m, max_gaussians=options.max_gaussians)
    )
    run = Run(scene=builder.snapshot(), kept_out=[])
    start = time.perf_counter()
    for index, frame in enumerate(open_capture(options.capture, reading)):
        if index % options.hold_out == options.hold_out - 1:
            run.kept_out.append(frame)
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        run.skipped += not builder.add(frame).used
        run.cpu_ms.append(1e3 * (time.process_time() - cpu))
        run.wall_ms.append(1e3 * (time.perf_counter() - wall))
    before = time.perf_counter()
    run.scene = builder.finish()
    run.finish_s, run.total_s = time.perf_counter() - before, time.perf_counter() - start
    return run


def distances(run: Run, range_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Metres from kept-out points to the nearest surfel's centre and to its plane."""
    gaussians = run.scene.gaussians
    tree, normals = cKDTree(gaussians.means), gaussians.normals
    rng = np.random.default_rng(0)
    centre, plane = [], []
    for frame in run.kept_out:
        near = frame.depth_m[(frame.depth_m > 0) & (frame.depth_m < range_m)].size
        points = frame.camera.backproject(frame.depth_m).reshape(-1, 3).astype(np.float64)
        points = points[(points[:, 2] > 0) & (points[:, 2] < range_m)]
        points = points[rng.choice(near, min(near, 5000), replace=False)]
        points = points @ frame.T_world_cam[:3, :3].T + frame.T_world_cam[:3, 3]
        distance, nearest = tree.query(points)
        gap = points - gaussians.means[nearest]
        centre.append(distance)
        plane.append(np.abs(np.einsum("ij,ij->i", gap, normals[nearest])))
    return np.concatenate(centre), np.concatenate(plane)


def figures(options: Options) -> tuple[Run, dict[str, object]]:
    """Build, compare, and gather the numbers."""
    run = build(options)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    centre, plane = distances(run, options.range_m)
    up, source = estimate_up(run.scene)
    return run, {
        "frames built from": len(run.cpu_ms) - run.skipped,
        "frames skipped": run.skipped,
        "frames kept out": len(run.kept_out),
        "points compared": len(centre),
        "distance to centre, median mm": round(1e3 * float(np.median(centre)), 2),
        "distance to centre, 90th percentile mm": round(1e3 * float(np.quantile(centre, 0.9)), 2),
        "distance to plane, median mm": round(1e3 * float(np.median(plane)), 2),
        "surfels": len(run.scene.gaussians),
        "add a frame, median CPU ms": round(float(np.median(run.cpu_ms)), 1),
        "add a frame, 95th percentile CPU ms": round(float(np.quantile(run.cpu_ms, 0.95)), 1),
        "add a frame, median wall ms": round(float(np.median(run.wall_ms)), 1),
        "finish, s": round(run.finish_s, 2),
        "everything with decoding, s": round(run.total_s, 1),
        "peak memory of the process, MB": round(peak_mb),
        "up": None if up is None else [round(float(x), 4) for x in up],
        "up source": source,
    }


def main(options: Options) -> None:
    run, numbers = figures(options)
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"capture": options.capture.name, **numbers}, indent=2)
    (options.out / "surfels.json").write_text(text + "\n")
    if options.picture:
        frame = run.kept_out[len(run.kept_out) // 3]
        rgb, _ = render_points(run.scene, frame.camera, frame.T_world_cam)
        Image.fromarray(np.hstack([rgb, frame.rgb])).save(options.out / "surfels.png")
    print("| measure | value |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in numbers.items()))


if __name__ == "__main__":
    main(tyro.cli(Options))
