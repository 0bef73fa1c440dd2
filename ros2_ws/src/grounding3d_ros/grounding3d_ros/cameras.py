"""Drivers of RGB-D cameras that there is a preset for (config/NAME.yaml)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Driver:
    """How a camera's driver is started.

    Attributes:
        packages: names the driver's package has had; the first that is installed is taken.
        launch_files: the same for its launch file.
        arguments: launch arguments that registered depth needs; given on the command line, the
            user's win.
    """

    packages: tuple[str, ...]
    launch_files: tuple[str, ...]
    arguments: dict[str, str] = field(default_factory=dict)


DRIVERS = {
    "realsense": Driver(
        ("realsense2_camera",),
        ("rs_launch.py",),
        {"align_depth.enable": "true", "enable_sync": "true"},
    ),
    "zed": Driver(("zed_wrapper",), ("zed_camera.launch.py",), {"camera_model": "zed2i"}),
    "oak": Driver(
        ("depthai_ros_driver", "depthai_ros_driver_v3"),
        ("driver.launch.py", "camera.launch.py"),
    ),
    "azure_kinect": Driver(
        ("azure_kinect_ros_driver",),
        ("driver.launch.py",),
        {"depth_mode": "NFOV_UNBINNED", "color_resolution": "720P", "fps": "15"},
    ),
}
