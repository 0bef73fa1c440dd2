"""A NeRF whose field is known: an opaque floor, coloured by where it is."""

from __future__ import annotations

import numpy as np
import torch
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor, nn

from grounding3d.features.encoders import BUNDLED
from grounding3d.geometry.transforms import make_pose
from grounding3d.nerf.export import StoredNerf
from grounding3d.nerf.facts import FACTS, SceneFacts
from grounding3d.nerf.model import GroundingModel
from grounding3d.nerf.model_config import GroundingModelConfig
from grounding3d.nerf.world import NerfWorld

FLOOR_M = 5.2
CENTRE = np.array([3.0, -1.0, 5.0])


def small_model(dim: int = 0, half_m: float = 2.0) -> StoredNerf:
    """An untrained NeRF of a cube around `CENTRE`."""
    torch.manual_seed(0)
    config = GroundingModelConfig(
        implementation="torch",
        grid_cells=64,
        samples=48,
        levels=4,
        finest=64,
        log2_size=12,
        hidden=16,
        language_levels=2,
        language_finest=32,
        language_log2_size=10,
        language_hidden=16,
    )
    model = GroundingModel(
        config,
        SceneBox(aabb=torch.tensor([[-1.0, -1, -1], [1, 1, 1]])),
        num_train_data=3,
        metadata={FACTS: SceneFacts(half_m, True, language_dim=dim)},
    )
    world = NerfWorld(make_pose(np.eye(3), -CENTRE), 1 / half_m)
    return StoredNerf(model.eval(), world, BUNDLED if dim else None, (0.1, 0.5))


class Floor(nn.Module):
    """Opaque below a height of the unit cube, empty above."""

    def __init__(self, height: float, sharpness: float = 4000.0) -> None:
        super().__init__()
        self.height, self.sharpness = height, sharpness

    def density(self, points: Tensor, opened: float = 1.0) -> tuple[Tensor, Tensor]:
        inside = torch.sigmoid(self.sharpness * (self.height - points[:, 2]))
        return 1000 * inside, points.repeat(1, 5)

    def colours(self, geometry: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        return geometry[..., :3].clamp(0, 1), torch.zeros(len(directions), 3)


def floor_nerf(dim: int = 0) -> StoredNerf:
    """The known field, its proposal grid filled alike."""
    nerf = small_model(dim)
    model = nerf.model
    height = float(nerf.world.to_nerf(np.array([0, 0, FLOOR_M]))[2] / 2 + 0.5)
    model.field = Floor(height)
    z = torch.arange(65) / 64
    with torch.no_grad():
        value = torch.where(z < height, 0.0, -6.0)
        model.density_grid.log_density.copy_(value.expand(65, 65, 65))
    return nerf
