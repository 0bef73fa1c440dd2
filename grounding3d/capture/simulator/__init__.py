"""Simulated RGB-D camera: parametric objects, table-top worlds, a camera and exact ground truth."""
