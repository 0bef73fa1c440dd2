"""Training crops are what the program would show the encoder, under the right names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.features.base import Mask
from grounding3d.features.crops import FLAT_COLOUR, mask_crops
from grounding3d.features.preprocess import Preprocess
from recipes.bundled.augment import FILL, MEAN, STD, as_asked
from recipes.bundled.pipeline_crops import Choice, crops_of, cut, make_world, shown_by, write

SIDE = 64


def picture() -> np.ndarray:
    """A smooth image [120, 160, 3]."""
    v, u = np.mgrid[:120, :160]
    waves = [np.sin(u / 17) + np.cos(v / 13), np.sin(v / 11), np.cos(u / 23)]
    return np.clip(127 + 60 * np.stack(waves, -1), 0, 255).astype(np.uint8)


def disc(v0: int, u0: int, diameter: int) -> Mask:
    v, u = np.mgrid[:diameter, :diameter] - (diameter - 1) / 2
    return Mask(u0, v0, v**2 + u**2 < (diameter / 2) ** 2, "object", 1.0)


@pytest.mark.parametrize("mask", [disc(40, 60, 30), disc(0, 0, 50), disc(75, 100, 44)])
@pytest.mark.parametrize("filled", [False, True])
def test_a_stored_crop_becomes_what_the_program_shows(mask: Mask, filled: bool) -> None:
    rgb = picture()
    shown = mask_crops(rgb, mask)[int(filled)]
    wanted = Preprocess((SIDE, SIDE), MEAN, STD, "bilinear", "squash").batch([shown])[0].numpy()
    stored = as_asked(cut(rgb, mask)[None], SIDE, filled)[0].numpy()
    difference = np.abs(stored - wanted).mean(axis=0)
    assert np.median(difference) < 0.05
    assert (difference > 0.5).mean() < 0.06  # the outline alone


def test_both_fill_with_the_same_colour() -> None:
    assert tuple(FILL) == tuple(FLAT_COLOUR)


def test_a_mask_belongs_to_the_body_that_most_of_it_shows() -> None:
    body = np.full((40, 40), -1)
    body[10:20, 10:30] = 3
    body[20:24, 10:30] = 5
    mask = Mask(10, 10, np.ones((14, 10), bool), "object", 1.0)
    found, purity, share = shown_by(mask, body)
    assert found == 3
    assert purity == pytest.approx(100 / 140)
    assert share == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("p_room", [0.0, 1.0])
def test_masks_get_the_names_of_what_stands_there(p_room: float) -> None:
    choice = Choice(p_generated=1.0, p_room=p_room, frames=3 + round(5 * p_room))
    with make_world(choice, 720001) as world:
        there = {world.table.category, *(p.model.category for p in world.objects)}
        rows = list(crops_of(world, choice.frames, 100, np.random.default_rng(0)))
    named = {r["category"] for _, r in rows if r["group"] >= 0}
    assert named <= there
    assert len(named) >= len(there) / 3
    for crop, record in rows:
        assert crop.shape == (112, 112, 4)
        assert 0 <= record["seen"] <= 1
        middle = crop[26:86, 26:86, 3]
        assert middle.any()
        if record["group"] >= 0:
            assert record["captions"]
            assert 100 <= record["group"] <= 100 + len(world.objects)


@pytest.mark.slow
def test_the_folder_holds_one_line_for_each_image(tmp_path: Path) -> None:
    choice = Choice(p_generated=1.0, p_room=0.0, frames=2)
    count = write(tmp_path, choice, range(720002, 720003), 500, 1.0)
    lines = (tmp_path / "meta.jsonl").read_text().splitlines()
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert len(lines) == count > 3
    assert images[:count].any(axis=(1, 2, 3)).all()
    assert {json.loads(line)["seed"] for line in lines} == {720002}
