"""What must be done and checked before nerfstudio is imported."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import MissingDependencyError

NERFSTUDIO_VERSION = "1.1.5"
"""The one version this is written for; its classes change between releases."""


def prepare() -> None:
    """Make nerfstudio importable, or say what to install.

    Raises:
        MissingDependencyError: nerfstudio is missing or of another version.
    """
    hint = "Make its environment with: grounding3d nerf-setup"
    try:
        found = version("nerfstudio")
    except PackageNotFoundError:
        raise MissingDependencyError("nerfstudio is not installed here", hint=hint) from None
    if found != NERFSTUDIO_VERSION:
        raise MissingDependencyError(
            "this nerfstudio is not supported", expected=NERFSTUDIO_VERSION, found=found, hint=hint
        )
    # CPU threads that spin between numba's and torch's turns cost more than they save
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    prepare_torchvision()
