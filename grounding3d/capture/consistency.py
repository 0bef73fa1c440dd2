"""Do the poses, the axes and the depth unit of a recording belong together?

Points of one frame, carried into a nearby frame by the poses, must fall onto the depth measured
there. A world-to-camera matrix taken for camera-to-world, OpenGL axes taken for OpenCV's, or a
wrong depth unit break this; the check also tries the usual mix-ups and names the one that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from grounding3d.capture.base import Capture, IndexedCapture
from grounding3d.capture.mix_ups import MIX_UPS, MixUp, depth_times, poses_shifted
from grounding3d.capture.overlap import Disagreement, Overlap, Track
from grounding3d.capture.plausibility import up_doubt
from grounding3d.capture.summary import PosedCapture
from grounding3d.errors import CaptureError

_GOOD = 0.01  # median relative disagreement that needs no second thought (Kinect noise at 3 m)
_FAR = 0.1  # upper quartile that is wrong
_WRONG = 0.03  # above this something is wrong, whether a mix-up explains it or not
_MEASURABLE_M = (0.05, 100.0)
_SCALES = np.geomspace(1 / 6, 6, 21)  # of depth, where none of the usual ones fits
_CLEARLY = 0.8  # of the disagreement of a usual mix-up, to take another scale instead
_FINER = np.geomspace(0.92, 1.08, 9)
_NEIGHBOURS = {"depth_scale": (0.2, 5.0), "pose_scale": (0.2, 5.0), "image_scale": (0.7, 1.4)}


@dataclass(frozen=True)
class PoseConsistency:
    """How well nearby frames agree.

    Attributes:
        pairs: pairs of frames that were compared.
        disagreement_m: median cross-frame depth disagreement in metres, over points seen in both.
        relative: the same as a share of the depth, points that leave the image counted as misses.
        relative_seen: the same without the misses; infinite where all are.
        is_far: a quarter of what both see disagrees by more than a tenth, which a few occluded
            points do not do.
        alternatives: what else was tried -> its `relative`; empty where nothing needed trying.
        advice: the alternative that fits and what to do, None where nothing needs doing.
        is_explained: whether the advice is one of the usual mix-ups.
    """

    pairs: int
    disagreement_m: float
    relative: float
    relative_seen: float
    is_far: bool = False
    alternatives: dict[str, float] = field(default_factory=dict)
    advice: str | None = None
    is_explained: bool = False

    @property
    def consistent(self) -> bool:
        """Whether frames agree as the recording stands."""
        return self.advice is None


def pose_consistency(capture: Capture, pairs: int = 8) -> PoseConsistency:
    """Compare the depth of nearby frames; open the capture with wide depth limits for this.

    Args:
        capture: any capture; only the compared frames are held in memory.
        pairs: how many pairs to compare.

    Raises:
        CaptureError: fewer than two frames with depth.
    """
    overlap = Overlap(capture, pairs)
    if not overlap.pairs:
        raise CaptureError(
            "the poses cannot be checked",
            expected="two frames with depth",
            found="fewer",
            hint="If all depth is out of range, the unit may be wrong: see capture.depth_unit_m "
            "and capture.max_depth_m.",
        )
    recorded = overlap.under()
    is_far = recorded.seen_upper > _FAR and recorded.misses < 0.5
    figures = overlap.pairs, recorded.metres, recorded.median, recorded.seen_median, is_far
    if recorded.median <= _GOOD and recorded.seen_upper <= _GOOD / 2:
        return PoseConsistency(*figures)
    if overlap.is_constant:
        constant = f"all depth is {overlap.depth_m:g} m, which nobody measured; record it anew"
        return PoseConsistency(*figures, advice=constant, is_explained=True)
    likely, tried = _likely(overlap, recorded)
    advice = None
    if likely is not None:
        name, advice = likely
        share = f"disagreement {_text(tried[name])} of depth instead of {_text(recorded)}"
        advice = f"{advice} ({share})"
    elif recorded.median > _WRONG or is_far:
        advice = (
            f"frames disagree by {_text(recorded)} of depth and no usual mix-up explains it; "
            "check the trajectory, the intrinsics and the stamps"
        )
    alternatives = {name: each.median for name, each in tried.items()}
    return PoseConsistency(*figures, alternatives, advice, likely is not None)


def _text(disagreement: Disagreement) -> str:
    """The median, and where most of it agrees, the upper quartile too."""
    if disagreement.median > _WRONG:
        return f"{disagreement.median:.1%}"
    return f"{disagreement.median:.1%}, by the quarter {disagreement.seen_upper:.1%},"


def suspicion(capture: Capture, pairs: int = 4) -> str | None:
    """Why the coordinates of a recording are likely wrong; None where nothing says so.

    Cheaper and more careful than `diagnose`: frames too far apart to overlap raise no alarm.
    """
    if not (isinstance(capture, IndexedCapture) and isinstance(capture, PosedCapture)):
        return None
    doubts = (_mismatch(capture, pairs), up_doubt(capture.poses, capture.up_world))
    return "; ".join(doubt for doubt in doubts if doubt) or None


def _mismatch(capture: Capture, pairs: int) -> str | None:
    """Why frames that overlap do not fit together, None where they do."""
    try:
        finding = pose_consistency(capture, pairs)
    except CaptureError:  # too little to compare, or broken, which reading it all will tell
        return None
    if finding.is_explained:
        return f"nearby frames do not fit together; likely {finding.advice}"
    if finding.advice is not None and (finding.relative_seen > _WRONG or finding.is_far):
        return finding.advice
    return None


Likely = tuple[str, str]  # name and advice


def _likely(
    overlap: Overlap, recorded: Disagreement
) -> tuple[Likely | None, dict[str, Disagreement]]:
    """What explains that frames disagree, None where nothing does; and all that was tried."""
    usual = {mix_up: overlap.under(mix_up) for mix_up in _plausible(overlap.depth_m)}
    best = min(usual, key=lambda mix_up: usual[mix_up].capped)
    fine = depth_times(_best_scale(overlap, _best_scale(overlap, _SCALES) * _FINER))
    tried = {mix_up.name: found for mix_up, found in usual.items()}
    tried[fine.name] = overlap.under(fine)
    if tried[fine.name].capped < _CLEARLY * usual[best].capped:
        best = fine
    if _explains(overlap, best, tried[best.name], recorded):
        return (best.name, best.advice), tried
    shifts = {shift: overlap.shifted(shift) for shift in overlap.shifts}
    shift = min(shifts, key=lambda shift: shifts[shift][0].capped)
    unit = "s" if overlap.has_stamps else "frames"
    late = f"poses shifted by {shift:+g} {unit}"
    tried[late], same = shifts[shift]
    if _is_better(tried[late], same):
        return (late, poses_shifted(shift, unit)), tried
    return None, tried


def _best_scale(overlap: Overlap, scales: np.ndarray) -> float:
    """The scale of depth under which frames agree best."""
    capped = [overlap.under(depth_times(float(scale))).capped for scale in scales]
    return float(scales[int(np.argmin(capped))])


def _plausible(depth_m: float) -> Sequence[MixUp]:
    """Mix-ups with depth that a camera could measure; all of them if none has.

    Larger depth and nearer poses look the same but for their size in metres.
    """
    low, high = _MEASURABLE_M
    return [m for m in MIX_UPS if low < m.depth_scale * depth_m < high] or MIX_UPS


def _explains(overlap: Overlap, mix_up: MixUp, found: Disagreement, recorded: Disagreement) -> bool:
    """Whether frames agree under a mix-up, much better than as recorded, for the right reason.

    A huge depth, or poses shrunk to a point, make every translation negligible, so that wrong
    translations seem to fit; a true scale is better than its neighbours on both sides.
    """
    if not _is_better(found, recorded):
        return False
    if mix_up.scaled is None:
        return True
    neighbours = (mix_up.times(factor) for factor in _NEIGHBOURS[mix_up.scaled])
    return all(overlap.under(other).capped > 1.2 * found.capped for other in neighbours)


def _is_better(found: Disagreement, recorded: Disagreement) -> bool:
    """Half the disagreement: in the median, or in the quarter that disagrees most."""
    if found.capped >= recorded.capped:
        return False
    if recorded.median > _GOOD and found.median <= min(_WRONG, 0.5 * recorded.median):
        return True
    has_as_many = found.misses <= recorded.misses + 0.05
    return has_as_many and found.seen_upper <= min(_WRONG, 0.5 * recorded.seen_upper)


def diagnose(capture: Capture) -> str:
    """The finding of `pose_consistency` in words.

    Raises:
        CaptureError: fewer than two frames with depth.
    """
    result = pose_consistency(capture)
    facts = (
        f"{result.pairs} pairs of nearby frames disagree by {result.disagreement_m * 100:.1f} cm "
        f"({result.relative:.1%} of depth) in the median"
    )
    up = up_doubt(Track.of(capture).poses, capture.up_world)
    told = "" if up is None else f"\nDoubtful: {up}."
    if result.advice is None:
        return f"{facts}: poses, axes and depth unit fit together.{told}"
    tried = sorted(result.alternatives.items(), key=lambda item: item[1])[:3]
    others = ", ".join(f"{name} {value:.1%}" for name, value in tried)
    return f"{facts}.\nLikely: {result.advice}.\nTried: {others}.{told}"
