"""Configuration of the object map."""

from __future__ import annotations

from pydantic import Field

from grounding3d.config import Section


class ObjectConfig(Section):
    """How fused segments become objects with boxes, covariances and supports."""

    trim: float = Field(
        0.003, ge=0, lt=0.2, description="share of points beyond each face of the box"
    )
    contact_m: float = Field(
        0.01, ge=0, description="height over the support in which points may be its own, metres"
    )
    support_gap_m: float = Field(
        0.03, gt=0, description="a thing this near above a surface rests on it, metres"
    )
    unseen_foot_m: float = Field(
        0.06, ge=0, description="unseen lower part that is completed down to a support, metres"
    )
    unseen_foot_share: float = Field(
        0.6, ge=0, description="likewise, as a share of the observed height"
    )
    footprint_share: float = Field(
        0.6, gt=0, le=1, description="share of a thing's points that must lie over what carries it"
    )
    pose_sigma_m: float = Field(
        0.003,
        ge=0,
        description="error that the poses of all frames share, standard deviation, metres: that of "
        "a calibrated arm or a good tracker over a table; how far frames disagree with each other "
        "is measured and added. 0.01 to 0.03 for a driving robot's odometry",
    )
    same_share: float = Field(
        0.3, gt=0, le=1, description="overlap with an object of the previous map that keeps its id"
    )
    best_views: int = Field(8, ge=1, description="view embeddings kept an object")
