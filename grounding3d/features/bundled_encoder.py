"""The small demonstration encoder that travels in the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import EncoderError
from grounding3d.features.base import CLIP_CANONICAL_PHRASES
from grounding3d.features.encoders import BUNDLED
from grounding3d.features.open_clip_encoder import OpenClipEncoder

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parent / "bundled"
STEM = BUNDLED.replace("-", "_")


def load_bundled(spec: str = BUNDLED, device: str = "cpu") -> OpenClipEncoder:
    """The bundled encoder.

    Raises:
        EncoderError: the package was installed without the encoder's files.
    """
    return load_artefacts(spec, FOLDER, STEM, device)


def load_artefacts(spec: str, folder: Path, stem: str, device: str = "cpu") -> OpenClipEncoder:
    """An encoder from STEM.json, STEM.safetensors and STEM_merges.txt.gz in a folder.

    The JSON is an open_clip configuration (`embed_dim`, `vision_cfg`, `text_cfg`), with
    `preprocess` or `preprocess_cfg` and, where wanted, `centre` and `canonical_phrases` beside.
    """
    files = [folder / f"{stem}{end}" for end in (".json", ".safetensors", "_merges.txt.gz")]
    for path in files:
        if not path.is_file():
            raise EncoderError(
                f"encoder {spec!r} misses its file {path.name}",
                expected=f"it in {folder}",
                hint="Reinstall grounding3d, or name another encoder: open_clip:ARCH/TAG.",
            )
    config = json.loads(files[0].read_text(encoding="utf-8"))
    centre = config.get("centre")
    return OpenClipEncoder(
        spec,
        int(config["embed_dim"]),
        make_model=lambda: _model(config, files[1]),
        make_tokenizer=lambda: _tokenizer(config, files[2]),
        tokenizer_name=f"{stem} merges, context {config['text_cfg']['context_length']}",
        device=device,
        centre=None if centre is None else np.asarray(centre, np.float32),
        canonical_phrases=tuple(config.get("canonical_phrases", CLIP_CANONICAL_PHRASES)),
    )


def _model(config: dict[str, Any], weights: Path) -> torch.nn.Module:
    prepare_torchvision()
    from open_clip.model import CLIP, CustomTextCLIP, set_model_preprocess_cfg
    from safetensors.torch import load_file

    keys = ("embed_dim", "vision_cfg", "text_cfg", "init_logit_scale", "init_logit_bias")
    kind = CustomTextCLIP if config.get("custom_text") else CLIP
    model: torch.nn.Module = kind(**{k: config[k] for k in keys if k in config})
    state = {name: tensor.float() for name, tensor in load_file(weights).items()}
    own = model.state_dict()  # counters of batch norms and the like keep their own type
    model.load_state_dict({name: state[name].to(own[name].dtype) for name in own if name in state})
    found = config.get("preprocess_cfg") or config.get("preprocess") or {}
    vision = config["vision_cfg"]
    preprocess = {"size": vision.get("image_size", 224), **found}
    preprocess.setdefault("mean", (0.48145466, 0.4578275, 0.40821073))
    preprocess.setdefault("std", (0.26862954, 0.26130258, 0.27577711))
    set_model_preprocess_cfg(model, preprocess)
    return model


def _tokenizer(config: dict[str, Any], merges: Path) -> Any:
    prepare_torchvision()
    from open_clip.tokenizer import SimpleTokenizer

    context = int(config["text_cfg"]["context_length"])
    return SimpleTokenizer(bpe_path=str(merges), context_length=context)
