"""Answers and objects in another frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.geometry.transforms import check_pose, transform_points
from grounding3d.objects.base import MapObject
from grounding3d.query.answer import Answer, transform_candidate


def transform_answer(answer: Answer, T_target_source: np.ndarray, frame_id: str) -> Answer:
    """The answer with every coordinate in another frame.

    A box keeps its size and turns its pose; a covariance becomes R C R^T.

    Args:
        answer: in its own frame, the source.
        T_target_source: [4,4] rigid transform from that frame into `frame_id`.
        frame_id: name of the target frame, stated in the result.
    """
    T = check_pose(T_target_source, f"transform to {frame_id!r}")
    candidates = tuple(transform_candidate(item, T) for item in answer.candidates)
    return replace(answer, frame_id=frame_id, candidates=candidates)


def transform_object(item: MapObject, T_target_source: np.ndarray) -> MapObject:
    """The object with box, covariance and points in another frame."""
    T = check_pose(T_target_source)
    R = T[:3, :3]
    return replace(
        item,
        box=item.box.transformed(T),
        covariance=R @ item.covariance @ R.T,
        points=transform_points(T, item.points),
    )
