"""Importing the package, and its help, must not load the heavy dependencies."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "open_clip", "timm", "open3d", "gsplat", "rclpy", "pybullet", "viser", "av")


@pytest.mark.parametrize(
    "statement",
    [
        "import grounding3d",
        "import grounding3d.capture",
        "from grounding3d.interfaces.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass",
        "from grounding3d.interfaces.cli import main\n"
        "try: main(['build', '--help'])\n"
        "except SystemExit: pass",
    ],
)
def test_no_heavy_module_is_loaded(statement: str, tmp_path) -> None:
    check = f"import sys\nprint('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{check}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "LOADED []" in result.stdout
