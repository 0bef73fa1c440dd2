"""Pairing two streams by stamp, and clocks that do not run straight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_NEIGHBOURS = 4  # candidates looked at on either side of a stamp
_ROUNDING_S = 1e-6  # of epoch stamps in double precision: a gap of the tolerance pairs


def pair_stamps(
    stamps_a: Sequence[float] | np.ndarray,
    stamps_b: Sequence[float] | np.ndarray,
    tolerance_s: float,
) -> np.ndarray:
    """Nearest pairs of two streams; every stamp is used once at most.

    The closest pair is taken first, as in the association of the TUM RGB-D benchmark (Sturm et al.
    2012). The streams may be out of order.

    Args:
        stamps_a, stamps_b: seconds.
        tolerance_s: largest gap of a pair, seconds.

    Returns:
        [n,2] indices into a and b, sorted by the stamp of a.
    """
    a, b = np.asarray(stamps_a, float), np.asarray(stamps_b, float)
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.intp)
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a) - _NEIGHBOURS
    rank = first[:, None] + np.arange(2 * _NEIGHBOURS)
    inside = (rank >= 0) & (rank < len(b))
    i = np.broadcast_to(np.arange(len(a))[:, None], rank.shape)[inside]
    j = order[rank[inside]]
    gap = np.abs(a[i] - b[j])
    near = np.flatnonzero(gap <= tolerance_s + _ROUNDING_S)
    used_a, used_b = np.zeros(len(a), bool), np.zeros(len(b), bool)
    pairs = []
    for k in near[np.argsort(gap[near], kind="stable")]:
        if not used_a[i[k]] and not used_b[j[k]]:
            used_a[i[k]] = used_b[j[k]] = True
            pairs.append((i[k], j[k]))
    found = np.array(pairs, np.intp).reshape(-1, 2)
    return found[np.argsort(a[found[:, 0]], kind="stable")]


def smallest_gap(
    stamps_a: Sequence[float] | np.ndarray, stamps_b: Sequence[float] | np.ndarray
) -> float:
    """Smallest distance in seconds between a stamp of a and one of b; infinite without any."""
    a, b = np.asarray(stamps_a, float), np.sort(np.asarray(stamps_b, float))
    if not len(a) or not len(b):
        return np.inf
    right = np.clip(np.searchsorted(b, a), 0, len(b) - 1)
    left = np.clip(right - 1, 0, None)
    return float(np.minimum(np.abs(a - b[left]), np.abs(a - b[right])).min())


def clock_runs(stamps: Sequence[float] | np.ndarray, slack_s: float = 1.0) -> list[np.ndarray]:
    """Split a stream, in order of arrival, where its clock was set back.

    A stamp that is up to `slack_s` late is an ordinary late message. One or two that are later than
    that are strays and belong to no run. From the third in a row on, the clock has been set back (a
    simulation that was restarted, a log played in a loop) and a new run begins.

    Args:
        stamps: seconds, in order of arrival.
        slack_s: how late a message may be, seconds.

    Returns:
        The runs, as increasing indices into `stamps`.
    """
    ahead = np.maximum.accumulate(np.asarray(stamps, float)) if len(stamps) else np.zeros(0)
    if (ahead - stamps <= slack_s).all():
        return [np.arange(len(stamps))] if len(stamps) else []
    runs: list[list[int]] = [[]]
    late: list[int] = []
    newest = -np.inf
    for index, stamp in enumerate(stamps):
        if stamp >= newest - slack_s:
            runs[-1].append(index)
            newest = max(newest, stamp)
            late.clear()
            continue
        late.append(index)
        if len(late) == 3:
            runs.append(list(late))
            newest = max(stamps[i] for i in late)
            late.clear()
    return [np.array(run, np.intp) for run in runs if run]
