"""Small random open_clip models, so that tests need no weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
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
_SIGLIP_TEXT = {**_TEXT, "no_causal_mask": True, "proj_bias": True, "pool_type": "last"}


def _timm(name: str, pool: str, proj: str | None, image_size: int) -> dict[str, Any]:
    return {
        "timm_model_name": name,
        "timm_model_pretrained": False,
        "timm_pool": pool,
        "timm_proj": proj,
        "image_size": image_size,
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
    "tiny-resnet": {
        "embed_dim": 24,
        "vision_cfg": {"layers": [1, 1, 1, 1], "width": 8, "head_width": 64, "image_size": 64},
        "text_cfg": _TEXT,
    },
    "tiny-attention-pool": {  # ViT-B-16-SigLIP2's settings; test_vit3 ends in an attention pool too
        "embed_dim": 96,
        "custom_text": True,
        "init_logit_bias": -10,
        "vision_cfg": _timm("test_vit3", "map", "none", 160),
        "text_cfg": {**_SIGLIP_TEXT, "act_kwargs": {"approximate": "tanh"}},
    },
    "tiny-timm-vit": {  # MobileCLIP2-B's and EVA's way: a class token
        "embed_dim": 24,
        "custom_text": True,
        "vision_cfg": _timm("test_vit", "token", None, 160),
        "text_cfg": _TEXT,
    },
    "tiny-coca": {  # no naming of sides that open_clip's other models share; read as a whole
        "embed_dim": 24,
        "custom_text": True,
        "vision_cfg": {
            **_VIT,
            "attentional_pool": True,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
        "text_cfg": {**_TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {**_TEXT, "attn_pooler_heads": 2},
    },
    "tiny-convnext": {
        "embed_dim": 24,
        "vision_cfg": _timm("test_convnext", "", "linear", 96),
        "text_cfg": _TEXT,
    },
    "tiny-swin": {
        "embed_dim": 24,
        "vision_cfg": _timm("tiny_swin_of_the_tests", "", "linear", 64),
        "text_cfg": _TEXT,
    },
    "tiny-mobileclip": {  # MobileCLIP2-S0's kind of tower
        "embed_dim": 24,
        "custom_text": True,
        "vision_cfg": _timm("tiny_fastvit_of_the_tests", "avg", None, 64),
        "text_cfg": {**_TEXT, "no_causal_mask": True},
    },
}


def register_tiny_towers() -> None:
    """Make a small Swin and a small FastViT known to timm, which has only large ones."""
    from timm.models import is_model, register_model
    from timm.models.fastvit import FastVit
    from timm.models.swin_transformer import SwinTransformer

    if is_model("tiny_swin_of_the_tests"):
        return

    def tiny_swin_of_the_tests(pretrained: bool = False, **kwargs: Any) -> SwinTransformer:
        kwargs = {k: v for k, v in kwargs.items() if k in ("num_classes", "global_pool")}
        shape: dict[str, Any] = {"embed_dim": 16, "depths": (1, 2), "num_heads": (2, 2)}
        model = SwinTransformer(img_size=64, window_size=4, **shape, **kwargs)
        model.default_cfg = {"pool_size": (7, 7), "input_size": (3, 64, 64)}
        return model

    def tiny_fastvit_of_the_tests(pretrained: bool = False, **kwargs: Any) -> FastVit:
        kwargs = {k: v for k, v in kwargs.items() if k in ("num_classes", "global_pool")}
        return FastVit(
            layers=(1, 1, 1, 1),
            token_mixers=("repmixer", "repmixer", "repmixer", "attention"),
            embed_dims=(16, 32, 32, 64),
            mlp_ratios=(2, 2, 2, 2),
            downsamples=(False, True, True, True),
            **kwargs,
        )

    for function in (tiny_swin_of_the_tests, tiny_fastvit_of_the_tests):
        function.__module__ = "timm.models.of_the_tests"
        sys.modules.setdefault(function.__module__, ModuleType(function.__module__))
        register_model(function)


def make_tiny_clip(folder: Path, arch: str = "tiny-vit", seed: int = 0) -> str:
    """Write random weights to `folder`, make the architecture known, return the SPEC."""
    prepare_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = folder / f"{arch}.json"
    config.write_text(json.dumps(ARCHITECTURES[arch]))
    open_clip.add_model_config(config)
    register_tiny_towers()
    torch.manual_seed(seed)
    model = open_clip.create_model(arch)
    weights = folder / f"{arch}-{seed}.safetensors"
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, str(weights))
    return f"open_clip:{arch}@{weights}"
