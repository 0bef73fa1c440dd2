"""Which interpreter is used, and one line that says what to run where none will do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grounding3d.errors import ConfigError, MissingDependencyError
from grounding3d.scene.backends import make_builder
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.nerf import environment
from grounding3d.scene.nerf.config import NerfConfig
from grounding3d.scene.nerf.environment import VARIABLE, find_python, require_environment


def interpreter(folder: Path, version: str | None) -> Path:
    """A Python in whose path nerfstudio is declared in that version, or not at all."""
    folder.mkdir(parents=True)
    if version is not None:
        info = folder / f"nerfstudio-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: nerfstudio\nVersion: {version}\n"
        )
    root = Path(environment.__file__).resolve().parents[3]
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={folder}:{root} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def test_the_right_version_will_do(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "a", environment.SUPPORTED)
    assert require_environment(str(python)).python == python


@pytest.mark.parametrize(("version", "found"), [("0.3.4", r"nerfstudio 0\.3\.4"), (None, "none")])
def test_another_version_is_refused_in_one_line(
    tmp_path: Path, version: str | None, found: str
) -> None:
    python = interpreter(tmp_path / "a", version)
    with pytest.raises(MissingDependencyError, match=found) as error:
        require_environment(str(python))
    assert "grounding3d nerf-setup" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_does_not_run_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(MissingDependencyError, match="does not run"):
        require_environment(str(broken))


def test_the_named_one_comes_first_then_the_variable_then_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, variable = (interpreter(tmp_path / name, None) for name in ("named", "variable"))
    own = tmp_path / "own"
    monkeypatch.setenv(VARIABLE, str(variable))
    monkeypatch.setattr(environment, "default_folder", lambda: own)
    monkeypatch.setattr(environment, "user_folder", lambda: tmp_path / "user")
    assert find_python(str(named)) == named
    assert find_python() == variable
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(MissingDependencyError, match="nerf-setup"):
        find_python()
    made = interpreter(own / "bin", None)
    assert find_python() == made


def test_a_wrong_name_is_no_reason_to_use_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"scene\.nerf\.python"):
        find_python(str(tmp_path / "nowhere"))


def test_a_builder_says_so_before_the_first_frame(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "a", None)
    config = SceneConfig(backend="nerf", nerf=NerfConfig(python=str(python)))
    with pytest.raises(MissingDependencyError, match="nerf-setup"):
        make_builder(config)
