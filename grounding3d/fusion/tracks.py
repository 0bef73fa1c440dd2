"""What the fuser knows of one piece of a thing, of views, and of pairs of pieces."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from grounding3d.fusion.evidence import Crop
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds


@dataclass(eq=False)
class Track:
    """A piece of the world that masks have never, or not yet, been seen to divide.

    Attributes:
        id: never reused.
        kind: "object" or "support".
        voxels: what was hit, and how often.
        keyframes: keyframes whose masks touched it.
        n_visible: frames that could have seen it.
        n_silent: frames in a row, until now, that looked at its place and had no mask for it.
        n_sunk: frames in a row, until now, that measured something close behind all of it.
        misfit: [2] number of frames, and sum of their squared distances from it, m^2: what the
            frames' poses and depth disagree by.
    """

    id: int
    kind: Literal["object", "support"]
    voxels: VoxelHistogram
    keyframes: set[int] = field(default_factory=set)
    n_visible: int = 0
    n_silent: int = 0
    n_sunk: int = 0
    misfit: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def __post_init__(self) -> None:
        self.put(self.voxels)

    def put(self, voxels: VoxelHistogram) -> None:
        """Replace the voxels and what is derived from them."""
        self.voxels = voxels
        self.points = voxels.points
        nowhere = np.full(3, np.inf), np.full(3, -np.inf)
        self.low, self.high = bounds(self.points) if len(voxels) else nowhere

    @property
    def reliable_count(self) -> int:
        """Frames in which the bulk of it was hit."""
        return int(np.percentile(self.voxels.counts, 90)) if len(self.voxels) else 0

    def absorb(self, other: Track) -> None:
        """Take over all of another track."""
        self.put(self.voxels.add(other.voxels))
        self.keyframes |= other.keyframes
        self.n_visible = max(self.n_visible, other.n_visible, len(self.keyframes))
        self.n_silent = min(self.n_silent, other.n_silent)
        self.n_sunk = min(self.n_sunk, other.n_sunk)
        self.misfit = self.misfit + other.misfit


def boxes_touch(a: Track, b: Track, margin_m: float) -> bool:
    """Whether the axis-aligned boxes of two tracks come within `margin_m` of each other."""
    return bool((a.low <= b.high + margin_m).all() and (b.low <= a.high + margin_m).all())


@dataclass(eq=False)
class View:
    """One mask's embedding.

    Attributes:
        embedding: [D] float32 unit vector.
        quality: weight in [0, 1].
        keyframe: where it was seen.
        crop: a small picture of it; only the best few of a set keep theirs.
    """

    embedding: np.ndarray
    quality: float
    keyframe: int
    crop: Crop | None = None


class ViewStore:
    """Embeddings by the set of tracks that the mask covered; the best ones of each set are kept.

    Args:
        max_views: views kept a set.
        max_crops: of those, views that keep their picture.
    """

    def __init__(self, max_views: int, max_crops: int = 0) -> None:
        self._max_views = max_views
        self._max_crops = max_crops
        self.by_members: dict[frozenset[int], list[View]] = {}
        self._sets_of: dict[int, set[frozenset[int]]] = {}

    def add(self, members: Iterable[int], view: View) -> None:
        """Keep a view, if it is among the best of its set."""
        key = frozenset(members)
        if key not in self.by_members:
            self.by_members[key] = []
            for track_id in key:
                self._sets_of.setdefault(track_id, set()).add(key)
        views = self.by_members[key]
        views.append(view)
        if len(views) > self._max_views:
            views.sort(key=_best_first)
            del views[self._max_views :]
        shown = [v for v in views if v.crop is not None]
        if len(shown) > self._max_crops:
            max(shown, key=_best_first).crop = None

    def clear(self) -> None:
        """Forget all views."""
        self.by_members.clear()
        self._sets_of.clear()

    def rename(self, old: int, new: Iterable[int]) -> None:
        """Track `old` has become the tracks `new`; none if it has gone."""
        new = frozenset(new)
        # in order of their contents, so that the result does not depend on hashes
        for members in sorted(self._sets_of.get(old, ()), key=sorted):
            renamed = (members - {old}) | new
            for view in self._pop(members):
                if renamed:
                    self.add(renamed, view)

    def of_group(self, group: frozenset[int], sizes: dict[int, int]) -> list[View]:
        """Views of a thing that consists of the tracks `group`, best first.

        A mask that covered less than the thing, or more, counts for as much as the two have in
        common (intersection over union of their sizes); under a quarter it says nothing about the
        thing.
        """
        found = []
        for members in sorted(set().union(*(self._sets_of.get(t, ()) for t in group)), key=sorted):
            common = sum(sizes.get(t, 0) for t in members & group)
            share = common / max(1, sum(sizes.get(t, 0) for t in members | group))
            if share >= 0.25:
                found += [replace(v, quality=v.quality * share) for v in self.by_members[members]]
        found.sort(key=_best_first)
        return found[: self._max_views]

    def _pop(self, members: frozenset[int]) -> list[View]:
        for track_id in members:
            self._sets_of[track_id].discard(members)
        return self.by_members.pop(members)


def _best_first(view: View) -> tuple[float, int]:
    return -view.quality, view.keyframe


class PairVotes:
    """For pairs of tracks: masks that covered both, and frames in which each had its own."""

    def __init__(self) -> None:
        self.counts: dict[tuple[int, int], np.ndarray] = {}

    def vote(self, a: int, b: int, together: int = 0, apart: int = 0) -> None:
        """Add votes for a pair."""
        row = self.counts.setdefault((min(a, b), max(a, b)), np.zeros(2, np.int64))
        row += (together, apart)

    def get(self, a: int, b: int) -> tuple[int, int]:
        """(together, apart) of a pair."""
        together, apart = self.counts.get((min(a, b), max(a, b)), (0, 0))
        return int(together), int(apart)

    def copy_to(self, old: int, new: int) -> None:
        """Give a track that was split off the votes of the one it came from."""
        for (a, b), (together, apart) in list(self.counts.items()):
            if old in (a, b):
                other = b if a == old else a
                if other != new:
                    self.vote(new, other, together, apart)

    def drop(self, old: int, heir: int | None = None) -> None:
        """Forget a track, or give its votes to an heir; see `_as_one`."""
        for pair in [p for p in self.counts if old in p]:
            row = self.counts.pop(pair)
            other = pair[0] if pair[1] == old else pair[1]
            if heir is not None and other != heir:
                kept = (min(heir, other), max(heir, other))
                self.counts[kept] = _as_one(self.counts.get(kept), row)

    def groups(self, ids: Iterable[int], consensus: float = 0.5) -> list[frozenset[int]]:
        """Tracks joined where more than this share of votes says together, the clearest first."""
        groups = {i: frozenset([i]) for i in ids}
        votes: dict[int, dict[int, np.ndarray]] = {i: {} for i in groups}
        for (a, b), row in self.counts.items():
            if a in groups and b in groups:
                votes[a][b] = votes[b][a] = row.astype(float)
        heap = [_entry(a, b, row) for a in votes for b, row in votes[a].items() if a < b]
        heapq.heapify(heap)
        while heap and -heap[0][0] > consensus:
            entry = heapq.heappop(heap)
            a, b = entry[2:]
            # a pair that was joined or has other votes by now lies on the heap again, or not at all
            if b not in votes.get(a, {}) or entry != _entry(a, b, votes[a][b]):
                continue
            groups[a] = groups[a] | groups.pop(b)
            for other, row in votes.pop(b).items():
                del votes[other][b]
                if other != a:
                    both = _as_one(votes[a].get(other), row)
                    votes[a][other] = votes[other][a] = both
                    heapq.heappush(heap, _entry(min(a, other), max(a, other), both))
        return sorted(groups.values(), key=min)


def parts_apart(
    group: frozenset[int], tracks: Mapping[int, Track], votes: PairVotes, gap_m: float
) -> list[frozenset[int]]:
    """Divide a thing at gaps that only masks of something larger reach across.

    The mask of a shelf covers a plate at its bottom and a box at its top, which no frame may show
    apart, as the camera is near the one or the other. That mask speaks for shelf, plate and box
    being one; where the shelf is not, it says nothing about the other two.
    """
    parts: list[frozenset[int]] = []
    for a in sorted(group):
        joined = [
            part
            for part in parts
            if any(_hang_together(a, b, group, tracks, votes, gap_m) for b in part)
        ]
        parts = [part for part in parts if part not in joined]
        parts.append(frozenset([a]).union(*joined))
    return parts


def _hang_together(
    a: int,
    b: int,
    group: frozenset[int],
    tracks: Mapping[int, Track],
    votes: PairVotes,
    gap_m: float,
) -> bool:
    if boxes_touch(tracks[a], tracks[b], gap_m):
        return True
    together = votes.get(a, b)[0]
    with_another = max(
        (min(votes.get(a, c)[0], votes.get(b, c)[0]) for c in tracks if c not in group), default=0
    )
    return together > 2 * with_another


def _entry(a: int, b: int, row: np.ndarray) -> tuple[float, float, int, int]:
    """Clearest majority first; ties go to the older tracks, whatever order they were seen in."""
    return -_consensus(row), -float(row[0]), a, b


def _as_one(mine: np.ndarray | None, theirs: np.ndarray) -> np.ndarray:
    """Votes about another thing of two pieces that are one thing.

    What a frame says of a thing it says of every piece of it. A sum would count that once a piece:
    few early masks that took a bowl for a part of a shelf would outvote all later frames, which saw
    fewer of the shelf's pieces. So the pieces' votes are taken for those of the same frames.
    """
    return theirs if mine is None else np.maximum(mine, theirs)


def _consensus(row: np.ndarray) -> float:
    return float(row[0] / max(1.0, row.sum()))
