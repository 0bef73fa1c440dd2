"""The node on a ZED camera: ros2 launch grounding3d_ros zed.launch.py driver:=true"""

from grounding3d_ros.launching import describe


def generate_launch_description():
    return describe(changed={"live": "true"}, camera="zed")
