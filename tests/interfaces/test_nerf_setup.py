"""nerfstudio's environment: nobody's folder is touched, ours is finished, torch is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from grounding3d.errors import InputError
from grounding3d.interfaces import nerf_setup
from grounding3d.interfaces.cli import main
from grounding3d.interfaces.nerf_setup import MARK, make_environment
from grounding3d.scene.nerf.environment import SUPPORTED, default_folder
from tests.nerf_environment import needs_nerf


def ignore(*_: object) -> None:
    """No progress is wanted."""


def test_somebody_elses_folder_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="not empty"):
        make_environment(tmp_path, ignore)
    assert main(["nerf-setup", "--path", str(tmp_path)]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_was_broken_off_is_gone_on_with_and_what_is_complete_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = []

    def install(folder: Path):
        installed.append(folder)
        if len(installed) == 1:
            raise KeyboardInterrupt
        yield "packages"

    monkeypatch.setattr(nerf_setup, "_install", install)
    monkeypatch.setattr(nerf_setup, "_CHECK", "import grounding3d, torch")
    folder = tmp_path / "environment"
    with pytest.raises(KeyboardInterrupt):
        make_environment(folder, ignore)
    assert json.loads((folder / MARK).read_text()) == {}
    assert make_environment(folder, ignore)
    assert not make_environment(folder, ignore)
    assert len(installed) == 2


def test_the_environment_has_nerfstudio_beside_our_own_torch() -> None:
    python = needs_nerf()
    if not (default_folder() / MARK).is_file():
        pytest.skip("the environment was not made by `grounding3d nerf-setup`")
    names = ("nerfstudio", "viser", "torch", "open_clip_torch")
    ask = (
        "import importlib.metadata as m, importlib.util as u, json\n"
        f"print(json.dumps([[m.version(n) for n in {names}], u.find_spec('torch').origin]))"
    )
    told = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True)
    versions, torch_file = json.loads(told.stdout)
    assert versions[:2] == [SUPPORTED, "0.2.7"]
    assert versions[2:] == [metadata.version(name) for name in names[2:]]
    torch_here = find_spec("torch")
    assert torch_here is not None
    assert torch_file == torch_here.origin


def test_a_program_that_is_not_ours_can_import_torchvision() -> None:
    program = (
        "from grounding3d.compat import prepare_torchvision_on_import as watch\n"
        "import sys; n = len(sys.meta_path); watch()\n"
        "assert 'torch' not in sys.modules\n"
        "import torchvision.transforms\n"
        "assert len(sys.meta_path) == n\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
