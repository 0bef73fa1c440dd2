"""The whole configuration of a build: one section a stage, read from YAML and `--set` overrides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from grounding3d.capture.base import CaptureConfig
from grounding3d.config import Section
from grounding3d.errors import ConfigError
from grounding3d.features.dense_sources import DenseConfig
from grounding3d.features.encoders import BUNDLED
from grounding3d.features.masks import MaskConfig
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.objects.config import ObjectConfig
from grounding3d.scene.config import SceneConfig


class KeyframeConfig(Section):
    """Which frames of the stream are used, and for what."""

    min_translation_m: float = Field(
        0.01, ge=0, description="a frame is fused once the camera moved this far, metres, or"
    )
    min_rotation_rad: float = Field(0.02, ge=0, description="turned this far, radians")
    language_translation_m: float = Field(
        0.04, ge=0, description="a fused frame is segmented and encoded after this way, metres, or"
    )
    language_rotation_rad: float = Field(0.08, ge=0, description="after this turn, radians")
    change_period_s: float = Field(
        0.5,
        ge=0,
        description="a camera that stands still sees something change: frames are used this often "
        "for a while, seconds; 0: never",
    )


class LiveConfig(Section):
    """How a running map takes frames in and gives scenes out."""

    queue_size: int = Field(
        4, ge=1, description="frames that may wait for the mapper; beyond, the oldest is dropped"
    )
    threads: int = Field(
        2,
        ge=1,
        description="CPU threads of the mapping process; from 2 on, one frame is looked at while "
        "others are",
    )
    nice: int = Field(
        5, ge=0, le=19, description="Unix nice value of that process: queries go first"
    )
    snapshot_period_s: float = Field(
        1.0, ge=0, description="a new scene is handed out this often at most, seconds"
    )
    snapshot_views: int = Field(
        24, ge=1, description="language of a running map is lifted from so many views, spread"
    )
    snapshot_share: float = Field(
        0.25, gt=0, le=1, description="share of the mapping process's time that snapshots may take"
    )
    refine_s: float = Field(
        0.2, gt=0, description="while no frame waits, geometry is refined this long at a time, "
        "seconds; a frame waits that long at most",
    )  # fmt: skip
    max_rate_hz: float = Field(
        10.0, gt=0, description="frames a second that are decoded at most; others are left out"
    )
    sync_slop_s: float | None = Field(
        None,
        gt=0,
        description="largest colour-depth stamp gap, seconds; None: half the faster one's period",
    )
    tf_timeout_s: float = Field(
        0.5, ge=0, description="how long an image waits for its camera's pose, seconds"
    )


class Config(Section):
    """Everything that shapes a scene; stored in its manifest."""

    encoder: str = Field(BUNDLED, description="encoder SPEC")
    device: str = Field("cpu", description="torch device")
    capture: CaptureConfig = CaptureConfig()
    keyframes: KeyframeConfig = KeyframeConfig()
    scene: SceneConfig = SceneConfig()
    masks: MaskConfig = MaskConfig()
    dense: DenseConfig = DenseConfig()
    fusion: FusionConfig = FusionConfig()
    field: FieldConfig = FieldConfig()
    objects: ObjectConfig = ObjectConfig()
    live: LiveConfig = LiveConfig()


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Read a YAML preset and apply overrides such as `capture.depth_unit_m=0.001`.

    Raises:
        ConfigError: no such file, not YAML, an unknown field or a value of the wrong kind.
    """
    values = _read_yaml(path) if path is not None else {}
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_first_problem(error), hint=_known_fields(error)) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}", found=error.strerror) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML", found=str(error).splitlines()[0]) from error
    if values is None:  # nothing but comments: the defaults
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is no configuration", expected="a mapping of sections")
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    """Set one `section.field=value`, the value in YAML's notation."""
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise ConfigError(f"cannot use --set {override!r}", expected="section.field=value")
    *sections, field = name.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"cannot use --set {override!r}", found=f"{section} is no section")
        values = inner
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read the value of --set {override!r}") from error
    if isinstance(value, str) and "," in value:
        value = [part.strip() for part in value.split(",")]
    values[field] = value


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"configuration field {where!r}: {first['msg']}"


def _known_fields(error: ValidationError) -> str | None:
    """For an unknown name, the names that exist beside it."""
    first = error.errors()[0]
    if first["type"] != "extra_forbidden":
        return None
    model: Any = Config
    for part in first["loc"][:-1]:
        model = model.model_fields[part].annotation
    return "Known fields: " + ", ".join(model.model_fields)
