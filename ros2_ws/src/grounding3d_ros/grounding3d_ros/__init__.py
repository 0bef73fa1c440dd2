"""The grounding3d node for a sourced ROS 2; everything it does is in the pip package."""
