"""The `nerf` backend: frames go to a job in nerfstudio's own environment, views come back."""
