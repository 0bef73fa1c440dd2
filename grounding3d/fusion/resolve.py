"""From tracks and votes to things: joining, trimming, dropping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.leaks import without_leaks
from grounding3d.fusion.memo import Memo
from grounding3d.fusion.nearness import boxes_meet, near_share
from grounding3d.fusion.splitting import connected
from grounding3d.fusion.tracks import Track
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds, in_bounds

if TYPE_CHECKING:
    from grounding3d.fusion.association import SegmentFuser

_SETTLED_FRAMES = 20
_AMONG_SHARE = 0.7  # of a fragment's points lie next to the other's
_PATCH_SEEN_SHARE = 0.35
_BODY_OFF_M, _BODY_SHARE = 0.06, 0.3
_BODY_VIEWS_SHARE = 0.5
_ISLAND_SHARE = 0.2  # smaller separate pieces of a thing are leaked masks


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fused thing before it is decided whether it is kept.

    Attributes:
        group: ids of the tracks it consists of.
        segment: the thing.
        n_visible: frames that could have seen it.
    """

    group: frozenset[int]
    segment: FusedSegment
    n_visible: int


def merge_duplicates(fuser: SegmentFuser) -> None:
    """Join tracks of one kind of which one lies in the other and that no frame kept apart."""
    for kind, margin_m in (
        ("object", fuser.config.voxel_size_m),
        ("support", fuser.config.support_voxel_size_m),
    ):
        tracks = [t for t in fuser.tracks.values() if t.kind == kind]
        tracks.sort(key=lambda t: (-len(t.voxels), t.id))
        _merge(fuser, tracks, margin_m)


def _merge(fuser: SegmentFuser, tracks: list[Track], margin_m: float) -> None:
    """Join duplicates among tracks of one kind, largest first."""
    if not tracks:
        return
    low, high = np.stack([t.low for t in tracks]), np.stack([t.high for t in tracks])
    for n, large in enumerate(tracks):
        if large.id not in fuser.tracks:
            continue
        # a track that absorbs others lies in the box it had, but for what it takes over
        touching = (low[n + 1 :] <= large.high + margin_m) & (high[n + 1 :] >= large.low - margin_m)
        for row in np.flatnonzero(touching.all(axis=1)):
            small = tracks[n + 1 + row]
            if small.id in fuser.tracks and _same(fuser, large, small):
                large.absorb(small)
                fuser.forget(small.id, heir=large.id)


def _same(fuser: SegmentFuser, large: Track, small: Track) -> bool:
    together, apart = fuser.votes.get(large.id, small.id)
    if apart > together:
        return False
    if not len(small.voxels):
        return True
    if small.kind == "support":  # a first look at a rim may have been too tilted to continue it
        reach_m = fuser.config.support_voxel_size_m
        share = near_share(small.points, large.points, reach_m, fuser.memo)
    else:
        share = fuser.memo.recall(_share_in, small.voxels, large.voxels)
    return share >= fuser.config.merge_share


def _share_in(small: VoxelHistogram, large: VoxelHistogram) -> float:
    return float(small.near(large)[0].mean())


