"""Segments of many frames, joined into things.

The fuser keeps tracks: pieces of the world that it has no reason to divide. A mask that covers one
track, or lies in it, adds to it. Two masks of one frame that lie in one track split it; a mask that
covers several tracks is a vote that they are one thing, masks that keep them apart in one frame are
votes against. What a thing is, is decided only when it is asked for, by a clear majority of those
votes over all views, so a wrong mask here and there does no harm and the order of the frames hardly
matters. (The vote over views is the idea of Yan et al., "MaskClustering", CVPR 2024, made
incremental.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.fusion import fuser_state
from grounding3d.fusion.base import FusedSegment, Segment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.forgetting import forget_gone, note_looks
from grounding3d.fusion.memo import Memo
from grounding3d.fusion.overlap import Overlap, look_at_tracks, measure_overlap
from grounding3d.fusion.resolve import (
    drop_doubtful,
    drop_fleeting,
    fuse_group,
    join_fragments,
    merge_duplicates,
    seen_often_enough,
)
from grounding3d.fusion.splitting import nearest_label, split_voxels
from grounding3d.fusion.supports import add_support
from grounding3d.fusion.tracks import (
    PairVotes,
    Track,
    View,
    ViewStore,
    boxes_touch,
    parts_apart,
)
from grounding3d.fusion.voxels import VoxelHistogram

_NEIGHBOUR_GAP_M = 1.0  # a wrong mask may join what is so far apart, as the things in a shelf
_TIDY_EVERY = 16  # frames
_VOTE_SHARE = 0.3  # a mask that saw less of a track says nothing about what the track belongs to


class SegmentFuser:
    """Joins segments frame by frame.

    Args:
        config: thresholds; the defaults if None.
    """

    def __init__(self, config: FusionConfig | None = None) -> None:
        self.config = config or FusionConfig()
        self.tracks: dict[int, Track] = {}
        self.views = ViewStore(self.config.max_views, self.config.max_crops)
        self.votes = PairVotes()
        self.memo = Memo()
        self.next_id = 1
        self.n_frames = 0

    def add(self, segments: Sequence[Segment], frame: RGBDFrame | None = None) -> None:
        """Take in all segments of one frame (also none at all).

        Args:
            segments: lifted masks of one frame.
            frame: the frame itself. With it, overlaps are measured on what the frame could see;
                without it a view of another side of a thing is told less well from a mask of a
                part.
        """
        self.n_frames += 1
        looks = look_at_tracks(self.tracks.values(), frame) if frame is not None else {}
        note_looks(self, looks)
        visible = {track_id: look.seen for track_id, look in looks.items()}
        for segment in segments:
            if segment.kind == "support":
                add_support(self, segment)
        self._add_objects([s for s in segments if s.kind == "object"], visible)
        for track_id, seen in visible.items():
            if track_id in self.tracks and len(seen) and seen.mean() >= _VOTE_SHARE:
                self.tracks[track_id].n_visible += 1
        if frame is None:
            for track in self.tracks.values():
                track.n_visible = len(track.keyframes)
        if self.config.forget_after_looks:
            forget_gone(self)
        if self.n_frames % _TIDY_EVERY == 0:
            drop_fleeting(self)

    def _add_objects(self, segments: list[Segment], visible: dict[int, np.ndarray]) -> None:
        cells = [
            VoxelHistogram.from_points(s.points, s.rgb, self.config.voxel_size_m) for s in segments
        ]
        old = [t for t in self.tracks.values() if t.kind == "object"]
        overlap = measure_overlap(cells, old, visible)
        if self._split_divided(cells, overlap, visible):
            old = [t for t in self.tracks.values() if t.kind == "object"]
            overlap = measure_overlap(cells, old, visible)
        members = [self._members(i, segments[i], overlap) for i in range(len(segments))]
        self._vote(members, overlap)
        before = {t.id: t.voxels for t in old}
        hit: dict[int, VoxelHistogram] = {}
        for i, segment in enumerate(segments):
            seen = overlap.seen_share(i, members[i]) if members[i] else 1.0
            if not members[i]:
                empty = VoxelHistogram.empty(self.config.voxel_size_m)
                members[i] = [self.new_track("object", empty).id]
            parts = self._share_out(cells[i], members[i])
            for track_id, part in parts.items():
                hit[track_id] = hit[track_id].add(part) if track_id in hit else part
            self.note_view(parts, segment, seen)
        for track_id, part in hit.items():
            track = self.tracks[track_id]
            if track_id in visible and track_id in before:
                # what the frame saw of the track, but not even near its masks
                missed = visible[track_id] & ~part.near(before[track_id])[1]
                track.voxels.misses[missed] += 1
            track.put(track.voxels.add(part))

    def new_track(self, kind: str, voxels: VoxelHistogram) -> Track:
        """Start a track under the next id."""
        track = Track(self.next_id, kind, voxels)  # type: ignore[arg-type]
        self.tracks[track.id] = track
        self.next_id += 1
        return track

    def note_view(self, members: Sequence[int] | dict, segment: Segment, seen: float) -> None:
        """Keep a segment's embedding and keyframe with the tracks it covered."""
        for track_id in members:
            self.tracks[track_id].keyframes.add(segment.keyframe)
            self.tracks[track_id].n_silent = 0
        if segment.embedding is not None:
            quality = segment.view_quality * min(1.0, max(seen, 0.05))
            view = View(segment.embedding, quality, segment.keyframe, segment.crop)
            self.views.add(members, view)

    def _members(self, i: int, segment: Segment, overlap: Overlap) -> list[int]:
        """The tracks a segment is of: those it covers, and the one it mostly lies in."""
        share = self.config.match_share
        members = {t for t, back in overlap.backward[i].items() if back >= share}
        forward = overlap.forward[i]
        if forward:
            best = max(forward, key=lambda t: (forward[t], -t))
            # a look from another side overlaps little; the features may tip the scale
            alike = self._cosine(segment, best) >= self.config.same_cosine
            if forward[best] >= (0.6 * share if alike and not members else share):
                members.add(best)
        return sorted(members)

    def _cosine(self, segment: Segment, track_id: int) -> float:
        if segment.embedding is None:
            return 0.0
        views = self.views.by_members.get(frozenset([track_id]), [])
        if not views:
            return 0.0
        mean = np.sum([v.embedding * v.quality for v in views], axis=0)
        return float(mean @ segment.embedding / max(1e-9, np.linalg.norm(mean)))

    def _split_divided(
        self, cells: list[VoxelHistogram], overlap: Overlap, visible: dict[int, np.ndarray]
    ) -> bool:
        """Split every track that this frame divides.

        At least one mask lies in it, and others do too or claim much of it: the mask of a shelf
        may reach far beyond the piece that has swallowed a vase.
        """
        config, divided = self.config, False
        for track_id in sorted(set().union(*overlap.forward)):
            track = self.tracks[track_id]
            inside = {
                i
                for i, forward in enumerate(overlap.forward)
                if forward.get(track_id, 0.0) >= config.match_share
                and (
                    overlap.backward[i].get(track_id, 0.0) >= config.split_share
                    or len(cells[i]) * config.voxel_size_m**2 >= config.split_area_m2
                )
            }
            claiming = {
                i
                for i, backward in enumerate(overlap.backward)
                if backward.get(track_id, 0.0) >= config.claim_share
            }
            dividing = sorted(inside | claiming)
            if not inside or len(dividing) < 2:
                continue
            parts = split_voxels(track, [cells[i] for i in dividing], config.min_segment_points)
            if len(parts) >= 2:
                divided = True
                self._replace(track, parts, visible)
        return divided

    def _replace(
        self, track: Track, parts: list[np.ndarray], visible: dict[int, np.ndarray]
    ) -> None:
        """Turn a track into several; the rows of the largest part keep its id."""
        voxels, seen = track.voxels, visible.get(track.id)
        heirs = [track]
        for rows in parts[1:]:
            heir = self.new_track("object", voxels.select(rows))
            heir.keyframes, heir.n_visible = set(track.keyframes), track.n_visible
            heir.n_silent, heir.n_sunk = track.n_silent, track.n_sunk
            heir.misfit = track.misfit.copy()
            self.votes.copy_to(track.id, heir.id)
            heirs.append(heir)
            if seen is not None:
                visible[heir.id] = seen[rows]
        track.put(voxels.select(parts[0]))
        if seen is not None:
            visible[track.id] = seen[parts[0]]
        # so far every mask that saw two of the parts saw them as one
        for n, a in enumerate(heirs):
            for b in heirs[n + 1 :]:
                self.votes.vote(a.id, b.id, together=min(a.reliable_count, b.reliable_count))
        self.views.rename(track.id, [h.id for h in heirs])

    def _vote(self, members: list[list[int]], overlap: Overlap) -> None:
        seen = [
            [t for t in tracks if overlap.backward[i].get(t, 0.0) >= _VOTE_SHARE]
            for i, tracks in enumerate(members)
        ]
        for n, mine in enumerate(seen):
            for k, a in enumerate(mine):
                for b in mine[k + 1 :]:
                    self.votes.vote(a, b, together=1)
            for theirs in seen[n + 1 :]:
                for a in set(mine) - set(theirs):
                    for b in set(theirs) - set(mine):
                        if boxes_touch(self.tracks[a], self.tracks[b], _NEIGHBOUR_GAP_M):
                            self.votes.vote(a, b, apart=1)

    def _share_out(self, cells: VoxelHistogram, members: list[int]) -> dict[int, VoxelHistogram]:
        """Divide a segment's voxels among the tracks it covers; new ones go to the nearest."""
        if len(members) == 1:
            return {members[0]: cells}
        label = np.full(len(cells), -1)
        for n, track_id in enumerate(members):
            near, _ = cells.near(self.tracks[track_id].voxels)
            label[near & (label < 0)] = n
        label = nearest_label(cells.points, label)
        parts = {t: cells.select(label == n) for n, t in enumerate(members)}
        return {t: part for t, part in parts.items() if len(part)}

    def forget(self, track_id: int, heir: int | None = None) -> None:
        """Remove a track; one that has absorbed it takes over its views and votes."""
        del self.tracks[track_id]
        self.views.rename(track_id, [] if heir is None else [heir])
        self.votes.drop(track_id, heir)

    def merge(self) -> None:
        """Join tracks that lie in the same place; cheap enough to call now and then."""
        merge_duplicates(self)

    def fused(self) -> list[FusedSegment]:
        """The things seen so far, in order of id; adding may go on afterwards."""
        self.merge()
        groups = [
            part
            for group in self.votes.groups(self.tracks, self.config.consensus)
            for part in parts_apart(group, self.tracks, self.votes, 2 * self.config.cluster_voxel_m)
        ]
        sizes = {i: len(track.voxels) for i, track in self.tracks.items()}
        things = [
            fuse_group(self, group, sizes) for group in groups if seen_often_enough(self, group)
        ]
        found = drop_doubtful(join_fragments(self, things, sizes), self.config, self.memo)
        self.memo.turn()
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on later, as plain arrays."""
        return fuser_state.pack(self)

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()` of a fuser with the same configuration."""
        fuser_state.unpack(self, state)
