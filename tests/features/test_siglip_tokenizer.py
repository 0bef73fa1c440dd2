"""SigLIP's tokenizer: a clear error without `transformers`, files beside the weights with it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_clip import ARCHITECTURES, make_tiny_clip

from grounding3d.errors import EncoderError
from grounding3d.features.encoders import load_encoder

HAS_TRANSFORMERS = importlib.util.find_spec("transformers") is not None


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small SigLIP whose configuration names a tokenizer on the hub, as the real ones do."""
    config = json.loads(json.dumps(ARCHITECTURES["tiny-attention-pool"]))
    config["text_cfg"] |= {
        "hf_tokenizer_name": "nobody/nothing",
        "tokenizer_kwargs": {"clean": "canonicalize"},
    }
    monkeypatch.setitem(ARCHITECTURES, "tiny-sig", config)
    return make_tiny_clip(tmp_path, "tiny-sig")


def test_what_is_missing_is_said(spec: str):
    encoder = load_encoder(spec)
    assert encoder.encode_image([np.zeros((9, 9, 3), np.uint8)]).shape == (1, 96)
    with pytest.raises(EncoderError, match=r"tokenizer.*grounding3d\[siglip\].*beside the weights"):
        encoder.encode_text(["mug"])


@pytest.mark.skipif(not HAS_TRANSFORMERS, reason="transformers is not installed")
def test_a_tokenizer_beside_the_weights_needs_no_hub(spec: str, tmp_path: Path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {w: i for i, w in enumerate(["<pad>", "<unk>", "a", "photo", "of", "red", "mug"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    vectors = load_encoder(f"{spec}?prompts=plain").encode_text(["red mug", "Red Mug!", "", "mug"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)  # canonicalized
    assert vectors[0] @ vectors[3] < 0.9999