def seen_often_enough(fuser: SegmentFuser, group: frozenset[int]) -> bool:
    """Whether enough keyframes saw a thing; short captures need fewer."""
    keyframes = set().union(*(fuser.tracks[i].keyframes for i in group))
    return len(keyframes) >= min(fuser.config.min_views, max(1, fuser.n_frames // 2))


def drop_fleeting(fuser: SegmentFuser) -> None:
    """Forget tracks that many frames could have seen and hardly any did, to bound the memory."""
    for track in list(fuser.tracks.values()):
        share = len(track.keyframes) / max(1, track.n_visible)
        if track.n_visible >= _SETTLED_FRAMES and share < fuser.config.min_seen_share:
            fuser.forget(track.id)


def fuse_group(fuser: SegmentFuser, group: frozenset[int], sizes: dict[int, int]) -> Candidate:
    """One thing from the tracks it consists of; `sizes` are the voxels of every track."""
    tracks = [fuser.tracks[i] for i in sorted(group)]
    kind = tracks[0].kind
    voxels = fuser.memo.recall(_together, *(t.voxels for t in tracks))
    if kind == "object":
        voxels = without_leaks(fuser, group, voxels)
    surface = fuser.memo.recall(_surface, kind, fuser.config, voxels)
    views = fuser.views.of_group(group, sizes)
    keyframes = sorted(set().union(*(t.keyframes for t in tracks)))
    segment = FusedSegment(
        id=min(group),
        kind=kind,
        points=surface.points,
        counts=surface.counts,
        rgb=surface.rgb,
        embeddings=np.stack([v.embedding for v in views])
        if views
        else np.zeros((0, 0), np.float32),
        view_quality=np.array([v.quality for v in views], np.float32),
        view_keyframes=np.array([v.keyframe for v in views], np.int32),
        keyframes=np.array(keyframes, np.int32),
        crops=tuple(v.crop for v in views if v.crop is not None)[: fuser.config.max_crops],
        misfit_m=_misfit(tracks),
    )
    return Candidate(group, segment, max(len(keyframes), *(t.n_visible for t in tracks)))


@dataclass(frozen=True, eq=False)
class _Surface:
    """Points [n,3] of a thing, how often each was seen, and its colour [n,3]."""

    points: np.ndarray
    counts: np.ndarray
    rgb: np.ndarray


def _together(*parts: VoxelHistogram) -> VoxelHistogram:
    voxels = parts[0]
    for part in parts[1:]:
        voxels = voxels.add(part)
    return voxels


def _surface(kind: str, config: FusionConfig, voxels: VoxelHistogram) -> _Surface:
    """What is seen of a thing that consists of some voxels."""
    voxels = _trim(voxels, kind, config)
    surface = _Surface(voxels.points, voxels.counts, voxels.rgb)
    for array in vars(surface).values():
        array.setflags(write=False)  # several snapshots share it
    return surface


def _misfit(tracks: list[Track]) -> float:
    frames, squares = np.sum([t.misfit for t in tracks], axis=0)
    return float(np.sqrt(squares / max(1.0, frames)))


def join_fragments(
    fuser: SegmentFuser, candidates: list[Candidate], sizes: dict[int, int]
) -> list[Candidate]:
    """Join fragments of things that masks keep cutting: thin bars, racks, handles.

    Such masks cut differently in every view, so that the majority of votes may say apart. Fragments
    of one thing lie among each other and look alike, and some view saw them whole.
    """
    thing_of = {track_id: c for c in candidates for track_id in c.group}
    seen_together = sorted(pair for pair, votes in fuser.votes.counts.items() if votes[0])
    for a, b in seen_together:
        one, two = thing_of.get(a), thing_of.get(b)
        if one is not None and two is not None and one is not two and _fragments(fuser, one, two):
            whole = fuse_group(fuser, one.group | two.group, sizes)
            thing_of.update(dict.fromkeys(whole.group, whole))
    return list({min(c.group): c for c in thing_of.values()}.values())


def _fragments(fuser: SegmentFuser, a: Candidate, b: Candidate) -> bool:
    one, two = a.segment, b.segment
    if one.kind != "object" or two.kind != "object":
        return False
    votes = [fuser.votes.get(i, j) for i in a.group for j in b.group]
    together, apart = np.sum(votes, axis=0)
    if together < max(1, fuser.config.fragment_votes * (together + apart)):
        return False
    if not (len(one.embeddings) and len(two.embeddings)):
        return False
    mean_one, mean_two = one.view_quality @ one.embeddings, two.view_quality @ two.embeddings
    cosine = mean_one @ mean_two / (np.linalg.norm(mean_one) * np.linalg.norm(mean_two) + 1e-9)
    if cosine < fuser.config.fragment_cosine:
        return False
    large, small = sorted((one.points, two.points), key=len, reverse=True)
    share = near_share(small, large, fuser.config.cluster_voxel_m, fuser.memo)
    return share >= _AMONG_SHARE


def _trim(voxels: VoxelHistogram, kind: str, config: FusionConfig) -> VoxelHistogram:
    """Without voxels that masks hit seldom although the frames saw them, and without islands."""
    share = voxels.seen_share()
    voxels = voxels.select(share >= config.trim_share * np.median(share))
    if kind == "object" and len(voxels):
        cell = max(config.cluster_voxel_m, 1.5 * voxels.cell_m)
        voxels = voxels.select(connected(voxels.points, voxels.counts, cell, _ISLAND_SHARE))
    return voxels


def drop_doubtful(
    candidates: list[Candidate], config: FusionConfig, memo: Memo
) -> list[FusedSegment]:
    """Drop what was seen too seldom, and the weaker of a support and an object in one place.

    Of a support that is a face of a larger object both stay; the support says whose it is.
    """
    kept = [
        c
        for c in candidates
        if len(c.segment.points) >= config.min_segment_points
        and len(c.segment.keyframes) >= config.min_seen_share * c.n_visible
    ]
    doubtful: set[int] = set()
    bodies: dict[int, FusedSegment] = {}
    objects = [c for c in kept if c.segment.kind == "object"]
    for support in (c.segment for c in kept if c.segment.kind == "support"):
        for thing in objects:
            if not boxes_meet(
                support.points, thing.segment.points, config.support_voxel_size_m, memo
            ):
                continue
            if _is_patch(thing, support, config, memo):
                doubtful.add(thing.segment.id)
            elif _is_top(support, thing.segment, config, memo):
                if _is_body(thing.segment, support, memo):
                    bodies[support.id] = _larger(bodies.get(support.id), thing.segment)
                else:
                    weaker = min(thing.segment, support, key=lambda s: len(s.keyframes))
                    doubtful.add(weaker.id)
    segments = [
        replace(s, body_id=bodies[s.id].id) if s.id in bodies else s
        for s in (c.segment for c in kept)
        if s.id not in doubtful
    ]
    return sorted(segments, key=lambda s: s.id)


def _is_body(thing: FusedSegment, support: FusedSegment, memo: Memo) -> bool:
    """Whether much of an object lies off a support that is a face of it, and not by a few masks."""
    if len(thing.keyframes) < _BODY_VIEWS_SHARE * len(support.keyframes):
        return False
    return 1 - near_share(thing.points, support.points, _BODY_OFF_M, memo) >= _BODY_SHARE


def _larger(one: FusedSegment | None, other: FusedSegment) -> FusedSegment:
    return other if one is None or len(other.points) > len(one.points) else one


def _is_patch(thing: Candidate, support: FusedSegment, config: FusionConfig, memo: Memo) -> bool:
    """Whether an object is a piece of a support that a few masks cut out.

    A pen or a sheet of paper lies in the support's voxels too, but most frames that see it have a
    mask for it.
    """
    if len(thing.segment.keyframes) >= _PATCH_SEEN_SHARE * thing.n_visible:
        return False
    reach = config.support_voxel_size_m / 2
    return near_share(thing.segment.points, support.points, reach, memo) >= 0.9


def _is_top(support: FusedSegment, thing: FusedSegment, config: FusionConfig, memo: Memo) -> bool:
    """Whether a support is the top of an object: most of it lies in the object's surface."""
    reach = config.support_voxel_size_m
    if memo.recall(_share_in_box, support.points, thing.points, reach) < 0.6:
        return False
    return near_share(support.points, thing.points, reach, memo) >= 0.6


def _share_in_box(points: np.ndarray, others: np.ndarray, margin_m: float) -> float:
    """Share of points [n,3] in the axis-aligned box of the others."""
    low, high = bounds(others)
    return float(in_bounds(points, low - margin_m, high + margin_m).mean())
