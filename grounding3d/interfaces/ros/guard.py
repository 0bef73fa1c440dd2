"""Callbacks that do not end the node: whatever goes wrong is said, seldom, and it goes on."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.node import Node

from grounding3d.errors import GroundingError

_EVERY_S = 5.0


def guarded(node: Node, callback: Callable[..., Any]) -> Callable[..., Any]:
    """The callback, with its errors logged at most every few seconds instead of raised."""

    @wraps(callback)
    def guard(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except GroundingError as error:
            node.get_logger().error(str(error), throttle_duration_sec=_EVERY_S)
        except Exception:
            node.get_logger().error(traceback.format_exc(), throttle_duration_sec=_EVERY_S)
        return arguments[-1] if arguments else None  # a service has to return its response

    return guard


def warn(node: Node, text: str) -> None:
    """Log a warning, the first of its kind at once and then at most every few seconds."""
    node.get_logger().warning(text, throttle_duration_sec=_EVERY_S, skip_first=False)
