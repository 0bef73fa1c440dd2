"""Parts of the ROS 2 node; every module but `names` needs rclpy (extra `ros`, or a sourced ROS)."""
