"""Finding the environment that nerfstudio lives in, and asking what is in it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import grounding3d
from grounding3d.errors import ConfigError, MissingDependencyError

SUPPORTED = "1.1.5"
"""The nerfstudio that the method was written for and is tested with."""

VARIABLE = "GROUNDING3D_NERF_PYTHON"
SETUP = "grounding3d nerf-setup"
_ASK_S = 60.0
_ASK = """
import importlib.metadata as m, importlib.util as u, json
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
job = u.find_spec("grounding3d") is not None and u.find_spec("grounding3d.nerf") is not None
print(json.dumps({"nerfstudio": version("nerfstudio"), "job": job}))
"""


@dataclass(frozen=True)
class NerfEnvironment:
    """A Python that has nerfstudio and this package.

    Attributes:
        python: its interpreter.
        nerfstudio: nerfstudio's version there.
    """

    python: Path
    nerfstudio: str


def checkout_folder() -> Path | None:
    """The source folder this package runs from, None where it was installed from a wheel."""
    root = Path(grounding3d.__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").is_file() and (root / "cpp").is_dir() else None


def default_folder() -> Path:
    """Where `grounding3d nerf-setup` makes the environment unless told otherwise."""
    checkout = checkout_folder()
    return user_folder() if checkout is None else checkout / ".venv-nerf"


def user_folder() -> Path:
    """The user's own place for it."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "grounding3d" / "nerf"


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "bin" / "python"


def find_python(named: str | None = None) -> Path:
    """The interpreter to use: the one named, else `$GROUNDING3D_NERF_PYTHON`, else our own.

    Raises:
        ConfigError: the named one is not there.
        MissingDependencyError: there is none; says how to make one.
    """
    given = named or os.environ.get(VARIABLE)
    if given:
        path = Path(given).expanduser()
        if not path.is_file():
            source = "scene.nerf.python" if named else f"${VARIABLE}"
            raise ConfigError(f"{source} names no interpreter", found=str(path), hint=_hint())
        return path.absolute()
    places = [default_folder(), user_folder()]
    for folder in places:
        if python_of(folder).is_file():
            return python_of(folder)
    raise MissingDependencyError(
        f"a NeRF needs nerfstudio {SUPPORTED} in an environment of its own",
        found=f"none at {places[0]}",
        hint=_hint(),
    )


def require_environment(named: str | None = None) -> NerfEnvironment:
    """The environment, after it was asked once whether it will do.

    Raises:
        ConfigError: the named interpreter is not there.
        MissingDependencyError: nerfstudio or this package is missing there, or nerfstudio is of
            another version; one line that says what to run.
    """
    python = find_python(named)
    found = _installed(str(python), python.stat().st_mtime_ns)
    if found.get("nerfstudio") != SUPPORTED:
        version = found.get("nerfstudio")
        raise MissingDependencyError(
            f"a NeRF needs nerfstudio {SUPPORTED}",
            found=f"{'nerfstudio ' + str(version) if version else 'none'} in {python}",
            hint=_hint(),
        )
    if not found.get("job"):
        raise MissingDependencyError(
            f"{python} has nerfstudio but not grounding3d", hint=_hint()
        )  # fmt: skip
    return NerfEnvironment(python, SUPPORTED)


@lru_cache(maxsize=8)
def _installed(python: str, changed_ns: int) -> dict[str, object]:
    """What an interpreter says it has."""
    try:
        asked = subprocess.run(
            [python, "-c", _ASK], capture_output=True, text=True, timeout=_ASK_S, check=True
        )
        answer = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise MissingDependencyError(
            f"{python} does not run", found=str(error).splitlines()[0], hint=_hint()
        ) from error
    return dict(answer)


def _hint() -> str:
    return f"Make one with: {SETUP}"
