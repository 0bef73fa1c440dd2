"""The two sides of a model load apart, from every kind of file, and misfits are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_clip import make_tiny_clip

from grounding3d.errors import EncoderError
from grounding3d.features.encoders import load_encoder
from grounding3d.features.towers import read_side

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def rewritten(spec: str, change) -> str:
    """SPEC of a copy of its weights, after `change(state)`."""
    arch, _, file = spec.partition("@")
    state = load_file(file)
    change(state)
    copy = Path(file).with_name("changed.safetensors")
    save_file(state, str(copy))
    return f"{arch}@{copy}"


def test_each_side_is_built_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import open_clip.model

    def forbidden(*_: object) -> None:
        raise AssertionError("the other side was built")

    spec = make_tiny_clip(tmp_path)
    monkeypatch.setattr(open_clip.model, "_build_vision_tower", forbidden)
    assert load_encoder(spec).encode_text(["mug"]).shape == (1, 24)
    monkeypatch.undo()
    monkeypatch.setattr(open_clip.model, "_build_text_tower", forbidden)
    encoder = load_encoder(spec)
    assert encoder.encode_image([IMAGE]).shape == (1, 24)
    assert encoder.logit_scale > 1


@pytest.mark.parametrize("arch", ["tiny-vit", "tiny-sigmoid"])
def test_only_one_sides_tensors_are_read(tmp_path: Path, arch: str):
    file = Path(make_tiny_clip(tmp_path, arch).partition("@")[2])
    text, image = read_side(file, "text"), read_side(file, "image")
    scalars = {"logit_scale", "logit_bias"}
    assert all(n.startswith("text.") or n in scalars for n in text)
    assert all(n.startswith("visual.") or n in scalars for n in image)
    assert len(text) + len(image) - len(scalars & set(text)) == len(load_file(file))


def test_a_torch_file_gives_the_same(tmp_path: Path):
    spec = make_tiny_clip(tmp_path)
    arch, _, file = spec.partition("@")
    copy = tmp_path / "weights.pt"
    state = {f"module.{k}": v for k, v in load_file(file).items()}
    torch.save({"state_dict": state, "epoch": 3}, copy)
    one, other = load_encoder(spec), load_encoder(f"{arch}@{copy}")
    np.testing.assert_array_equal(one.encode_text(["mug"]), other.encode_text(["mug"]))
    np.testing.assert_array_equal(one.encode_image([IMAGE]), other.encode_image([IMAGE]))


def test_a_grid_of_another_size_is_interpolated_on_loading(tmp_path: Path):
    def widen(state: dict[str, torch.Tensor]) -> None:
        first, rest = state["visual.positional_embedding"].split([1, 16])
        rest = rest.repeat_interleave(4, 0)
        state["visual.positional_embedding"] = torch.cat([first, rest]).contiguous()

    encoder = load_encoder(rewritten(make_tiny_clip(tmp_path), widen))
    assert encoder.encode_image([IMAGE]).shape == (1, 24)


def test_a_file_of_another_model_is_an_error(tmp_path: Path):
    file = make_tiny_clip(tmp_path, "tiny-conv").partition("@")[2]
    make_tiny_clip(tmp_path, "tiny-vit")
    with pytest.raises(EncoderError, match=r"another model.*visual\."):
        load_encoder(f"open_clip:tiny-vit@{file}").encode_image([IMAGE])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["ln_final.weight"].fill_(float("nan")), "damaged.*text.ln_final.weight"),
        (lambda s: s.pop("ln_final.weight"), "no text.ln_final.weight"),
        (lambda s: s.update({"ln_final.weight": torch.ones(7)}), r"\(7,\), not \(32,\)"),
        (lambda s: s.update({"text.more": torch.ones(7)}), "has no place"),
        (lambda s: s.pop("logit_scale"), "no logit_scale"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, change, message: str):
    encoder = load_encoder(rewritten(make_tiny_clip(tmp_path), change))
    with pytest.raises(EncoderError, match=message):
        encoder.encode_text(["mug"])


def test_nan_in_the_image_side_does_not_hinder_the_text_side(tmp_path: Path):
    def spoil(state: dict[str, torch.Tensor]) -> None:
        state["visual.proj"][0, 0] = float("nan")

    encoder = load_encoder(rewritten(make_tiny_clip(tmp_path), spoil))
    assert np.isfinite(encoder.encode_text(["mug"])).all()
    with pytest.raises(EncoderError, match=r"damaged.*visual\.proj"):
        encoder.encode_image([IMAGE])


def test_bytes_that_are_no_weights(tmp_path: Path):
    make_tiny_clip(tmp_path)
    for name in ("a.safetensors", "a.pt"):
        (tmp_path / name).write_bytes(b"hello")
        with pytest.raises(EncoderError, match="cannot be loaded"):
            load_encoder(f"open_clip:tiny-vit@{tmp_path / name}").encode_text(["mug"])


def test_half_precision_agrees_with_single(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What runs on CUDA, tried on the CPU: bfloat16 image vectors stay within rounding."""
    import grounding3d.features.open_clip_encoder as module

    for arch in ("tiny-vit", "tiny-attention-pool", "tiny-convnext", "tiny-swin"):
        spec = make_tiny_clip(tmp_path, arch)
        single = load_encoder(spec)
        monkeypatch.setattr(module, "image_dtype", lambda device: torch.bfloat16)
        half = load_encoder(spec)
        cosine = (single.encode_image([IMAGE]) * half.encode_image([IMAGE])).sum()
        assert half._image.module is not single._image.module
        assert next(half._image.module.parameters()).dtype == torch.bfloat16
        assert cosine > 0.995, arch
        assert (single.dense(IMAGE) * half.dense(IMAGE)).sum(-1).min() > 0.98, arch
        monkeypatch.undo()
