"""Configuration: YAML, overrides, and errors that name the field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.live.config import Config, load_config
from grounding3d.live.keyframes import KeyframeSelector

PRESETS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.stem)
def test_every_preset_loads(path: Path) -> None:
    assert load_config(path) != Config()


def test_overrides_reach_their_section_and_keep_types() -> None:
    config = load_config(
        None,
        ["capture.depth_unit_m=0.001", "capture.up_world=0,0,1", "encoder=open_clip:ViT-B-32/x"],
    )
    assert config.capture.depth_unit_m == 0.001
    assert config.capture.up_world == (0.0, 0.0, 1.0)
    assert config.encoder == "open_clip:ViT-B-32/x"


def test_a_preset_of_comments_alone_means_the_defaults(tmp_path: Path) -> None:
    preset = tmp_path / "p.yaml"
    preset.write_text("# capture: {stride: 2}\n")
    assert load_config(preset) == Config()


def test_an_override_beats_the_file(tmp_path: Path) -> None:
    preset = tmp_path / "p.yaml"
    preset.write_text("capture: {stride: 2, start: 5}\n")
    config = load_config(preset, ["capture.stride=4"])
    assert (config.capture.stride, config.capture.start) == (4, 5)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("capture.strid=2", "stride"),
        ("capture.stride=0", "capture.stride"),
        ("capture.stride=two", "capture.stride"),
        ("nonsense", "section.field=value"),
        ("encoder.x=1", "encoder"),
    ],
)
def test_a_wrong_override_names_the_field(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(None, [override])


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "\x00"])
def test_a_wrong_file_is_named(tmp_path: Path, content: str) -> None:
    preset = tmp_path / "p.yaml"
    preset.write_text(content)
    with pytest.raises(ConfigError, match=r"p\.yaml"):
        load_config(preset)


def test_keyframes_need_way_or_turn() -> None:
    selector = KeyframeSelector(0.05, 0.1)
    T = np.eye(4)
    assert selector.wants(T)
    selector.take(T)
    assert not selector.wants(T)
    moved, turned = np.eye(4), np.eye(4)
    moved[0, 3] = 0.06
    turned[:2, :2] = [[np.cos(0.11), -np.sin(0.11)], [np.sin(0.11), np.cos(0.11)]]
    assert selector.wants(moved)
    assert selector.wants(turned)
