"""Image and text encoders, and class-agnostic masks."""
