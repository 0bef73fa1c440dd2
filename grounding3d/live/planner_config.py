"""Configuration of what planners are given: approach poses, collision objects, grasp hints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grounding3d.config import Section


class ApproachConfig(Section):
    """A mobile base, and where it should stop in front of an object."""

    robot_radius_m: float = Field(
        0.25, gt=0, description="radius of the circle around the base that must stay clear, metres"
    )
    margin_m: float = Field(
        0.03,
        ge=0,
        description="added to the radius, as the map loses a little of what ends at a depth edge, "
        "metres",
    )
    robot_height_m: float = Field(
        1.2, gt=0, description="what hangs higher over the floor than this is no obstacle, metres"
    )
    stand_off_m: float = Field(
        0.6,
        gt=0,
        description="wanted distance in plan from the base's centre to the object's box, metres",
    )
    max_stand_off_m: float = Field(
        1.5, gt=0, description="a base farther from the object's box is no approach, metres"
    )
    resolution_m: float = Field(
        0.05, gt=0, le=0.5, description="edge of the occupancy grid's cells, metres"
    )
    clearance_m: float = Field(
        0.06,
        gt=0,
        description="what rises less than this over the floor is driven over, metres; must exceed "
        "the depth's noise",
    )
    min_obstacle_points: int = Field(
        3, ge=1, description="surfels in a cell that make it an obstacle; fewer are noise"
    )
    fill_gap_m: float = Field(
        0.15,
        ge=0,
        description="gaps in the observed floor up to this width count as floor, metres",
    )
    max_unknown_share: float = Field(
        0.05, ge=0, le=1, description="share of the base's circle that may be unobserved"
    )
    floor_height_m: float | None = Field(
        None,
        description="height of the floor along up_world in the world frame, metres; None: the "
        "lowest large level surface of the map",
    )
    min_floor_area_m2: float = Field(
        1.5,
        gt=0,
        description="a smaller lowest level surface may be a table's and is no floor, m^2",
    )
    max_below_floor_share: float = Field(
        0.03,
        ge=0,
        description="a surface with more than this share of its area well below itself is no floor "
        "(reflections in a polished floor lie there, too: then give floor_height_m)",
    )
    min_opacity: float = Field(
        0.3, ge=0, lt=1, description="fainter Gaussians are ignored (floaters of a trained scene)"
    )
    min_visible_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="poses that see less of the object are only taken where none sees more",
    )
    start_snap_m: float = Field(
        1.0,
        ge=0,
        description="a start off the known free floor is moved to it up to this far, metres (a "
        "robot's camera does not see the floor it stands on)",
    )


class CollisionConfig(Section):
    """Shapes for a motion planner's scene."""

    shape: Literal["box", "hull"] = Field(
        "box", description="an object's shape: its box, or the convex hull of its points"
    )
    max_vertices: int = Field(
        64, ge=8, description="bound on a hull's vertices; a coarser hull encloses the finer one"
    )
    padding_m: float = Field(
        0.0, ge=0, description="every shape is grown by this on each side, metres"
    )
    min_thickness_m: float = Field(
        0.01, gt=0, description="thinner boxes are thickened downwards to this, metres"
    )
    tolerance_m: float = Field(
        0.01,
        ge=0,
        description="nothing is sent while no corner of the box moved farther, metres",
    )
    supports: bool = Field(True, description="whether tables and floors are sent too")


class GraspConfig(Section):
    """A gripper, and the space it needs."""

    max_opening_m: float = Field(
        0.085, gt=0, description="widest opening of the gripper's fingers, metres"
    )
    margin_m: float = Field(
        0.01, ge=0, description="room between a finger and the object before closing, metres"
    )
    reach_m: float = Field(
        0.12, gt=0, description="length of the corridor to a side that must be clear, metres"
    )
    contact_m: float = Field(
        0.015, gt=0, description="the lowest part that a support's noise may reach into, metres"
    )
    max_points: int = Field(
        5, ge=0, description="surfels of other things in a corridor that are still called noise"
    )
    normal_radius_m: float = Field(
        0.02, gt=0, description="points this near make the normal at the surface point, metres"
    )
