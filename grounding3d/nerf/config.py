"""What a job's settings may say, and the presets they start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from grounding3d.config import Section
from grounding3d.errors import ConfigError


class NerfConfig(Section):
    """How a NeRF is trained and what is drawn of it. None: as the preset has it."""

    iterations: int | None = Field(None, ge=1, description="training steps")
    max_seconds: float | None = Field(
        None, gt=0, description="training ends after this many seconds if that is earlier"
    )
    rays_per_step: int | None = Field(None, ge=16, description="rays of a training step")
    ray_width: int | None = Field(
        None, ge=16, description="images are reduced to at most this width for rays, pixels"
    )
    language_rays: int | None = Field(
        None, ge=0, description="rays of a step that carry a crop's vector"
    )
    language_frames: int | None = Field(
        None, ge=1, description="at most this many images get crops"
    )
    crop_shares: tuple[float, ...] | None = Field(
        None, min_length=1, description="edges of crops, as shares of the image's shorter side"
    )
    crop_overlap: float | None = Field(
        None, ge=0, lt=1, description="overlap of neighbouring crops, as a share of their edge"
    )
    regulariser: str | None = Field(
        None, description="affinity SPEC whose features the language's grid must carry too"
    )
    checkpoint_every: int | None = Field(None, ge=1, description="steps between two checkpoints")
    view_width: int = Field(
        320, ge=16, description="width of the views drawn for fusion, pixels; never wider than the "
        "frames"
    )  # fmt: skip
    cell_px: int = Field(
        16, ge=1, description="edge of a language cell of a view, pixels of the full frame"
    )
    n_scales: int = Field(5, ge=1, description="crop sizes among which a cell's language is chosen")
    model: dict[str, Any] = Field(
        default_factory=dict, description="fields of GroundingModelConfig, for experiments"
    )


class JobSettings(Section):
    """WORK/settings.json."""

    schema_: Literal[1] = Field(1, alias="schema")
    encoder: str | None = Field(None, description="encoder of the language; None: no language")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where to train")
    held_out: tuple[int, ...] = Field((), description="numbers of frames not trained on")
    views: tuple[int, ...] | None = Field(
        None, description="numbers of the frames to draw; None: all that were trained on"
    )
    seed: int = Field(0, ge=0, description="seed of everything random")
    preset: Literal["small", "full"] = Field("small", description="small: CPU; full: CUDA")
    overrides: NerfConfig = NerfConfig()


def read_settings(work: Path) -> JobSettings:
    """Settings of a job's folder.

    Raises:
        ConfigError: missing, no JSON, or a field without a valid value.
    """
    file = work / "settings.json"
    try:
        return JobSettings.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        found = _first(error) if isinstance(error, ValidationError) else str(error)
        raise ConfigError(f"{file} cannot be used", found=found) from error


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
