"""Every launch file makes a description that launch accepts; run by `colcon test`."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

launch = pytest.importorskip("launch")

LAUNCH_FILES = sorted((Path(__file__).parent.parent / "launch").glob("*.launch.py"))


def test_launch_files_were_found():
    assert len(LAUNCH_FILES) > 4


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_description_starts_the_node(path):
    spec = spec_from_file_location(path.name.split(".")[0], path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    context = launch.LaunchContext()
    started = []
    for entity in description.entities:
        started += entity.visit(context) or []
    assert any(getattr(each, "node_executable", "") == "grounding3d_node" for each in started)
