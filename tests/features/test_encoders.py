"""Encoders: the table's contract, the SPEC's grammar, and what open_clip itself would give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_clip import ARCHITECTURES, make_tiny_clip

from grounding3d.errors import ConfigError, EncoderError
from grounding3d.features.encoders import BUNDLED, ENCODERS, load_encoder
from grounding3d.features.open_clip_spec import parse_open_clip
from grounding3d.features.preprocess import CLIP_MEAN, Preprocess


@pytest.fixture(params=[*ARCHITECTURES, BUNDLED])
def encoder(request: pytest.FixtureRequest, tmp_path: Path):
    """One encoder of every kind."""
    name = request.param
    return load_encoder(name if name == BUNDLED else make_tiny_clip(tmp_path, name))


@pytest.fixture
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = [(40, 40), (31, 77), (120, 33), (1, 1), (300, 200)]
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def test_the_layout_in_memory_changes_no_vector(encoder, images):
    import torch

    found = encoder.encode_image(images)
    encoder._image_side().module.to(memory_format=torch.contiguous_format)
    np.testing.assert_allclose(encoder.encode_image(images), found, atol=1e-5)


def test_every_encoder_keeps_the_contract(encoder, images):
    vectors = encoder.encode_image(images)
    assert vectors.shape == (len(images), encoder.dim)
    texts = encoder.encode_text(["mug", "a red box", "mug", ""])
    assert texts.shape == (4, encoder.dim)
    dense = encoder.dense(images[4])
    assert dense.ndim == 3
    assert dense.shape[2] == encoder.dim
    assert min(dense.shape[:2]) > 1
    for block in (vectors, texts, dense):
        assert block.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(block, axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(texts[0], texts[2])
    assert encoder.logit_scale > 0
    assert len(encoder.canonical_phrases) >= 1
    assert encoder.encode_image([]).shape == (0, encoder.dim)
    assert encoder.encode_text([]).shape == (0, encoder.dim)


def test_a_batch_gives_what_single_images_give(encoder, images):
    together = encoder.encode_image(images)
    alone = np.concatenate([encoder.encode_image([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_vectors_are_open_clips_own(tmp_path: Path, arch: str, images):
    import open_clip
    import torch
    from PIL import Image

    spec = make_tiny_clip(tmp_path, arch)
    file = spec.partition("@")[2]
    model, _, transform = open_clip.create_model_and_transforms(arch, pretrained=file)
    model.eval()
    tokens = open_clip.get_tokenizer(arch)(["a red mug", "chair"])
    with torch.inference_mode():
        text = model.encode_text(tokens, normalize=True).numpy()
        pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
        image = model.encode_image(pixels, normalize=True).numpy()
    encoder = load_encoder(f"{spec}?prompts=plain")
    np.testing.assert_allclose(encoder.encode_text(["a red mug", "chair"]), text, atol=1e-5)
    assert (encoder.encode_image(images) * image).sum(axis=1).min() > 0.9999
    assert encoder.logit_scale == pytest.approx(model.logit_scale.exp().item())
    bias = 0 if model.logit_bias is None else model.logit_bias.item()
    assert encoder.logit_bias == pytest.approx(bias)


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [32, (32, 32)])
def test_preprocessing_is_open_clips_own(resize_mode, interpolation, size, images):
    from open_clip.transform import image_transform
    from PIL import Image

    transform = image_transform(
        size, False, resize_mode=resize_mode, interpolation=interpolation, fill_color=7
    )
    config = {"size": size, "resize_mode": resize_mode, "interpolation": interpolation}
    ours = Preprocess.from_config({**config, "fill_color": 7}).batch(images).numpy()
    for image, mine in zip(images, ours, strict=True):
        theirs = transform(Image.fromarray(image)).numpy()
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("ViT-B-16-SigLIP2", {"mean": [0.5] * 3, "resize_mode": "squash", "size": [224, 224]}),
        ("MobileCLIP2-S0", {"mean": [0.0] * 3, "interpolation": "bilinear", "size": [256, 256]}),
        ("ViT-B-32", {"mean": list(CLIP_MEAN), "resize_mode": "shortest", "size": [224, 224]}),
    ],
)
def test_a_file_is_prepared_for_as_the_tags_of_its_architecture(tmp_path: Path, arch, expected):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"not read before a side is used")
    found = load_encoder(f"open_clip:{arch}@{file}").preprocess.as_json()
    assert {name: found[name] for name in expected} == expected


def test_a_hub_folders_configuration_goes_before_the_tags(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    config = {"preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "resize_mode": "longest"}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    found = load_encoder(spec).preprocess
    assert (found.mean, found.resize_mode, found.size) == ((0.1, 0.2, 0.3), "longest", (32, 32))


def test_an_openai_tag_brings_its_activation():
    """OpenAI's weights need QuickGELU, which the architecture of that name does not have."""
    openai, laion = (
        load_encoder(f"open_clip:ViT-B-32/{tag}")._towers._config.get("quick_gelu", False)
        for tag in ("openai", "laion2b_s34b_b79k")
    )
    assert openai
    assert not laion


def test_phrases_in_any_language_and_none_at_all(encoder):
    phrases = ["", " ", "кружка", "マグカップ", "🫖", "a" * 5000, "{} and {0}", "mug\n\tmug"]
    vectors = encoder.encode_text(phrases)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (BUNDLED.replace("led", "eled"), f"Did you mean {BUNDLED!r}"),
        ("bundled-v1", f"Build the scene again with --encoder {BUNDLED}"),
        ("bundled-v2", f"Build the scene again with --encoder {BUNDLED}"),
        ("", "open_clip:ARCH/TAG"),
        ("open_clip:ViT-B-32", "ARCH@FILE"),
        ("open_clip:ViT-B-33/openai", "ViT-B-32"),
        ("open_clip:ViT-B-32/laion", "laion2b_s34b_b79k"),
        ("open_clip:ViT-B-32/openai?prompts=none", "?prompts=plain"),
        ("open_clip:ViT-B-32@/no/such/file.safetensors", "/no/such/file.safetensors"),
    ],
)
def test_a_wrong_spec_says_what_would_be_right(spec: str, message: str):
    with pytest.raises(EncoderError) as caught:
        load_encoder(spec)
    assert message in str(caught.value)


def test_an_unreachable_hub_says_how_to_pass_a_file(monkeypatch: pytest.MonkeyPatch):
    import open_clip.pretrained

    def fail(*args: object, **kwargs: object) -> str:
        raise OSError("network is unreachable")

    monkeypatch.setattr(open_clip.pretrained, "download_pretrained", fail)
    encoder = load_encoder("open_clip:ViT-B-32/openai")
    with pytest.raises(EncoderError, match="open_clip:ViT-B-32@/path/to") as caught:
        encoder.encode_text(["mug"])
    assert "unreachable" in str(caught.value)


def test_spec_with_a_slash_in_the_path():
    assert parse_open_clip("open_clip:ViT-B-32@/a/b@c.pt") == ("ViT-B-32", "/a/b@c.pt")


def test_the_table_loads_nothing_by_itself():
    assert ENCODERS.names()[:2] == [BUNDLED, "open_clip"]


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_device_that_is_not_there_is_told_before_anything_is_loaded(monkeypatch, device):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"{device}.*GPU"):
        load_encoder(BUNDLED, device)
