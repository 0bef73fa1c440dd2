"""Things that have gone: frames see through where they were.

Each voxel counts the frames in a row that measured depth behind it, all around its pixel and by
more than three standard deviations of the depth noise. A frame in which something hides the voxel,
in which it is out of view, or without depth there, says nothing; one that sees the surface where it
was ends the row. Voxels near a support are never seen through, as the support's own surface lies
within the noise; a thing is therefore gone when enough of it is seen through, and what is left of
it has had no mask of its own in as many frames.

A flat thing is within the noise as a whole, voxel by voxel, but not the middle of all its voxels:
it is gone when in enough frames in a row what is measured lies behind it by that, and no mask was
of it. Paper stays: nothing lies behind where it was.

What is a track's row of frames is independent of how often it was seen before: a mug that stood
there for an hour is forgotten as quickly as one that was seen for a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from grounding3d.fusion.overlap import Look

if TYPE_CHECKING:
    from grounding3d.fusion.association import SegmentFuser

_TRIM_SHARE = 0.1  # of its voxels: less is the rim of a thing that is there
_CHANGED_SHARE = 0.35  # if no mask has touched the rest, it is the part that noise hides
_GONE_SHARE = 0.5  # another thing may lie in the other half
_FIT_VOXELS = 30  # whose median says how far a frame lies from what is mapped
_LOOKED_SHARE = 0.3  # of its voxels a frame must say something about
_SUNK_M = 0.005  # farther behind a flat thing is something else
_SUNK_SIGMAS = 2.0  # of the depth noise, likewise: a far look does not tell
_COMPARED = 3  # tracks, at least, tell how far a frame lies behind everything


def note_looks(fuser: SegmentFuser, looks: dict[int, Look]) -> None:
    """Count, for each voxel and each track in view, what a frame says; before its masks are."""
    gaps = {
        track_id: float(np.median(look.gap_m[look.seen]))
        for track_id, look in looks.items()
        if np.count_nonzero(look.seen) >= _FIT_VOXELS
    }
    shift = float(np.median([*gaps.values()])) if len(gaps) >= _COMPARED else 0.0
    for track_id, look in looks.items():
        track = fuser.tracks[track_id]
        track.voxels.through[look.through] += 1
        track.voxels.through[look.seen] = 0
        if track_id in gaps:
            track.misfit += (1, gaps[track_id] ** 2)
            sigma = float(np.median(look.sigma_m[look.seen]))
            is_behind = gaps[track_id] - shift > max(_SUNK_M, _SUNK_SIGMAS * sigma)
            track.n_sunk = track.n_sunk + 1 if is_behind else 0
        # masks of this frame, which come next, end the silence
        track.n_silent += bool((look.seen | look.through).mean() >= _LOOKED_SHARE)


def forget_gone(fuser: SegmentFuser) -> list[int]:
    """Remove tracks, or parts of tracks, that enough frames in a row have seen through.

    Returns:
        Ids of the tracks that went as a whole.
    """
    patience = fuser.config.forget_after_looks
    gone_ids = []
    for track in list(fuser.tracks.values()):
        if track.kind == "object" and min(track.n_silent, track.n_sunk) >= patience:
            fuser.forget(track.id)
            gone_ids.append(track.id)
            continue
        gone = track.voxels.through >= patience
        share = gone.mean() if len(gone) else 0.0
        if share < _TRIM_SHARE:
            continue
        is_silent = track.n_silent >= patience and share >= _CHANGED_SHARE
        too_few = (~gone).sum() < fuser.config.min_segment_points
        if share >= _GONE_SHARE or is_silent or too_few:
            fuser.forget(track.id)
            gone_ids.append(track.id)
        else:
            track.put(track.voxels.select(~gone))
    return gone_ids
