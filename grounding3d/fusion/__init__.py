"""From masks in frames to segments in the world."""
