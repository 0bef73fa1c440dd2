"""`grounding3d ask`: a question to the running ROS 2 node."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tyro.conf import Positional

from grounding3d.errors import TransformError
from grounding3d.interfaces.answer_text import format_record


@dataclass
class Ask:
    """Ask the running ROS 2 node where something is."""

    text: Positional[str]
    """The question: "where is the mug"."""
    timeout: float = 10.0
    """How long to wait for the node and its answer, seconds."""
    frame: str = ""
    """Give coordinates in this tf frame instead of the map's."""
    top_k: int = 0
    """How many candidates to list at most; 0: as the node does."""
    node: str = "/grounding3d"
    """Name of the node."""
    json: bool = False
    """Print the answer as one line of JSON."""

    def run(self) -> int:
        """Ask and print; exit 0 for every answer, 1 when none came, 2 for an unknown frame."""
        from grounding3d.extras import require

        require("rclpy", purpose="asking over ROS 2")
        from grounding3d.interfaces.ros.client import ask_node
        from grounding3d.live.responder import ErrorCode, Question

        question = Question(self.text, top_k=self.top_k, frame_id=self.frame)
        answer = ask_node(question, self.node, self.timeout)
        print(json.dumps(answer, ensure_ascii=False) if self.json else format_record(answer))
        if answer["error_code"] == ErrorCode.TF_ERROR:
            raise TransformError("the answer cannot be given in that frame")
        return 0
