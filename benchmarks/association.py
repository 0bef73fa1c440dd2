"""Ways to join masks into things, compared on the same masks and features.

    python benchmarks/association.py --captures out/tabletop/captures/* -o out/association

Each capture (with its ground_truth.json) is segmented and encoded once; then plain ConceptGraphs
association, a mask graph with connected components, and ours join the same segments, and the same
code makes objects of the results. Prints a table and writes OUT/association.json and .md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from association_baselines import concept_graphs, mask_graph

from grounding3d.capture import open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.features.crops import encode_masks
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.features.masks import make_mask_source
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.base import FusedSegment, Segment
from grounding3d.fusion.lifting import lift_masks
from grounding3d.geometry.boxes import aabb_iou
from grounding3d.live.config import Config
from grounding3d.live.keyframes import KeyframeSelector
from grounding3d.objects.base import MapObject
from grounding3d.objects.build import build_objects
from grounding3d.query.truth import GroundTruth, TrueObject
from grounding3d.scene.base import Gaussians, Keyframe, Scene

_HELD = 0.2  # share of an object's points in a true box that makes it hold that thing
_WITHIN = 0.5  # share that makes it a piece of it


@dataclass
class Options:
    """What to run."""

    captures: tuple[Path, ...]
    """Captures with ground truth."""
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/association")
    """Folder for the figures."""
    encoder: str = BUNDLED


@dataclass(frozen=True, eq=False)
class Recording:
    """The segments of one capture's keyframes, and what is really there."""

    frames: list[RGBDFrame]
    segments: list[list[Segment]]
    scene: Scene
    truth: GroundTruth


@dataclass
class Tally:
    """Counts over all captures."""

    things: int = 0
    found: int = 0
    inside: int = 0
    over: int = 0
    under: int = 0
    strays: int = 0
    distances_m: list[float] = field(default_factory=list)
    seconds: float = 0.0
    frames: int = 0

    def figures(self) -> dict[str, float]:
        """Shares, distances and time."""
        distances = np.array(self.distances_m or [np.nan])
        return {
            "things": self.things,
            "iou_over_half": round(self.found / max(1, self.things), 4),
            "centre_inside": round(self.inside / max(1, self.things), 4),
            "over_segmented": round(self.over / max(1, self.things), 4),
            "under_segmented": round(self.under / max(1, self.things), 4),
            "strays_per_thing": round(self.strays / max(1, self.things), 4),
            "median_error_m": round(float(np.median(distances)), 4),
            "p90_error_m": round(float(np.quantile(distances, 0.9)), 4),
            "ms_per_frame": round(1e3 * self.seconds / max(1, self.frames), 2),
        }


def ours(recording: Recording) -> list[FusedSegment]:
    """The votes of `SegmentFuser`."""
    fuser = SegmentFuser()
    for frame, segments in zip(recording.frames, recording.segments, strict=True):
        fuser.add(segments, frame)
    return fuser.fused()


VARIANTS: dict[str, Callable[[Recording], list[FusedSegment]]] = {
    "ConceptGraphs": lambda recording: concept_graphs(recording.segments),
    "mask graph": lambda recording: mask_graph(recording.segments),
    "ours": ours,
}


def record(capture_folder: Path, encoder: Any) -> Recording:
    """Segment and encode the frames that the mapper would."""
    config = Config()
    capture = open_capture(capture_folder)
    source, motion = make_mask_source(config.masks), config.keyframes
    selector = KeyframeSelector(motion.language_translation_m, motion.language_rotation_rad)
    frames: list[RGBDFrame] = []
    segments = []
    for frame in capture:
        if not selector.wants(frame.T_world_cam):
            continue
        selector.take(frame.T_world_cam)
        masks = source.masks(frame, capture.up_world)
        vectors = encode_masks(encoder, frame.rgb, masks)
        segments.append(lift_masks(frame, masks, vectors, len(frames), config.fusion))
        frames.append(frame)
    truth = json.loads((capture_folder / "ground_truth.json").read_text())
    return Recording(
        frames, segments, scene_of(frames, capture.up_world), GroundTruth.from_json(truth)
    )


