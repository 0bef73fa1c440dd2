"""What every simulated recording is configured by: its objects, its sensor, its questions."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from grounding3d.capture.simulator.queries.base import Kind
from grounding3d.config import Section

Span = tuple[float, float]


class SimulationConfig(Section):
    """Which objects there are, how they are seen, and what is asked about them."""

    n_objects: int = Field(default=8, ge=0, description="objects, furniture not counted")
    n_frames: int = Field(default=60, ge=1, description="frames of the recording")
    pack: Path | None = Field(
        default=None, description="mesh pack folder; None: parametric objects"
    )
    p_generated: float = Field(
        default=0.0, ge=0, le=1, description="share of parametric ones beside a pack"
    )
    own_work_only: bool = Field(
        default=False, description="of the pack, only objects made for this project"
    )
    only: tuple[str, ...] | None = Field(
        default=None, description="names or categories to choose from"
    )
    exclude: tuple[str, ...] = Field(default=(), description="names or categories to leave out")
    held_out: tuple[str, ...] = Field(
        default=(), description="names that the truth marks as held out"
    )
    largest_extent_m: float = Field(default=0.45, gt=0, description="no object is longer")
    smallest_height_m: float = Field(default=0.0, ge=0, description="no object is flatter")
    smallest_side_m: float = Field(
        default=0.0, ge=0, description="no object's second longest side is shorter"
    )
    bulky_volume_m3: float = Field(
        default=0.012, gt=0, description="bounding volume of a bulky object"
    )
    max_bulky: int = Field(
        default=1, ge=0, description="at most this many bulky objects on a table"
    )
    p_same_category: float = Field(
        default=0.04, ge=0, le=1, description="chance of a second of its kind"
    )
    p_lying: float = Field(default=0.1, ge=0, le=1, description="chance that a tall object lies")
    min_gap_m: float = Field(default=0.04, ge=0, description="free space between footprints")
    rate_hz: float = Field(default=10.0, gt=0, description="frames per second")
    width: int = Field(default=640, ge=16, description="image width, pixels")
    height: int = Field(default=480, ge=16, description="image height, pixels")
    focal_px: Span = Field(
        default=(525.0, 615.0), description="range of the focal length at width 640"
    )
    noise: bool = Field(default=True, description="Kinect-like depth noise and camera noise")
    shadows: bool = Field(default=True, description="cast shadows")
    world_frame: str = Field(default="map", description="frame id of the poses and of the truth")
    offset_range_m: float = Field(
        default=3.0, ge=0, description="how far the world's origin may be, x and y"
    )
    n_twins: int = Field(
        default=0, ge=0, description="kinds of which two or three stand there, in other colours"
    )
    n_inside: int = Field(default=0, ge=0, description="small objects put into open containers")
    question_kinds: tuple[Kind, ...] = Field(
        default=("plain", "caption", "absent"), description="kinds of questions in the truth"
    )
    least_in_view: float = Field(
        default=0.0, ge=0, le=1, description="share of a thing the camera passed over, to be asked"
    )
    questions_per_kind: int = Field(
        default=8, ge=1, description="at most so many of each kind beyond the default ones"
    )
