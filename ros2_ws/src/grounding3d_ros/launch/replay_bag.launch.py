"""Live mapping of a bag: ros2 launch grounding3d_ros replay_bag.launch.py bag:=BAG rviz:=true"""

from grounding3d_ros.launching import describe, is_true
from launch.actions import ExecuteProcess, LogInfo

ARGUMENTS = {
    "bag": ("", "the bag to play"),
    "rate": ("1.0", "times the speed it was recorded at"),
    "loop": ("false", "begin again at its end"),
    "start_delay_s": ("10.0", "seconds the node gets to load its encoder"),
}


def play(given):
    """`ros2 bag play`, with the bag's clock."""
    if not given["bag"]:
        return [LogInfo(msg="which bag? Give bag:=PATH")]
    command = ["ros2", "bag", "play", given["bag"], "--clock", "--rate", given["rate"]]
    command += ["--delay", given["start_delay_s"]]
    if is_true(given["loop"]):
        command.append("--loop")
    return [ExecuteProcess(cmd=command, output="screen")]


def generate_launch_description():
    return describe(changed={"live": "true", "use_sim_time": "true"}, more=ARGUMENTS, actions=play)
