"""The node: ros2 launch grounding3d_ros node.launch.py scene_path:=SCENE"""

from grounding3d_ros.launching import describe


def generate_launch_description():
    return describe()
