from glob import glob

from setuptools import setup

NAME = "grounding3d_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.yaml")),
        (f"share/{NAME}/rviz", glob("rviz/*.rviz")),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="grounding3d",
    maintainer_email="grounding3d@users.noreply.github.com",
    description="The grounding3d node for a sourced ROS 2.",
    license="Apache-2.0",
    extras_require={"test": ["pytest"]},
    entry_points={
        "console_scripts": [
            f"grounding3d_node = {NAME}.programs:node",
            f"ask = {NAME}.programs:ask",
            f"replay = {NAME}.programs:replay",
        ],
    },
)
