"""nerfstudio's trainer with whole checkpoints, exact resuming, and an ear for the user."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.engine.trainer import Trainer, TrainerConfig

from grounding3d.errors import Cancelled, TrainingError

_RANDOM = "random_state"
Watch = Callable[[int, int, float], None]


@dataclass
class GroundingTrainerConfig(TrainerConfig):
    """nerfstudio's, with an end by the clock."""

    _target: type = field(default_factory=lambda: GroundingTrainer)
    max_seconds: float | None = None
    """Training ends after this many seconds if that is earlier than its iterations."""


class GroundingTrainer(Trainer):
    """Trains to `max_num_iterations` in all, over any number of interruptions.

    Attributes:
        watch: called after each step with (steps done, steps in all, PSNR of the batch in dB); may
            raise `Cancelled`, after which a checkpoint is written.
        seconds: time spent in training, earlier runs included.
    """

    config: GroundingTrainerConfig
    watch: Watch | None = None
    seconds: float = 0.0

    def train(self) -> None:
        """Train on from where the checkpoint left off."""
        total = self.config.max_num_iterations
        self.total = total
        left = max(total - self._start_step, 0)
        if left == 0:
            self.step = total - 1
            return
        self.config.max_num_iterations = left
        self._started = time.monotonic() - self.seconds
        try:
            super().train()
        except (Cancelled, KeyboardInterrupt):
            self.save_checkpoint(self.step)
            raise
        finally:
            self.config.max_num_iterations = total

    def train_iteration(self, step: int) -> Any:
        """One step; stops the run where training has gone wrong or time is over."""
        loss, losses, metrics = super().train_iteration(step)
        self.seconds = time.monotonic() - self._started
        if step % 20 == 0 and not torch.isfinite(loss):
            raise TrainingError(
                f"training went wrong at step {step}",
                found="a loss that is not finite",
                hint="Lower the learning rates; the last checkpoint is kept.",
            )
        limit = self.config.max_seconds
        if limit is not None and self.seconds >= limit:
            self.stop_training = True
        if self.watch is not None:
            self.watch(step + 1, self.total, float(metrics["psnr"]))
        return loss, losses, metrics

    def save_checkpoint(self, step: int) -> None:
        """Write a checkpoint aside and rename it; older ones go afterwards.

        Beside nerfstudio's entries stands the state of the random numbers, so that training goes
        on as if it had never stopped.
        """
        self.checkpoint_dir.mkdir(parents=True, exist_ok=True)
        path = self.checkpoint_dir / f"step-{step:09d}.ckpt"
        part = path.with_suffix(f".{os.getpid()}.part")
        state = {
            "step": step,
            "pipeline": dict(self.pipeline.state_dict()),
            "optimizers": {k: v.state_dict() for k, v in self.optimizers.optimizers.items()},
            "schedulers": {k: v.state_dict() for k, v in self.optimizers.schedulers.items()},
            "scalers": self.grad_scaler.state_dict(),
            _RANDOM: torch.get_rng_state(),
            "seconds": self.seconds,
        }
        torch.save(_plain(state), part)
        part.replace(path)
        if self.config.save_only_latest_checkpoint:
            for other in self.checkpoint_dir.glob("*.ckpt"):
                if other != path:
                    other.unlink(missing_ok=True)

    def _load_checkpoint(self) -> None:
        super()._load_checkpoint()
        folder = self.config.load_dir
        path = None if folder is None else newest_checkpoint(folder)
        if path is None:
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if _RANDOM in state:
            torch.set_rng_state(state[_RANDOM])
            self.seconds = float(state["seconds"])


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of most steps in a folder, None without one."""
    found = sorted(folder.glob("step-*.ckpt")) if folder.is_dir() else []
    return found[-1] if found else None


def _plain(value: Any) -> Any:
    """The value with numpy's numbers as Python's, so that it loads without unpickling code."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(inner) for inner in value)
    return value.item() if isinstance(value, np.generic) else value
