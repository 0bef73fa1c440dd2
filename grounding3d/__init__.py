"""Metric 3D answers to language queries over RGB-D captures.

Importing this package is light: torch, open3d, gsplat and rclpy are loaded by the parts that need
them.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("grounding3d")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
