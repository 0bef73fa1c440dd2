"""The node on an OAK camera: ros2 launch grounding3d_ros oak.launch.py driver:=true"""

from grounding3d_ros.launching import describe


def generate_launch_description():
    return describe(changed={"live": "true"}, camera="oak")
