"""The Segment Anything family: clear errors without packages, records into masks, depth steps."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from random_sam import RANDOM_WEIGHTS, random_source, random_weights

from grounding3d.compat import _batched_nms
from grounding3d.errors import ConfigError, EncoderError, MissingDependencyError
from grounding3d.features.base import Mask
from grounding3d.features.mask_depth_split import split_by_depth
from grounding3d.features.masks import MASKS, MaskConfig
from grounding3d.features.sam_masks import as_masks
from tests.factories import make_capture

FAMILY = sorted(RANDOM_WEIGHTS)


@pytest.mark.parametrize("name", FAMILY)
def test_weights_must_be_given_and_be_there(name: str, tmp_path: Path):
    for weights in (None, tmp_path / "missing.pt"):
        with pytest.raises(ConfigError, match=r"--set masks\.weights=FILE"):
            MASKS.load(name)(MaskConfig(source=name, weights=weights))


@pytest.mark.parametrize("name", FAMILY)
def test_a_missing_package_is_named_with_its_install_line(name: str, tmp_path: Path):
    package, model = RANDOM_WEIGHTS[name]
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    file = tmp_path / f"{model}.pt"
    file.write_bytes(b"weights")
    line = "git\\+https://.*MobileSAM" if name == "mobile_sam" else r"grounding3d\[sam\]"
    with pytest.raises(MissingDependencyError, match=f"pip install .*{line}"):
        MASKS.load(name)(MaskConfig(source=name, weights=file))


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_a_model_that_cannot_be_told_is_asked_for(name: str, tmp_path: Path):
    file = tmp_path / "weights.pt"
    file.write_bytes(b"weights")
    for model in (None, "vit_x"):
        with pytest.raises(ConfigError, match=r"masks\.model one of"):
            MASKS.load(name)(MaskConfig(source=name, weights=file, model=model))


@pytest.mark.parametrize("name", FAMILY)
def test_weights_that_do_not_fit_are_an_error(name: str, tmp_path: Path):
    file = random_weights(name, tmp_path)
    frame = make_capture(1)[0]
    spoilt = torch.load(file)
    inner = spoilt["model"] if name == "sam2" else spoilt
    key = next(k for k, v in inner.items() if v.is_floating_point() and v.ndim > 1)
    inner[key] = torch.full_like(inner[key], float("nan"))
    torch.save(spoilt, file)
    with pytest.raises(EncoderError, match="damaged"):
        MASKS.load(name)(MaskConfig(source=name, weights=file)).masks(frame)
    del inner[key]
    torch.save(spoilt, file)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        MASKS.load(name)(MaskConfig(source=name, weights=file)).masks(frame)
    file.write_bytes(b"no weights")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        MASKS.load(name)(MaskConfig(source=name, weights=file)).masks(frame)


@pytest.mark.parametrize("name", FAMILY)
def test_the_real_package_gives_masks_from_a_file(name: str, tmp_path: Path):
    frame = make_capture(1)[0]
    found = random_source(name, tmp_path, geometric_supports=False).masks(frame)
    assert found
    assert [mask.area for mask in found] == sorted((m.area for m in found), reverse=True)


def record(bits: np.ndarray, iou: float = 0.9) -> dict[str, object]:
    return {"segmentation": bits, "predicted_iou": iou}


def test_records_become_masks_by_size():
    image = np.zeros((60, 80), bool)
    small, middle, large = image.copy(), image.copy(), np.ones_like(image)
    small[:3, :3] = middle[10:30, 5:25] = True
    config = MaskConfig(min_pixels=10, max_image_share=0.6)
    records = [record(image), record(small), record(middle, 1.3), record(large)]
    (mask,) = as_masks(records, config)
    assert (mask.u0, mask.v0, mask.area, mask.score) == (5, 10, 400, 1.0)
    assert as_masks([], config) == []
    (mask,) = as_masks([record(middle, float("nan"))], config)
    assert mask.score == 0


def test_a_mask_over_a_step_in_depth_falls_apart():
    depth = np.full((40, 60), 1.0, np.float32)
    depth[:, 30:] = 1.5
    depth[:, 28:32] = 0  # as a real camera shows a step
    mask = Mask(10, 5, np.ones((30, 40), bool))
    left, right = split_by_depth(mask, depth, 20)
    assert left.area + right.area == mask.area
    assert (left.u0, right.u0, right.v0) == (10, 30, 5)
    whole = split_by_depth(mask, np.full_like(depth, 1.0), 20)
    assert whole == [mask]


def test_a_slope_and_noise_are_no_steps():
    rng = np.random.default_rng(0)
    slope = np.linspace(0.8, 2.0, 60, dtype=np.float32) + np.zeros((40, 1), np.float32)
    depth = slope + rng.normal(size=slope.shape).astype(np.float32) * 0.004
    mask = Mask(0, 0, np.ones((40, 60), bool))
    assert split_by_depth(mask, depth, 20) == [mask]
    assert split_by_depth(mask, np.zeros_like(depth), 20) == [mask]


def test_a_splinter_is_no_piece():
    depth = np.full((40, 60), 1.0, np.float32)
    depth[:4, :4] = 2.0
    mask = Mask(0, 0, np.ones((40, 60), bool))
    assert split_by_depth(mask, depth, 20) == [mask]


def test_the_stand_in_for_torchvisions_suppression():
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 10.0]])
    scores, one = torch.tensor([0.5, 0.9, 0.1, 0.4]), torch.zeros(4)
    assert _batched_nms(boxes, scores, one, 0.7).tolist() == [1, 2]
    assert _batched_nms(boxes, scores, one, 0.95).tolist() == [1, 0, 2]
    classes = torch.tensor([0, 0, 0, 1])
    assert _batched_nms(boxes, scores, classes, 0.7).tolist() == [1, 3, 2]
    assert _batched_nms(boxes[:0], scores[:0], one[:0], 0.7).tolist() == []
