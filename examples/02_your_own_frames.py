"""Feed frames of your own camera: arrays and a pose in, a growing scene out."""

from __future__ import annotations

import numpy as np

from grounding3d.capture import RGBDFrame
from grounding3d.features.encoders import load_encoder
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.live.config import Config
from grounding3d.live.mapping import Mapper

camera = Camera.from_focal(300, 300, 159.5, 119.5, 320, 240)
up = np.array([0.0, 0.0, 1.0])
config = Config()
mapper = Mapper(config, load_encoder(config.encoder), up_world=up)

for step in range(5):
    # your driver's images go here; this camera looks at an empty floor, z = 0
    T_world_cam = look_at([0.1 * step, -1.0, 1.0], [0.1 * step, 0.0, 0.0], up)
    rays_world = camera.rays @ T_world_cam[:3, :3].T
    depth_m = (-T_world_cam[2, 3] / rays_world[..., 2]).astype(np.float32)
    rgb = np.full((camera.height, camera.width, 3), 128, np.uint8)
    print(mapper.add(RGBDFrame(rgb, depth_m, camera, T_world_cam, frame_index=step)))

scene = mapper.snapshot()
print(len(scene.scene.gaussians), "Gaussians,", [item.label for item in scene.objects])
