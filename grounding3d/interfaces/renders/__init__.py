"""Pictures and videos of a scene. Heavy imports stay inside functions."""
