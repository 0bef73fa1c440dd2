"""Prompt ensembles: averaged, of unit length, and part of an encoder's identity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_clip import make_tiny_clip

from grounding3d.errors import EncoderError
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.features.identity import check_same_encoder, identify
from grounding3d.features.prompts import PROMPTS, prompts_of


def test_an_ensemble_is_the_mean_of_its_sentences(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    plain = load_encoder(f"{spec}?prompts=plain")
    mean = plain.encode_text([t.format("red mug") for t in PROMPTS["photo"]]).mean(axis=0)
    found = load_encoder(f"{spec}?prompts=photo").encode_text(["chair", "red mug"])[1]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


def test_the_ensemble_is_the_default_and_the_identity_tells_it(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    identity = identify(load_encoder(spec))
    assert identity.templates == PROMPTS["photo"]
    check_same_encoder(identity, load_encoder(f"{spec}?prompts=photo"))
    with pytest.raises(EncoderError, match="another encoder"):
        check_same_encoder(identity, load_encoder(f"{spec}?prompts=plain"))


def test_the_bundled_encoder_uses_none():
    assert load_encoder(BUNDLED).templates == ("{}",)


@pytest.mark.parametrize("spec", ["open_clip:a/b?prompts=x", "open_clip:a/b?words=plain", "o?"])
def test_an_unknown_option_is_named(spec: str):
    with pytest.raises(EncoderError, match=r"\?prompts=plain"):
        prompts_of(spec)
