"""Sources say when the scene has changed, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import without

from grounding3d.errors import SceneError
from grounding3d.interfaces.viewer.encoder import RememberingEncoder
from grounding3d.interfaces.viewer.source import CallableSource, FolderSource
from grounding3d.objects.store import save_scene


def test_a_folder_changes_when_it_is_saved_again(scene, tmp_path: Path) -> None:
    source = FolderSource(save_scene(tmp_path / "scene", scene))
    first = source.version()
    assert source.version() == first
    assert len(source.scene().objects) == 4
    save_scene(tmp_path / "scene", without(scene, 2))
    assert source.version() != first
    assert len(source.scene().objects) == 3


def test_no_scene_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="grounding3d build"):
        FolderSource(tmp_path).version()


def test_a_callable_changes_with_what_it_returns(scene) -> None:
    held = [scene]
    source = CallableSource(lambda: held[0])
    first = source.version()
    assert source.version() == first
    held[0] = without(scene, 2)
    assert source.version() != first
    assert source.scene() is held[0]
    held[0] = replace(scene, uuid="other")
    assert source.version() != first
    assert CallableSource(lambda: scene, lambda: 17).version() == 17


def test_a_remembered_phrase_has_the_same_vector(bundled) -> None:
    calls = []

    class Counting:
        dim = bundled.dim

        def encode_text(self, phrases):
            calls.extend(phrases)
            return bundled.encode_text(phrases)

    encoder = RememberingEncoder(Counting())
    phrases = ["mug", "bowl", "mug"]
    assert encoder.encode_text(phrases) == pytest.approx(bundled.encode_text(phrases), abs=1e-6)
    encoder.encode_text(["bowl"])
    assert sorted(calls) == ["bowl", "mug"]
    assert encoder.encode_text([]).shape == (0, bundled.dim)
    many = [f"thing {i}" for i in range(600)]
    assert np.isfinite(encoder.encode_text(many)).all()
