"""A fuser's memory as plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from grounding3d.errors import ArrayError
from grounding3d.fusion.evidence import Crop
from grounding3d.fusion.tracks import Track, View
from grounding3d.fusion.voxels import VoxelHistogram

if TYPE_CHECKING:
    from grounding3d.fusion.association import SegmentFuser

_KINDS = ("object", "support")
_FIELDS = ("keys", "counts", "misses", "through", "offset_sum", "rgb_sum")


def pack(fuser: SegmentFuser) -> dict[str, np.ndarray]:
    """All tracks, views and votes; lists of unequal length lie end to end, with their lengths."""
    tracks = list(fuser.tracks.values())
    views = [(m, v) for m, vs in fuser.views.by_members.items() for v in vs]
    votes = fuser.votes.counts
    state: dict[str, np.ndarray] = {
        "next_id": np.array([fuser.next_id, fuser.n_frames], np.int64),
        "track_id": np.array([t.id for t in tracks], np.int64),
        "track_kind": np.array([_KINDS.index(t.kind) for t in tracks], np.uint8),
        "track_n_visible": np.array([t.n_visible for t in tracks], np.int64),
        "track_n_silent": np.array([t.n_silent for t in tracks], np.int64),
        "track_n_sunk": np.array([t.n_sunk for t in tracks], np.int64),
        "track_misfit": np.array([t.misfit for t in tracks], np.float64).reshape(-1, 2),
        "track_n_voxels": np.array([len(t.voxels) for t in tracks], np.int64),
        "track_n_keyframes": np.array([len(t.keyframes) for t in tracks], np.int64),
        "keyframes": np.array([k for t in tracks for k in sorted(t.keyframes)], np.int64),
        "view_n_members": np.array([len(m) for m, _ in views], np.int64),
        "view_members": np.array([i for m, _ in views for i in sorted(m)], np.int64),
        "view_quality": np.array([v.quality for _, v in views], np.float64),
        "view_keyframe": np.array([v.keyframe for _, v in views], np.int64),
        "view_embedding": np.array([v.embedding for _, v in views], np.float32),
        "votes": np.array([(*p, *row) for p, row in votes.items()], np.int64).reshape(-1, 4),
    }
    state |= _pack_crops([v.crop for _, v in views])
    empty = VoxelHistogram.empty(fuser.config.voxel_size_m)
    for name in _FIELDS:
        parts = [getattr(t.voxels, name) for t in tracks]
        state[f"voxel_{name}"] = np.concatenate([getattr(empty, name), *parts])
    return state


def _pack_crops(crops: list[Crop | None]) -> dict[str, np.ndarray]:
    shown = [crop for crop in crops if crop is not None]
    return {
        "crop_view": np.array([n for n, c in enumerate(crops) if c is not None], np.int64),
        "crop_n_bytes": np.array([len(c.jpeg) for c in shown], np.int64),
        "crop_bytes": np.frombuffer(b"".join(c.jpeg for c in shown), np.uint8).copy(),
        "crop_window": np.array([c.window for c in shown], np.int64).reshape(-1, 4),
        "crop_keyframe": np.array([c.keyframe for c in shown], np.int64),
        "crop_quality": np.array([c.quality for c in shown], np.float64),
    }


def _unpack_crops(state: dict[str, np.ndarray], n_views: int) -> list[Crop | None]:
    """One entry a view; a state from before there were crops has none."""
    crops: list[Crop | None] = [None] * n_views
    if "crop_view" not in state:
        return crops
    ends = np.cumsum(state["crop_n_bytes"])
    for n, view in enumerate(state["crop_view"].tolist()):
        data = state["crop_bytes"][ends[n] - state["crop_n_bytes"][n] : ends[n]].tobytes()
        u0, v0, u1, v1 = state["crop_window"][n].tolist()
        keyframe, quality = int(state["crop_keyframe"][n]), float(state["crop_quality"][n])
        crops[view] = Crop(data, keyframe, (u0, v0, u1, v1), quality)
    return crops


def unpack(fuser: SegmentFuser, state: dict[str, np.ndarray]) -> None:
    """The inverse of `pack`.

    Raises:
        ArrayError: the state lacks a part, or its parts do not fit together.
    """
    try:
        _unpack(fuser, state)
    except (KeyError, IndexError, ValueError) as error:
        raise ArrayError(
            "the state of the segment fuser is not usable",
            found=str(error),
            hint="It was written by another version; build the scene again.",
        ) from error


def _unpack(fuser: SegmentFuser, state: dict[str, np.ndarray]) -> None:
    fuser.next_id, fuser.n_frames = (int(x) for x in state["next_id"])
    fuser.tracks = {}
    voxel_ends = np.cumsum(state["track_n_voxels"])
    keyframe_ends = np.cumsum(state["track_n_keyframes"])
    config = fuser.config
    n_tracks = len(state["track_id"])
    misfit = state.get("track_misfit", np.zeros((n_tracks, 2)))
    n_sunk = state.get("track_n_sunk", np.zeros(n_tracks, np.int64))
    for n, track_id in enumerate(state["track_id"].tolist()):
        kind = _KINDS[state["track_kind"][n]]
        cell = config.voxel_size_m if kind == "object" else config.support_voxel_size_m
        rows = slice(voxel_ends[n] - state["track_n_voxels"][n], voxel_ends[n])
        frames = slice(keyframe_ends[n] - state["track_n_keyframes"][n], keyframe_ends[n])
        fuser.tracks[track_id] = Track(
            track_id,
            kind,  # type: ignore[arg-type]
            VoxelHistogram(cell, *(state[f"voxel_{name}"][rows].copy() for name in _FIELDS)),
            set(state["keyframes"][frames].tolist()),
            int(state["track_n_visible"][n]),
            int(state["track_n_silent"][n]),
            int(n_sunk[n]),
            misfit[n].copy(),
        )
    fuser.views.clear()
    crops = _unpack_crops(state, len(state["view_n_members"]))
    ends = np.cumsum(state["view_n_members"])
    for n, end in enumerate(ends):
        members = state["view_members"][end - state["view_n_members"][n] : end].tolist()
        view = View(
            state["view_embedding"][n].copy(),
            float(state["view_quality"][n]),
            int(state["view_keyframe"][n]),
            crops[n],
        )
        fuser.views.add(members, view)
    fuser.votes.counts = {(int(a), int(b)): np.array([t, s]) for a, b, t, s in state["votes"]}
