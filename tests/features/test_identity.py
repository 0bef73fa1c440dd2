"""A scene knows its encoder again, also re-saved in half precision, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tiny_clip import make_tiny_clip

from grounding3d.errors import EncoderError
from grounding3d.features.encoders import load_encoder
from grounding3d.features.identity import check_same_encoder, fingerprint, identify


def test_the_same_encoder_is_known_again(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    identity = identify(load_encoder(spec))
    assert identity.probes.shape == (8, identity.dim)
    assert identity.preprocess["size"] == [32, 32]
    check_same_encoder(identity, load_encoder(spec))


def test_a_half_precision_copy_is_the_same(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    arch, _, file = spec.partition("@")
    copy = tmp_path / "half.safetensors"
    save_file({k: v.half().contiguous() for k, v in load_file(file).items()}, str(copy))
    check_same_encoder(identify(load_encoder(spec)), load_encoder(f"{arch}@{copy}"))


def test_another_encoder_is_refused_and_both_are_named(tmp_path: Path):
    one, other = make_tiny_clip(tmp_path, seed=0), make_tiny_clip(tmp_path, seed=1)
    with pytest.raises(EncoderError) as caught:
        check_same_encoder(identify(load_encoder(one)), load_encoder(other))
    assert one in str(caught.value)
    assert other in str(caught.value)


def test_fingerprints_tell_encoders_apart():
    rng = np.random.default_rng(0)
    probes = rng.normal(size=(8, 64)).astype(np.float32)
    assert fingerprint(probes) == fingerprint(probes.copy())
    assert fingerprint(probes) != fingerprint(probes[:, ::-1])
