"""The table of capture writers: name -> function `write(capture, path)`."""

from __future__ import annotations

from grounding3d.registry import Registry

WRITERS = Registry(
    "capture writer",
    {
        "ros2": "grounding3d.capture.ros2_writer:write_ros2_bag",
        "folder": "grounding3d.capture.folder_writer:write_folder",
        "tum": "grounding3d.capture.tum_writer:write_tum",
        "nerfstudio": "grounding3d.capture.nerfstudio_writer:write_nerfstudio",
    },
    group="grounding3d.capture_writers",
)
