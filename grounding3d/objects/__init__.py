"""Object instances and the scene folder on disk."""
