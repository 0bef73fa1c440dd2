"""Messages out of answers and maps, for rclpy's and for rosbags' classes alike."""
