"""Configuration of fusion."""

from __future__ import annotations

from pydantic import Field

from grounding3d.config import Section


class FusionConfig(Section):
    """How masks become segments in the world, and segments become things."""

    voxel_size_m: float = Field(0.008, gt=0, description="grid of object points, metres")
    support_voxel_size_m: float = Field(0.02, gt=0, description="grid of support points, metres")
    max_range_m: float = Field(6.0, gt=0, description="farther depth is not lifted, metres")
    edge_jump: float = Field(
        0.015, gt=0, description="depth step to a neighbour that counts as an edge, share of depth"
    )
    edge_neighbours: int = Field(
        4, ge=0, le=8, description="neighbours a pixel must agree with, else it is a flying pixel"
    )
    cluster_voxel_m: float = Field(0.03, gt=0, description="grid that tells clusters apart, metres")
    min_segment_points: int = Field(12, ge=1, description="smaller segments are not lifted, voxels")
    full_quality_pixels: int = Field(
        3000, ge=1, description="a mask of this many pixels is large enough to be seen well"
    )
    match_share: float = Field(
        0.5, gt=0, le=1, description="overlap above which a mask covers a track or lies in it"
    )
    split_share: float = Field(
        0.15, gt=0, le=1, description="a mask in a track may split it if it covers this share"
    )
    split_area_m2: float = Field(
        0.02, gt=0, description="or this much surface: small things on a large shelf, square metres"
    )
    claim_share: float = Field(
        0.3, gt=0, le=1, description="another mask that covers this share of a track divides it too"
    )
    merge_share: float = Field(
        0.6, gt=0, le=1, description="overlap above which two tracks are the same thing"
    )
    consensus: float = Field(
        0.6,
        ge=0.5,
        lt=1,
        description="two pieces are one thing if more than this share of views says so",
    )
    fragment_votes: float = Field(
        0.05,
        gt=0,
        le=1,
        description="things that lie among each other and look alike are one if this share of "
        "views says so; others need the consensus",
    )
    fragment_cosine: float = Field(
        0.85, ge=-1, le=1, description="cosine above which two fragments look alike"
    )
    same_cosine: float = Field(
        0.5, ge=-1, le=1, description="features nearer than this let a weaker overlap match"
    )
    plane_angle_deg: float = Field(
        8.0, gt=0, description="largest angle between the planes of one support, degrees"
    )
    plane_distance_m: float = Field(
        0.025, gt=0, description="largest distance between the planes of one support, metres"
    )
    min_views: int = Field(
        3, ge=1, description="frames a thing must be seen in; at most half of all frames"
    )
    min_seen_share: float = Field(
        0.1, ge=0, le=1, description="share of the frames that could have seen it, likewise"
    )
    forget_after_looks: int = Field(
        4,
        ge=0,
        description="a thing that so many frames in a row saw through has gone; 0: never",
    )
    trim_share: float = Field(
        0.4, ge=0, le=1, description="voxels hit less often than this share of the usual are cut"
    )
    max_views: int = Field(32, ge=1, description="embeddings kept a thing, the best ones")
    max_crops: int = Field(
        3, ge=0, description="pictures kept a thing, of its best views, at most 8 kB each"
    )
