"""A folder imports itself, the folders to its left and the root modules, never to its right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "grounding3d"
LAYERS = [
    "geometry", "capture", "scene", "features", "nerf", "fusion", "objects", "query", "live",
    "interfaces",
]  # fmt: skip
ONLY_BY_PROCESS = "nerf"  # lives in another environment; nothing of ours imports it
ROOT_MODULES = {"errors", "checks", "extras", "registry", "compat", "config", "__main__", "_core"}


def _imports(path: Path) -> set[str]:
    """First part below the package of everything of ours that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.split(".")[0] == "grounding3d":
                names = (
                    [node.module]
                    if "." in node.module
                    else [f"grounding3d.{alias.name}" for alias in node.names]
                )
                found |= {name.split(".")[1] for name in names}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("grounding3d.")
            }
    return found - {"__version__"}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_folder_imports_nothing_to_its_right(layer: str) -> None:
    allowed = set(LAYERS[: LAYERS.index(layer) + 1]) | ROOT_MODULES
    if layer != ONLY_BY_PROCESS:
        allowed.discard(ONLY_BY_PROCESS)
    for path in (PACKAGE / layer).rglob("*.py"):
        assert _imports(path) <= allowed, path


def test_root_modules_import_nothing_but_errors() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name != "__main__.py":
            assert _imports(path) <= {"errors"}, path


def test_every_folder_of_the_package_is_a_known_layer() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(LAYERS)


def test_the_check_itself_sees_a_breach(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from grounding3d.query.answer import Answer\nimport grounding3d.live.mapping\n")
    assert _imports(bad) == {"query", "live"}
