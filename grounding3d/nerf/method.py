"""The methods that `ns-train` offers: `grounding3d-nerf` and `grounding3d-nerf-small`."""

from __future__ import annotations

from grounding3d.nerf.environment import prepare

prepare()  # before nerfstudio, which imports torchvision

from dataclasses import dataclass  # noqa: E402

import torch  # noqa: E402
from nerfstudio.configs.base_config import LoggingConfig, MachineConfig, ViewerConfig  # noqa: E402
from nerfstudio.engine.optimizers import OptimizerConfig  # noqa: E402
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig  # noqa: E402
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig  # noqa: E402
from nerfstudio.plugins.types import MethodSpecification  # noqa: E402

from grounding3d.nerf.datamanager import GroundingDataManagerConfig  # noqa: E402
from grounding3d.nerf.model_config import GroundingModelConfig  # noqa: E402
from grounding3d.nerf.trainer import GroundingTrainerConfig  # noqa: E402

FULL, SMALL = "grounding3d-nerf", "grounding3d-nerf-small"

_RATES = {"proposal_networks": 5.0, "fields": 1.0, "language_grid": 1.0, "language_decoder": 0.1}
"""Learning rates of the groups of parameters, as multiples of the fields'."""


@dataclass
class FusedAdamConfig(OptimizerConfig):
    """Adam in one pass over its arrays, on CPU and CUDA."""

    _target: type = torch.optim.Adam
    weight_decay: float = 0
    fused: bool = True


def full_config() -> GroundingTrainerConfig:
    """For a CUDA device: full images, large grids, 30,000 steps."""
    return GroundingTrainerConfig(
        method_name=FULL,
        steps_per_eval_batch=500,
        steps_per_eval_image=2000,
        steps_per_eval_all_images=10_000,
        steps_per_save=2000,
        max_num_iterations=30_000,
        mixed_precision=False,
        pipeline=VanillaPipelineConfig(
            datamanager=GroundingDataManagerConfig(),
            model=GroundingModelConfig(eval_num_rays_per_chunk=1 << 15),
        ),
        optimizers=_optimizers(1e-2, 30_000),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="viewer",
    )


def small_config() -> GroundingTrainerConfig:
    """For two CPU cores: rays at 160 pixels' width, small grids, some minutes."""
    return GroundingTrainerConfig(
        method_name=SMALL,
        machine=MachineConfig(device_type="cpu"),
        logging=LoggingConfig(steps_per_log=100, profiler="none"),
        steps_per_eval_batch=10**9,
        steps_per_eval_image=10**9,
        steps_per_eval_all_images=10**9,
        steps_per_save=500,
        max_num_iterations=1000,
        pipeline=VanillaPipelineConfig(
            datamanager=GroundingDataManagerConfig(
                train_num_rays_per_batch=2048,
                ray_width=160,
                language_rays=512,
                crop_shares=(0.12, 0.25, 0.5),
                language_max_frames=24,
            ),
            model=GroundingModelConfig(
                implementation="torch",
                eval_num_rays_per_chunk=1 << 13,
                grid_cells=128,
                proposal_samples=96,
                samples=16,
                coarse_steps=600,
                levels=8,
                finest=1024,
                log2_size=16,
                hidden=32,
                language_levels=6,
                language_finest=256,
                language_log2_size=15,
                language_hidden=128,
            ),
        ),
        optimizers=_optimizers(3e-2, 1000),
        vis="tensorboard",
    )


def _optimizers(rate: float, steps: int) -> dict[str, dict[str, object]]:
    return {
        group: {
            "optimizer": FusedAdamConfig(lr=factor * rate, eps=1e-15),
            "scheduler": ExponentialDecaySchedulerConfig(
                lr_final=factor * rate / 30, max_steps=steps
            ),
        }
        for group, factor in _RATES.items()
    }


nerf = MethodSpecification(full_config(), "RGB-D NeRF with a language field, in metres (CUDA).")
nerf_small = MethodSpecification(small_config(), "The same in small, for tests and CPUs.")
