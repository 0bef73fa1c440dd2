"""Training of a job through nerfstudio's own trainer and pipeline."""

from __future__ import annotations

import copy
import logging
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from grounding3d.errors import TrainingError
from grounding3d.nerf.config import JobSettings, NerfConfig
from grounding3d.nerf.datamanager import GroundingDataManager
from grounding3d.nerf.export import StoredNerf
from grounding3d.nerf.method import full_config, small_config
from grounding3d.nerf.protocol import Line
from grounding3d.nerf.trainer import GroundingTrainer, GroundingTrainerConfig, newest_checkpoint

_log = logging.getLogger(__name__)
_SETTINGS = "job.json"


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training.

    Attributes:
        nerf: the model, in evaluation mode.
        trainer: with its pipeline and data.
        seconds_features, seconds_train: time they took.
        steps: in all, earlier runs included.
    """

    nerf: StoredNerf
    trainer: GroundingTrainer
    seconds_features: float
    seconds_train: float
    steps: int

    @property
    def data(self) -> GroundingDataManager:
        """The data it was trained on."""
        data = self.trainer.pipeline.datamanager
        assert isinstance(data, GroundingDataManager)
        return data


def trainer_config(settings: JobSettings, work: Path) -> GroundingTrainerConfig:
    """nerfstudio's configuration for a job's settings."""
    config = copy.deepcopy(small_config() if settings.preset == "small" else full_config())
    wanted = settings.overrides
    config.output_dir, config.experiment_name, config.timestamp = work / "runs", "scene", "run"
    config.data = work / "frames"
    config.vis = "tensorboard"
    config.machine.device_type = settings.device
    config.machine.seed = settings.seed
    config.steps_per_eval_batch = config.steps_per_eval_image = 10**9
    config.steps_per_eval_all_images = 10**9
    data, model = config.pipeline.datamanager, config.pipeline.model
    data.data = work / "frames"
    data.dataparser.data = work / "frames"
    data.dataparser.is_written = True
    data.dataparser.held_out = settings.held_out
    data.encoder = settings.encoder
    if settings.device == "cpu":
        model.implementation = "torch"
    _override(config, wanted)
    return config


def _override(config: GroundingTrainerConfig, wanted: NerfConfig) -> None:
    data, model = config.pipeline.datamanager, config.pipeline.model
    pairs = (
        (config, "max_num_iterations", wanted.iterations),
        (config, "max_seconds", wanted.max_seconds),
        (config, "steps_per_save", wanted.checkpoint_every),
        (data, "train_num_rays_per_batch", wanted.rays_per_step),
        (data, "ray_width", wanted.ray_width),
        (data, "language_rays", wanted.language_rays),
        (data, "language_max_frames", wanted.language_frames),
        (data, "crop_shares", wanted.crop_shares),
        (data, "crop_overlap", wanted.crop_overlap),
        (data, "regulariser", wanted.regulariser),
        *((model, name, value) for name, value in wanted.model.items()),
    )
    for record, name, value in pairs:
        if value is None:
            continue
        if not hasattr(record, name):
            raise TrainingError(f"{name!r} is no field of {type(record).__name__}")
        setattr(record, name, value)
    for group in config.optimizers.values():
        group["scheduler"].max_steps = config.max_num_iterations


def train(work: Path, settings: JobSettings, line: Line) -> Trained:
    """Train a job's NeRF, going on from its newest checkpoint.

    Raises:
        CaptureError: no usable frames.
        TrainingError: training went wrong.
        Cancelled: the user stopped it; a checkpoint is there.
    """
    config = trainer_config(settings, work)
    base = config.get_base_dir()
    _prepare_folder(base, settings)
    config.save_config()
    if newest_checkpoint(config.get_checkpoint_dir()) is not None:
        config.load_dir = config.get_checkpoint_dir()
    random.seed(settings.seed)
    np.random.seed(settings.seed)
    torch.manual_seed(settings.seed)
    trainer: GroundingTrainer = config.setup(local_rank=0, world_size=1)
    started = time.monotonic()
    data_config = config.pipeline.datamanager
    data_config.progress = lambda done, total: line.progress("features", done, total)
    try:
        trainer.setup()
    finally:
        data_config.progress = None
    features = time.monotonic() - started
    trainer.watch = lambda done, total, psnr: line.progress(
        "training", done, total, f"PSNR {psnr:.1f} dB"
    )
    trainer.train()
    data = trainer.pipeline.datamanager
    assert isinstance(data, GroundingDataManager)
    shares = data_config.crop_shares
    model = trainer.pipeline.model.eval()
    nerf = StoredNerf(model, data.world, settings.encoder, (min(shares), max(shares)))
    return Trained(nerf, trainer, features, trainer.seconds, trainer.step + 1)


def _prepare_folder(base: Path, settings: JobSettings) -> None:
    """Start over where an earlier run had other settings; a checkpoint fits only its own."""
    kept = base / _SETTINGS
    mine = settings.model_dump_json(by_alias=True, exclude={"views"})
    if base.exists() and (not kept.is_file() or kept.read_text(encoding="utf-8") != mine):
        _log.warning("the run in %s had other settings; training starts over", base)
        shutil.rmtree(base)
    base.mkdir(parents=True, exist_ok=True)
    kept.write_text(mine, encoding="utf-8")
