"""A node of our interfaces for test_built_interfaces.py; ends when it is interrupted."""

from __future__ import annotations

import rclpy
from geometry_msgs.msg import Point
from grounding3d_msgs.action import BuildScene
from grounding3d_msgs.msg import Answer, Candidate, Query
from grounding3d_msgs.srv import Locate
from rclpy.action import ActionServer
from rclpy.executors import ExternalShutdownException
from rclpy.task import Future

HEARD = "heard"  # id of the query that says that all feedback has come


def answered(query: Query) -> Answer:
    """An answer with every kind of field set."""
    answer = Answer(schema=1, query_id=query.id, query=query.text, status=Answer.FOUND)
    answer.reason_code, answer.header.frame_id = Answer.OK, query.target_frame
    answer.has_stamp, answer.stamp.sec, answer.stamp.nanosec = True, 12, 345
    answer.latency_ms.total = 0.1
    mug = Candidate(id=7, selected=True, label="mug", score=0.9, n_views=3)
    mug.position = Point(x=1.25, y=-0.5, z=1 / 3)
    mug.covariance = [float(i) for i in range(9)]
    mug.box.center.orientation.w, mug.box.size.z = 1.0, 0.1
    mug.support.id, mug.support.label = 2, "table"
    answer.candidates = [mug, Candidate(id=8)]
    answer.error_code = Answer.NONE
    return answer


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("answering")
    publisher = node.create_publisher(Answer, "answer", 10)
    node.create_subscription(Query, "query", lambda query: publisher.publish(answered(query)), 10)

    all_heard: Future = Future()

    def locate(request: Locate.Request, response: Locate.Response) -> Locate.Response:
        if request.query.id == HEARD:
            all_heard.set_result(None)
        response.answer = answered(request.query)
        return response

    async def build_scene(goal) -> BuildScene.Result:
        """Report every frame; succeed when asked to: a client drops feedback that comes later."""
        for done in (1, 2, 3):
            feedback = BuildScene.Feedback(stage="frames", done=done, total=3, eta_s=-1.0)
            goal.publish_feedback(feedback)
        await all_heard
        goal.succeed()
        return BuildScene.Result(scene_path=goal.request.scene_path, n_frames=3)

    node.create_service(Locate, "locate", locate)
    actions = ActionServer(node, BuildScene, "build_scene", build_scene)
    print("ready", flush=True)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        actions.destroy()


if __name__ == "__main__":
    main()
