"""Small random open_clip models, so that tests need no weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grounding3d.compat import prepare_torchvision

_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
_VIT = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
_CONV = {
    "timm_model_name": "mobilenetv4_conv_small",
    "timm_model_pretrained": False,
    "timm_pool": "avg",
    "timm_proj": "",
    "image_size": 96,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "tiny-vit": {"embed_dim": 24, "vision_cfg": _VIT, "text_cfg": _TEXT},
    "tiny-conv": {"embed_dim": 24, "custom_text": True, "vision_cfg": _CONV, "text_cfg": _TEXT},
    "tiny-sigmoid": {
        "embed_dim": 24,
        "custom_text": True,
        "init_logit_bias": -10.0,
        "vision_cfg": _VIT,
        "text_cfg": _TEXT,
    },
}


def make_tiny_clip(folder: Path, arch: str = "tiny-vit", seed: int = 0) -> str:
    """Write random weights to `folder`, make the architecture known, return the SPEC."""
    prepare_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = folder / f"{arch}.json"
    config.write_text(json.dumps(ARCHITECTURES[arch]))
    open_clip.add_model_config(config)
    torch.manual_seed(seed)
    model = open_clip.create_model(arch)
    weights = folder / f"{arch}-{seed}.safetensors"
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, str(weights))
    return f"open_clip:{arch}@{weights}"
