"""Optional dependencies: which extra brings which package."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from grounding3d.errors import MissingDependencyError

_EXTRA_OF = {
    "gsplat": "cuda",
    "open3d": "mesh",
    "trimesh": "mesh",
    "viser": "view",
    "av": "video",
    "rclpy": "ros",
    "pybullet": "sim",
    "pybullet_data": "sim",
    "matplotlib": "dev",
    "transformers": "siglip",
    "segment_anything": "sam",
    "sam2": "sam",
}

_ELSEWHERE = {"mobile_sam": "git+https://github.com/ChaoningZhang/MobileSAM.git"}
"""Packages that are not on PyPI under their own name."""


def require(module: str, *, purpose: str) -> ModuleType:
    """Import an optional package, or raise an error that names the exact install line."""
    try:
        return import_module(module)
    except ImportError as error:
        wanted = _ELSEWHERE.get(module) or f"'grounding3d[{_EXTRA_OF[module]}]'"
        raise MissingDependencyError(
            f"{purpose} needs the package {module!r}, which does not import",
            found=str(error),
            hint=f"Install it with: pip install {wanted}",
        ) from error
