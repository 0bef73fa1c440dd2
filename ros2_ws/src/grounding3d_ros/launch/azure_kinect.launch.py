"""The node on an Azure Kinect: ros2 launch grounding3d_ros azure_kinect.launch.py driver:=true"""

from grounding3d_ros.launching import describe


def generate_launch_description():
    return describe(changed={"live": "true"}, camera="azure_kinect")
