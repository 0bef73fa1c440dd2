"""Transforms, cameras, boxes and point clouds; numpy and scipy only."""
