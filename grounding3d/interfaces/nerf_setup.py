"""Making the environment that nerfstudio lives in.

It is a virtual environment that sees the packages of the one this program runs in behind its own:
the same torch, the same encoders, this very package. Its own are nerfstudio and what must be of
another version there (viser, gsplat). So little is downloaded, and torch is of the same kind.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

from grounding3d.errors import GroundingError, InputError
from grounding3d.scene.base import Progress
from grounding3d.scene.nerf.environment import SUPPORTED, checkout_folder, python_of

MARK = "grounding3d-nerf.json"
_LINK = "grounding3d_nerf.pth"
_PINS = "constraints-nerf.txt"
_SAME = ("torch", "torchvision", "open_clip_torch", "timm")
_STAGES = 4
_CHECK = """
import nerfstudio.scripts.train, nerfstudio.scripts.eval, nerfstudio.scripts.render
import nerfstudio.scripts.viewer.run_viewer
import open_clip, grounding3d
"""
_METHODS = """
import importlib.metadata as m
print([p.name for p in m.entry_points(group="nerfstudio.method_configs")])
"""


class SetupError(GroundingError):
    """The environment could not be made; what is there can be gone on with."""


def make_environment(folder: Path, progress: Progress) -> bool:
    """Make the environment, or finish one that was begun.

    Args:
        folder: new, empty, or made by this before.
        progress: is told what is being done.

    Returns:
        Whether anything had to be done.

    Raises:
        InputError: the folder holds something else.
        SetupError: a step failed; says which, and the last line of what it said.
    """
    mark = _read_mark(folder)
    wanted = _state()
    if mark == wanted:
        return False
    progress("setup: virtual environment", 0, _STAGES)
    _make_venv(folder)
    _link(folder, fix_torchvision=False)
    progress("setup: packages", 1, _STAGES)
    for name in _install(folder):
        progress(f"setup: {name}", 1, _STAGES)
    progress("setup: checking torchvision", 2, _STAGES)
    if not _imports(folder, "import torchvision"):
        _link(folder, fix_torchvision=True)
    progress("setup: checking nerfstudio", 3, _STAGES)
    _run([str(python_of(folder)), "-c", _CHECK], "nerfstudio does not import")
    (folder / MARK).write_text(json.dumps(wanted), encoding="utf-8")
    progress("setup: done", _STAGES, _STAGES)
    return True


def has_method(folder: Path) -> bool:
    """Whether `ns-train` there knows our method (this package's installation declares it)."""
    listed = subprocess.run(
        [str(python_of(folder)), "-c", _METHODS], capture_output=True, text=True
    )
    return "grounding3d" in listed.stdout


def _state() -> dict[str, object]:
    """What the environment depends on; if this changes it is made again."""
    versions = {name: _version(name) for name in ("torch", "numpy")}
    return {
        "nerfstudio": SUPPORTED,
        "behind": _site_folders(),
        "python": sys.version.split()[0],
        "requirements": _requirements(),
        **versions,
    }


def _read_mark(folder: Path) -> dict[str, object] | None:
    """What an environment of ours was made for; None for a new folder.

    Raises:
        InputError: something else is there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    mark = folder / MARK
    if not mark.is_file():
        raise InputError(
            f"{folder} is not empty and holds no environment of ours",
            hint="Choose a new folder for --path; nothing was changed.",
        )
    try:
        return dict(json.loads(mark.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return {}


def _make_venv(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("{}", encoding="utf-8")  # ours from now on, but not complete
    if importlib.util.find_spec("pip") is None:
        raise SetupError("pip is missing here", hint=f"Run: {sys.executable} -m ensurepip")
    # pip is seen in the environment behind
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], "no virtual environment")


def _site_folders() -> list[str]:
    """Where this program's packages lie."""
    names = ("site-packages", "dist-packages")
    return [p for p in sys.path if Path(p).name in names and Path(p).is_dir()]


def _link(folder: Path, *, fix_torchvision: bool) -> None:
    """Let the environment see this one's packages behind its own."""
    lines = [f"import site; site.addsitedir({path!r})" for path in _site_folders()]
    if fix_torchvision:
        lines.append(
            "import grounding3d.compat; grounding3d.compat.prepare_torchvision_on_import()"
        )
    inside = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (folder / inside / _LINK).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _install(folder: Path) -> Iterator[str]:
    """Install what is missing; yields the packages' names as pip comes to them."""
    checkout = checkout_folder()
    pins = ["-c", str(checkout / _PINS)] if checkout and (checkout / _PINS).is_file() else []
    if sys.version_info < (3, 11):
        pins = []  # they are those of newer Pythons
    same = folder / "same.txt"
    versions = {name: _version(name) for name in _SAME}
    same.write_text("\n".join(f"{n}=={v}" for n, v in versions.items() if v), encoding="utf-8")
    listed = folder / "requirements.txt"
    listed.write_text(_requirements(), encoding="utf-8")
    yield from _pip(folder, [*pins, "-c", str(same), "-r", str(listed)])
    yield from _pip(folder, ["--no-deps", f"nerfstudio=={SUPPORTED}"])


def _pip(folder: Path, arguments: list[str]) -> Iterator[str]:
    quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    command = [str(python_of(folder)), "-m", "pip", "install", *quiet, *arguments]
    tail: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            tail = [*tail[-30:], line.strip()]
            word = line.split()
            if word[:1] == ["Collecting"]:
                yield f"fetching {word[1]}"
            elif word[:1] == ["Installing"]:
                yield "installing"
    if pip.returncode:
        errors = [line for line in tail if line.startswith("ERROR")] or tail[-1:]
        raise SetupError(
            "pip could not install what nerfstudio needs",
            found=" ".join(errors)[:400],
            hint="Run the same command again to go on.",
        )


def _imports(folder: Path, statement: str) -> bool:
    command = [str(python_of(folder)), "-c", statement]
    return subprocess.run(command, capture_output=True).returncode == 0


def _run(command: list[str], problem: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise SetupError(problem, found=said[0][:400])


def _requirements() -> str:
    return resources.files("grounding3d.scene.nerf").joinpath("requirements.txt").read_text("utf-8")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
