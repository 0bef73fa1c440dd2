"""The geometric scene: Gaussians from RGB-D frames, backends, files."""