def scene_of(frames: Sequence[RGBDFrame], up_world: np.ndarray | None) -> Scene:
    """Keyframes and up, without geometry: enough to make objects."""
    none = np.zeros((0, 3), np.float32)
    empty = Gaussians(
        none, np.zeros((0, 4), np.float32), none, np.zeros(0, np.float32), none,
        np.zeros((0, 0, 3), np.float32),
    )  # fmt: skip
    keyframes = [
        Keyframe(n, frame.camera, frame.T_world_cam, frame.stamp_s)
        for n, frame in enumerate(frames)
    ]
    return Scene(empty, np.zeros(0, np.int32), tuple(keyframes), "map", up_world, "capture")


def judge(objects: Sequence[MapObject], truth: GroundTruth, supports: set[str], tally: Tally):
    """Count one scene; supports (tables, floors) are not asked for."""
    targets = [t for t in truth.objects.values() if t.category not in supports]
    things = [item for item in objects if item.kind == "object" and len(item.points)]
    share = np.array([[_share(item, target) for target in targets] for item in things])
    share = share.reshape(len(things), len(targets))
    tally.things += len(targets)
    tally.under += int(((share >= _HELD).sum(axis=1) > 1).sum())
    tally.strays += int((share.max(axis=1, initial=0.0) < _HELD).sum())
    pieces = (share >= _WITHIN) & (share == share.max(axis=1, keepdims=True, initial=0.0))
    tally.over += int(np.maximum(0, pieces.sum(axis=0) - 1).sum())
    for column, target in enumerate(targets):
        box = (target.minimum, target.maximum)
        ious = np.array([aabb_iou(item.box.aabb(), box) for item in things])
        best = things[int(ious.argmax())] if len(things) else None
        tally.found += int(ious.max(initial=0.0) > 0.5)
        if best is not None and share[:, column].max() > 0:
            tally.inside += int(target.contains(best.position))
            tally.distances_m.append(float(np.linalg.norm(best.position - target.center)))


def _share(item: MapObject, target: TrueObject) -> float:
    """Share of an object's points that lie in a true box."""
    return float(target.contains(item.points, margin_m=0.005).mean())


def table(tallies: dict[str, Tally]) -> str:
    """The figures as Markdown."""
    figures = {name: tally.figures() for name, tally in tallies.items()}
    columns = list(next(iter(figures.values())))
    rows = ["| | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
    for name, values in figures.items():
        rows.append(f"| {name} | " + " | ".join(str(values[c]) for c in columns) + " |")
    return "\n".join(rows)


def compare(recordings: Sequence[Recording]) -> dict[str, Tally]:
    """Every variant on every recording."""
    tallies = {name: Tally() for name in VARIANTS}
    for recording in recordings:
        plane = [[s for s in own if s.kind == "support"] for own in recording.segments]
        supports = ours(Recording(recording.frames, plane, recording.scene, recording.truth))
        for name, variant in VARIANTS.items():
            started = time.process_time()
            things = [s for s in variant(recording) if s.kind == "object"]
            tallies[name].seconds += time.process_time() - started
            tallies[name].frames += len(recording.frames)
            first = 1 + max((s.id for s in things), default=0)
            planes = [FusedSegment(**{**s.__dict__, "id": first + s.id}) for s in supports]
            objects = build_objects([*planes, *things], recording.scene)
            judge(objects.objects, recording.truth, {"table"}, tallies[name])
    return tallies


def main(options: Options) -> None:
    """Run, print and write."""
    encoder = load_encoder(options.encoder)
    recordings = [record(folder, encoder) for folder in options.captures]
    tallies = compare(recordings)
    options.out.mkdir(parents=True, exist_ok=True)
    figures = {name: tally.figures() for name, tally in tallies.items()}
    (options.out / "association.json").write_text(json.dumps(figures, indent=1))
    (options.out / "association.md").write_text(table(tallies) + "\n")
    print(table(tallies))


if __name__ == "__main__":
    main(tyro.cli(Options))
