"""Do the poses, the axes and the depth unit of a recording belong together?

Points of one frame, carried into a nearby frame by the poses, must fall onto the depth measured
there. A world-to-camera matrix taken for camera-to-world, OpenGL axes taken for OpenCV's, or a
wrong depth unit break this; the check also tries the usual mix-ups and names the one that fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from grounding3d.capture.base import Capture, IndexedCapture, RGBDFrame
from grounding3d.capture.summary import PosedCapture, sample_indices
from grounding3d.errors import CaptureError
from grounding3d.geometry.frames import opencv_from_opengl
from grounding3d.geometry.transforms import invert_pose

_POINTS = 3000  # per pair
_WINDOW = 30  # partner frames lie within this many frames
_ROTATION_RAD, _TRANSLATION_M = 0.2, 0.15  # motion between partners worth testing
_MISS = 1.0  # relative error of a point that leaves the image: as bad as it gets
_GOOD = 0.01  # median relative disagreement that needs no second thought (Kinect noise at 3 m)
_WRONG = 0.03  # above this something is wrong, whether a mix-up explains it or not
_MEASURABLE_M = (0.05, 100.0)
_SCALES = (0.001, 0.1, 0.2, 0.5, 2.0, 5.0, 10.0, 1000.0)


@dataclass(frozen=True)
class PoseConsistency:
    """How well nearby frames agree.

    Attributes:
        pairs: pairs of frames that were compared.
        disagreement_m: median cross-frame depth disagreement in metres, over points seen in both.
        relative: the same as a share of the depth, points that leave the image counted as misses.
        relative_seen: the same without the misses; infinite where all are.
        alternatives: what else was tried -> its `relative`; empty where nothing needed trying.
        advice: the alternative that fits and what to do, None where nothing needs doing.
        is_explained: whether the advice is one of the usual mix-ups.
    """

    pairs: int
    disagreement_m: float
    relative: float
    relative_seen: float
    alternatives: dict[str, float] = field(default_factory=dict)
    advice: str | None = None
    is_explained: bool = False

    @property
    def consistent(self) -> bool:
        """Whether frames agree as the recording stands."""
        return self.advice is None


@dataclass(frozen=True)
class _Hypothesis:
    name: str
    advice: str
    invert: bool = False
    opengl: bool = False
    body: bool = False
    depth_scale: float = 1.0
    pose_scale: float = 1.0

    def pose(self, frame: RGBDFrame) -> np.ndarray:
        T = invert_pose(frame.T_world_cam) if self.invert else frame.T_world_cam
        T = opencv_from_opengl(T) if self.opengl else T
        T = T @ _T_BODY_OPTICAL if self.body else T.copy()
        T[:3, 3] *= self.pose_scale
        return T


_T_BODY_OPTICAL = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # REP 103
_AS_IT_IS = _Hypothesis("as it is", "")
_ALTERNATIVES = [
    _Hypothesis("inverse poses", "the poses are world to camera; invert them", invert=True),
    _Hypothesis("OpenGL axes", "the camera axes are OpenGL's; negate columns 2, 3", opengl=True),
    _Hypothesis(
        "inverse poses with OpenGL axes",
        "the poses are world to camera with OpenGL axes; invert them, then negate columns 2, 3",
        invert=True,
        opengl=True,
    ),
    _Hypothesis(
        "body axes",
        "the poses are of a body frame, x forward and z up; name the optical frame instead, in a "
        "bag with --set capture.camera_frame=...",
        body=True,
    ),
    _Hypothesis(
        "poses in millimetres",
        "the poses are in millimetres; divide their translations by 1000",
        pose_scale=0.001,
    ),
    _Hypothesis(
        "poses in centimetres",
        "the poses are in centimetres; divide their translations by 100",
        pose_scale=0.01,
    ),
] + [
    _Hypothesis(
        f"depth times {scale:g}",
        f"the depth unit is wrong; multiply it by {scale:g} with --set capture.depth_unit_m=...",
        depth_scale=scale,
    )
    for scale in _SCALES
]


def pose_consistency(capture: Capture, pairs: int = 8) -> PoseConsistency:
    """Compare the depth of nearby frames; open the capture with wide depth limits for this.

    Args:
        capture: any capture; only the compared frames are held in memory.
        pairs: how many pairs to compare.

    Raises:
        CaptureError: fewer than two frames with depth.
    """
    found = _moving_pairs(capture, pairs)
    if not found:
        raise CaptureError(
            "the poses cannot be checked",
            expected="two frames with depth",
            found="fewer",
            hint="If all depth is out of range, the unit may be wrong: see capture.depth_unit_m "
            "and capture.max_depth_m.",
        )
    relative, metres, seen = _disagreement(found, _AS_IT_IS)
    if relative <= _GOOD:
        return PoseConsistency(len(found), metres, relative, seen)
    scores = {h.name: _disagreement(found, h)[0] for h in _plausible(found)}
    best = min(_ALTERNATIVES, key=lambda h: scores.get(h.name, np.inf))
    advice, is_explained = None, False
    if scores[best.name] < 0.5 * relative and _explains(found, best, scores[best.name]):
        is_explained = True
        advice = (
            f"{best.advice} (disagreement {scores[best.name]:.1%} of depth instead of "
            f"{relative:.1%})"
        )
    elif relative > _WRONG:
        advice = (
            f"frames disagree by {relative:.1%} of depth and no usual mix-up explains it; "
            "check the trajectory, the intrinsics and the stamps"
        )
    return PoseConsistency(len(found), metres, relative, seen, scores, advice, is_explained)


def suspicion(capture: Capture, pairs: int = 4) -> str | None:
    """Why the coordinates of a recording are likely wrong; None where nothing says so.

    Cheaper and more careful than `diagnose`: frames too far apart to overlap raise no alarm.
    """
    if not (isinstance(capture, IndexedCapture) and isinstance(capture, PosedCapture)):
        return None
    try:
        finding = pose_consistency(capture, pairs)
    except CaptureError:  # too little to compare, or broken, which reading it all will tell
        return None
    if finding.is_explained:
        return f"nearby frames do not fit together; likely {finding.advice}"
    if finding.advice is not None and finding.relative_seen > _WRONG:
        return finding.advice
    return None


def _plausible(pairs: list[tuple[RGBDFrame, RGBDFrame]]) -> list[_Hypothesis]:
    """Alternatives with depth that a camera could measure; all of them if none has.

    Larger depth and nearer poses look the same but for their size in metres.
    """
    depth_m = float(np.median(np.concatenate([a.depth_m[a.depth_m > 0] for a, _ in pairs])))
    low, high = _MEASURABLE_M
    return [h for h in _ALTERNATIVES if low < h.depth_scale * depth_m < high] or _ALTERNATIVES


def _explains(
    pairs: list[tuple[RGBDFrame, RGBDFrame]], hypothesis: _Hypothesis, relative: float
) -> bool:
    """Whether frames agree under the hypothesis, and for the right reason.

    A huge depth, or poses shrunk to a point, make every translation negligible, so that wrong
    translations seem to fit; a true unit is better than its neighbours on both sides.
    """
    if relative > _WRONG:
        return False
    if hypothesis.depth_scale != 1:
        scaled = "depth_scale"
    elif hypothesis.pose_scale != 1:
        scaled = "pose_scale"
    else:
        return True
    neighbours = [
        replace(hypothesis, **{scaled: getattr(hypothesis, scaled) * factor})
        for factor in (0.2, 5.0)
    ]
    return all(_disagreement(pairs, other)[0] > 1.5 * relative for other in neighbours)


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
    if result.advice is None:
        return f"{facts}: poses, axes and depth unit fit together."
    tried = sorted(result.alternatives.items(), key=lambda item: item[1])[:3]
    others = ", ".join(f"{name} {value:.1%}" for name, value in tried)
    return f"{facts}.\nLikely: {result.advice}.\nTried: {others}."


def _moving_pairs(capture: Capture, wanted: int) -> list[tuple[RGBDFrame, RGBDFrame]]:
    """Pairs of nearby frames with enough motion between them, spread over the recording."""
    if isinstance(capture, IndexedCapture) and isinstance(capture, PosedCapture):
        frames = _readable_pairs(capture, _pair_indices(capture.poses, wanted))
    else:
        poses = np.stack([frame.T_world_cam for frame in capture] or [np.eye(4)])
        chosen = _pair_indices(poses, wanted)
        kept = {i: f for i, f in enumerate(capture) if any(i in pair for pair in chosen)}
        frames = ((kept[i], kept[j]) for i, j in chosen)
    return [(a, b) for a, b in frames if a.depth_m.any() and b.depth_m.any()]


def _readable_pairs(
    capture: IndexedCapture, chosen: list[tuple[int, int]]
) -> Iterator[tuple[RGBDFrame, RGBDFrame]]:
    """The pairs whose images can be read.

    Raises:
        CaptureError: not one pair can be read.
    """
    error, is_readable = None, False
    for i, j in chosen:
        try:
            pair = capture[i], capture[j]
        except CaptureError as damage:
            error = damage
            continue
        is_readable = True
        yield pair
    if error is not None and not is_readable:
        raise error


def _pair_indices(poses: np.ndarray, wanted: int) -> list[tuple[int, int]]:
    """For evenly spaced frames, the next frame that moved enough, or the last in the window."""
    pairs = []
    for first in sample_indices(len(poses) - 1, wanted) if len(poses) > 1 else []:
        last = min(int(first) + _WINDOW, len(poses) - 1)
        moved = [i for i in range(first + 1, last) if _motion(poses[first], poses[i]) >= 1]
        pairs.append((int(first), moved[0] if moved else last))
    return pairs


def _motion(T_world_a: np.ndarray, T_world_b: np.ndarray) -> float:
    """Motion between two poses, 1 = enough to tell the hypotheses apart."""
    cosine = (np.trace(T_world_a[:3, :3].T @ T_world_b[:3, :3]) - 1) / 2
    shift = np.linalg.norm(T_world_b[:3, 3] - T_world_a[:3, 3])
    return float(max(np.arccos(np.clip(cosine, -1, 1)) / _ROTATION_RAD, shift / _TRANSLATION_M))


def _disagreement(
    pairs: list[tuple[RGBDFrame, RGBDFrame]], hypothesis: _Hypothesis
) -> tuple[float, float, float]:
    """Median relative (misses counted), in metres, and relative without the misses."""
    relative, metres, shares = [], [], []
    for a, b in [*pairs, *((b, a) for a, b in pairs)]:
        gap_m, depth_m = _compare(a, b, hypothesis)
        share = np.full(len(gap_m), _MISS)
        np.divide(gap_m, depth_m, out=share, where=depth_m > 0)
        relative.append(np.minimum(share, _MISS))
        metres.append(gap_m[depth_m > 0])
        shares.append(share[depth_m > 0])
    return _median(relative), _median(metres), _median(shares)


def _median(parts: list[np.ndarray]) -> float:
    """Median of all parts, infinite where they are empty."""
    values = np.concatenate(parts)
    return float(np.median(values)) if len(values) else float(np.inf)


def _compare(a: RGBDFrame, b: RGBDFrame, hypothesis: _Hypothesis) -> tuple[np.ndarray, np.ndarray]:
    """For points of a: distance in depth from b's measurement, and that measurement; 0 = none.

    A point that falls onto a pixel of unknown depth tells nothing and is dropped. One that leaves
    the image keeps depth 0 and counts as a miss: under the right poses few do, as the frames are
    near each other.
    """
    rows, columns = np.nonzero(a.depth_m)
    step = max(1, len(rows) // _POINTS)
    rows, columns = rows[::step], columns[::step]
    points = a.camera.rays[rows, columns] * a.depth_m[rows, columns, None] * hypothesis.depth_scale
    T = invert_pose(hypothesis.pose(b)) @ hypothesis.pose(a)
    uv, z = b.camera.project(points @ T[:3, :3].T + T[:3, 3])
    inside = (z > 1e-6) & b.camera.contains(uv)
    column, row = np.where(inside[:, None], np.rint(uv), 0).astype(int).T
    measured = np.where(inside, b.depth_m[row, column] * hypothesis.depth_scale, 0)
    tells = ~inside | (measured > 0)
    return np.abs(z - measured)[tells], measured[tells]
