"""What is stored of a trained NeRF: safetensors and JSON, and the model built from them again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.data.scene_box import SceneBox
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from grounding3d.errors import SceneError
from grounding3d.nerf.environment import NERFSTUDIO_VERSION
from grounding3d.nerf.facts import FACTS, SceneFacts
from grounding3d.nerf.model import GroundingModel
from grounding3d.nerf.model_config import GroundingModelConfig
from grounding3d.nerf.world import NerfWorld

WEIGHTS, MODEL = "nerf.safetensors", "nerf.json"
SCHEMA = 1
_HALF_FROM = 10_000  # numbers; smaller tensors stay in single precision


@dataclass(frozen=True, eq=False)
class StoredNerf:
    """A NeRF that can be drawn, without the data it was trained on.

    Attributes:
        model: in evaluation mode.
        world: how its space lies in the capture's.
        encoder: SPEC of the language's encoder, None without language.
        crop_shares: smallest and largest crop that language was learned from, as shares of the
            image's shorter side.
    """

    model: GroundingModel
    world: NerfWorld
    encoder: str | None
    crop_shares: tuple[float, float]


def save_nerf(folder: Path, nerf: StoredNerf, facts: dict[str, Any]) -> None:
    """Write a NeRF's two files.

    Args:
        folder: exists.
        nerf: to be stored; large tensors are rounded to half precision.
        facts: further entries of the JSON.
    """
    model = nerf.model
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name.startswith("language.regulariser."):  # of use in training only
            continue
        tensor = tensor.detach().cpu().contiguous()
        is_large = tensor.is_floating_point() and tensor.numel() >= _HALF_FROM
        tensors[name] = tensor.half() if is_large else tensor
    save_file(tensors, folder / WEIGHTS)
    values = dataclasses.asdict(model.config)
    values = {k: v for k, v in values.items() if k in _OWN_FIELDS}
    record = {
        "schema": SCHEMA,
        "nerfstudio": NERFSTUDIO_VERSION,
        "implementation": model.config.implementation,
        "model": {
            **values,
            "box": model.box.cpu().double().tolist(),
            "is_bounded": model.facts.is_bounded,
            "crop_shares": list(nerf.crop_shares),
        },
        "T_nerf_world": nerf.world.T_nerf_world.tolist(),
        "scale": nerf.world.scale,
        "encoder": nerf.encoder,
        "dim": model.facts.language_dim,
        **facts,
    }
    text = json.dumps(record, indent=1, allow_nan=False)
    (folder / MODEL).write_text(text, encoding="utf-8")


_OWN_FIELDS = {f.name for f in dataclasses.fields(GroundingModelConfig)} - {
    "_target", "loss_coefficients", "collider_params", "prompt",
}  # fmt: skip


def load_nerf(folder: Path, device: str = "cpu") -> StoredNerf:
    """A NeRF from `nerf.json` and `nerf.safetensors`.

    Raises:
        SceneError: a file is missing, damaged, or of another version.
    """
    record = _read_record(folder / MODEL)
    values = dict(record["model"])
    box = torch.tensor(values.pop("box"))
    is_bounded, shares = bool(values.pop("is_bounded")), values.pop("crop_shares")
    world = NerfWorld(np.asarray(record["T_nerf_world"], np.float64), float(record["scale"]))
    if device == "cpu" and values["implementation"] == "tcnn":
        raise SceneError(
            "this NeRF needs CUDA",
            expected="a CUDA device with tiny-cuda-nn, with which it was trained",
            found="device cpu",
        )
    values["margin_m"] = tuple(values["margin_m"])
    config = GroundingModelConfig(**values)
    facts = SceneFacts(1 / world.scale, is_bounded, language_dim=int(record["dim"]))
    model = config.setup(
        scene_box=SceneBox(aabb=box),
        num_train_data=int(record["n_images"]),
        metadata={FACTS: facts},
    )
    try:
        tensors = load_file(folder / WEIGHTS)
        model.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
        )
    except (OSError, SafetensorError, RuntimeError) as error:
        raise SceneError(f"{folder / WEIGHTS} cannot be read", found=str(error)[:200]) from error
    return StoredNerf(model.to(device).eval(), world, record["encoder"], tuple(shares))


def _read_record(file: Path) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        version = record["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError(f"{file} cannot be read", found=repr(error)) from error
    if version != SCHEMA:
        raise SceneError(f"{file} is of another version", expected=str(SCHEMA), found=str(version))
    return record
