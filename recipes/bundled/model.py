"""The open_clip architecture of the bundled encoder and how to build it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grounding3d.compat import prepare_torchvision

NAME = "bundled_v5"
SPEC = "bundled-v5"
ARTEFACTS = Path(__file__).parents[2] / "grounding3d" / "features" / "bundled"
CONTEXT = 20


def architecture(vocab_size: int) -> dict[str, Any]:
    """The model configuration in open_clip's form."""
    return {
        "embed_dim": 256,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "resnet10t",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "",
            "image_size": 64,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocab_size,
            "width": 192,
            "heads": 4,
            "layers": 2,
            "mlp_ratio": 4.0,
        },
    }


def tokenizer(folder: Path):
    """open_clip's SimpleTokenizer over our merges."""
    prepare_torchvision()
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(bpe_path=str(folder / f"{NAME}_merges.txt.gz"), context_length=CONTEXT)


def create(config: dict[str, Any]):
    """A CustomTextCLIP with random weights."""
    prepare_torchvision()
    from open_clip.model import CustomTextCLIP

    keys = ("embed_dim", "vision_cfg", "text_cfg")
    return CustomTextCLIP(**{k: config[k] for k in keys})


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Readable JSON with a last newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
