"""Other ways to join masks into things, written afresh from their papers, for comparison.

Both take the segments that ours takes and hand back things of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from grounding3d.fusion.base import FusedSegment, Segment
from grounding3d.fusion.splitting import connected
from grounding3d.fusion.voxels import VoxelHistogram, voxel_means
from grounding3d.geometry.pointcloud import voxel_keys


@dataclass(frozen=True)
class ConceptGraphsConfig:
    """Thresholds of Gu et al., "ConceptGraphs", ICRA 2024, as published with their code."""

    voxel_m: float = 0.025
    near_m: float = 0.025
    match: float = 1.1
    merge_overlap: float = 0.7
    merge_similarity: float = 0.7
    min_views: int = 3
    clean_m: float = 0.1


@dataclass(eq=False)
class _Thing:
    points: np.ndarray
    rgb: np.ndarray
    embeddings: list[np.ndarray] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)

    @property
    def mean(self) -> np.ndarray:
        total = np.sum(self.embeddings, axis=0)
        return total / max(1e-9, float(np.linalg.norm(total)))

    def join(self, other: _Thing, voxel_m: float) -> None:
        both = np.concatenate([self.points, other.points])
        rgb = np.concatenate([self.rgb, other.rgb])
        _, self.points, self.rgb, _ = voxel_means(both, rgb, voxel_m)
        self.embeddings += other.embeddings
        self.quality += other.quality
        self.keyframes += other.keyframes


def concept_graphs(
    frames: Sequence[Sequence[Segment]], config: ConceptGraphsConfig | None = None
) -> list[FusedSegment]:
    """Greedy association of each detection with the most similar object so far.

    Similarity is the share of the detection's points within `near_m` of the object's plus
    (1 + cosine) / 2 of the mean features; below `match` a new object starts. Afterwards objects
    that overlap and look alike are merged, noise is cut, and what was seen too seldom dropped.
    """
    config = config or ConceptGraphsConfig()
    things: list[_Thing] = []
    for segments in frames:
        trees = [cKDTree(t.points) for t in things]
        means = np.array([t.mean for t in things])
        matched = [(_detection(s, config), s) for s in segments if s.embedding is not None]
        for detection, segment in matched:
            best, score = -1, -np.inf
            for n, tree in enumerate(trees):
                near = tree.query(detection.points, distance_upper_bound=config.near_m)[0]
                overlap = float(np.isfinite(near).mean())
                similarity = overlap + (1 + float(means[n] @ segment.embedding)) / 2
                if overlap > 0 and similarity > score:
                    best, score = n, similarity
            if score >= config.match:
                things[best].join(detection, config.voxel_m)
            else:
                things.append(detection)
    things = _merge(things, config)
    kept = [t for t in things if len(set(t.keyframes)) >= config.min_views]
    return [_fused(n, _clean(t, config), config.voxel_m) for n, t in enumerate(kept, 1)]


def mask_graph(
    frames: Sequence[Sequence[Segment]],
    voxel_m: float = 0.025,
    min_iou: float = 0.3,
    min_cosine: float = 0.5,
    min_views: int = 3,
) -> list[FusedSegment]:
    """Masks as sets of voxels, an edge where set IoU and cosine pass, connected components.

    The scheme of LightSplat, with voxels in the place of Gaussians.
    """
    segments = [s for frame in frames for s in frame if s.embedding is not None]
    if not segments:
        return []
    keys = [np.unique(voxel_keys(s.points, voxel_m)) for s in segments]
    voxels, column = np.unique(np.concatenate(keys), return_inverse=True)
    sizes = np.array([len(k) for k in keys])
    row = np.repeat(np.arange(len(keys)), sizes)
    shape = (len(keys), len(voxels))
    members = coo_matrix((np.ones(len(row), np.int32), (row, column)), shape=shape).tocsr()
    common = (members @ members.T).tocoo()
    iou = common.data / (sizes[common.row] + sizes[common.col] - common.data)
    vectors = np.stack([s.embedding for s in segments])
    cosine = np.einsum("nd,nd->n", vectors[common.row], vectors[common.col])
    passing = (iou >= min_iou) & (cosine >= min_cosine)
    pairs = common.row[passing], common.col[passing]
    graph = coo_matrix((np.ones(passing.sum()), pairs), shape=(len(keys), len(keys)))
    count, label = connected_components(graph, directed=False)
    found = []
    for n in range(count):
        own = [segments[i] for i in np.flatnonzero(label == n)]
        if len({s.keyframe for s in own}) >= min_views:
            thing = _Thing(np.zeros((0, 3)), np.zeros((0, 3)))
            for segment in own:
                thing.join(_Thing(segment.points, segment.rgb, [segment.embedding],
                                  [segment.view_quality], [segment.keyframe]), voxel_m)  # fmt: skip
            found.append(_fused(n + 1, thing, voxel_m))
    return found


def _detection(segment: Segment, config: ConceptGraphsConfig) -> _Thing:
    _, points, rgb, _ = voxel_means(segment.points, segment.rgb, config.voxel_m)
    assert segment.embedding is not None
    return _Thing(points, rgb, [segment.embedding], [segment.view_quality], [segment.keyframe])


def _merge(things: list[_Thing], config: ConceptGraphsConfig) -> list[_Thing]:
    """Join objects that overlap and look alike, the largest overlap first."""
    overlaps = []
    for a, one in enumerate(things):
        tree = cKDTree(one.points)
        for b, two in enumerate(things):
            if a != b:
                near = tree.query(two.points, distance_upper_bound=config.near_m)[0]
                overlaps.append((float(np.isfinite(near).mean()), a, b))
    heir = list(range(len(things)))
    for overlap, a, b in sorted(overlaps, reverse=True):
        if overlap < config.merge_overlap:
            break
        while heir[a] != a:
            a = heir[a]
        if heir[b] == b != a and things[a].mean @ things[b].mean > config.merge_similarity:
            things[a].join(things[b], config.voxel_m)
            heir[b] = a
    return [thing for n, thing in enumerate(things) if heir[n] == n]


def _clean(thing: _Thing, config: ConceptGraphsConfig) -> _Thing:
    kept = connected(thing.points, np.ones(len(thing.points)), config.clean_m, 1.0)
    rest = thing.embeddings, thing.quality, thing.keyframes
    return _Thing(thing.points[kept], thing.rgb[kept], *rest)


def _fused(number: int, thing: _Thing, voxel_m: float) -> FusedSegment:
    cells = VoxelHistogram.from_points(thing.points, thing.rgb.astype(np.uint8), voxel_m)
    order = np.argsort(-np.array(thing.quality), kind="stable")[:32]
    return FusedSegment(
        id=number,
        kind="object",
        points=cells.points,
        counts=cells.counts,
        rgb=cells.rgb,
        embeddings=np.array(thing.embeddings, np.float32)[order],
        view_quality=np.array(thing.quality, np.float32)[order],
        view_keyframes=np.array(thing.keyframes, np.int32)[order],
        keyframes=np.unique(np.array(thing.keyframes, np.int32)),
    )
