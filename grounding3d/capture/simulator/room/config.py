"""What a simulated room is configured by."""

from __future__ import annotations

from pydantic import Field

from grounding3d.capture.simulator.config import SimulationConfig, Span
from grounding3d.capture.simulator.queries.base import ALL_KINDS, Kind


class RoomConfig(SimulationConfig):
    """A furnished room and a hand-held camera that walks through it."""

    n_objects: int = Field(default=16, ge=0, description="things on furniture and floor")
    n_on_floor: int = Field(default=4, ge=0, description="of them, things that stand on the floor")
    n_frames: int = Field(default=150, ge=1, description="frames of the recording")
    p_generated: float = Field(
        default=0.3, ge=0, le=1, description="share of parametric ones beside a pack"
    )
    max_bulky: int = Field(default=3, ge=0, description="at most this many bulky things")
    smallest_height_m: float = Field(default=0.02, ge=0, description="nothing is flatter")
    smallest_side_m: float = Field(
        default=0.06, ge=0, description="no object's second longest side is shorter"
    )
    p_lying: float = Field(default=0.05, ge=0, le=1, description="chance that a tall object lies")
    min_gap_m: float = Field(default=0.05, ge=0, description="free space between footprints")
    n_twins: int = Field(
        default=3, ge=0, description="kinds of which two or three stand there, in other colours"
    )
    n_inside: int = Field(default=1, ge=0, description="small objects put into open containers")
    question_kinds: tuple[Kind, ...] = Field(
        default=ALL_KINDS, description="kinds of questions in the truth"
    )
    least_in_view: float = Field(
        default=0.6, ge=0, le=1, description="share of a thing the camera passed over, to be asked"
    )
    room_width_m: Span = Field(default=(4.2, 5.2), description="range of the room's longer side")
    room_depth_m: Span = Field(default=(3.6, 4.4), description="range of the room's shorter side")
    wall_height_m: float = Field(default=2.6, gt=0, description="height of the walls")
    table_width_m: Span = Field(default=(1.0, 1.5), description="range of the table's longer side")
    table_depth_m: Span = Field(default=(0.6, 0.85), description="range of its shorter side")
    table_height_m: Span = Field(default=(0.68, 0.78), description="range of the table's height")
    eye_height_m: Span = Field(default=(1.3, 1.6), description="range of the camera's height")
    clearance_m: float = Field(
        default=0.25, gt=0, description="the camera stays this far from furniture and walls"
    )
