"""The pyramid of crops: which vector a ray is taught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from grounding3d.capture.files import write_rgb
from grounding3d.nerf.language import LanguagePyramid, PyramidConfig
from grounding3d.nerf.regulariser import AffinityMaps


class ColourEncoder(SimpleNamespace):
    """Says what share of a crop is red, green and blue; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(spec="colour", dim=3, centre=None, weights_sha256="0", n_crops=0)

    def encode_image(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        self.n_crops += len(crops)
        mean = np.stack([crop.reshape(-1, 3).mean(axis=0) for crop in crops]).astype(np.float32)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Left half red, right half green, a blue square of 20 pixels in the middle."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :80, 0] = image[:, 80:, 1] = 200
    image[50:70, 70:90] = (0, 0, 200)
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        write_rgb(path, np.roll(image, 5 * n, axis=0))
    return paths


def look_up(pyramid: LanguagePyramid, u: float, v: float, side: float) -> np.ndarray:
    values = (torch.tensor([x]) for x in (u, v, side))
    return pyramid.look_up(torch.tensor([0]), *values)[0].numpy()


def test_a_pixel_is_taught_what_a_crop_around_it_shows(files: list[Path]) -> None:
    pyramid = LanguagePyramid(ColourEncoder(), files[:1], PyramidConfig((0.15, 0.6), 0.5))
    np.testing.assert_allclose(look_up(pyramid, 20, 60, 18), [1, 0, 0], atol=0.01)
    np.testing.assert_allclose(look_up(pyramid, 140, 20, 18), [0, 1, 0], atol=0.01)


def test_size_decides_between_a_thing_and_its_surroundings(files: list[Path]) -> None:
    pyramid = LanguagePyramid(ColourEncoder(), files[:1], PyramidConfig((0.15, 0.9), 0.5))
    blue = [look_up(pyramid, 79.5, 59.5, side)[2] for side in (18, 50, 108)]
    assert blue[0] > 0.9
    assert blue[0] > blue[1] > blue[2]
    assert blue[2] < 0.2


def test_between_two_crops_the_vector_is_between_theirs(files: list[Path]) -> None:
    pyramid = LanguagePyramid(ColourEncoder(), files[:1], PyramidConfig((0.2,), 0.0))
    row = np.array([look_up(pyramid, u, 10, 24) for u in range(12, 148)])
    np.testing.assert_allclose(np.linalg.norm(row, axis=1), 1, atol=1e-3)
    assert np.abs(np.diff(row[:, 0])).max() < 0.12
    assert row[0, 0] > 0.99 > 0.01 > row[-1, 0]


def test_known_images_are_not_encoded_again(files: list[Path]) -> None:
    first, second = ColourEncoder(), ColourEncoder()
    config = PyramidConfig((0.23, 0.6), 0.5)
    one = LanguagePyramid(first, files, config)
    two = LanguagePyramid(second, files, config)
    assert first.n_crops > 0
    assert second.n_crops == 0
    np.testing.assert_array_equal(look_up(one, 50, 50, 40), look_up(two, 50, 50, 40))


def test_few_frames_bound_time_and_memory(files: list[Path]) -> None:
    seen: list[tuple[int, int]] = []
    pyramid = LanguagePyramid(
        ColourEncoder(), files, PyramidConfig((0.5,), 0.5, max_frames=2), lambda *x: seen.append(x)
    )
    assert pyramid.frames == [0, 2]
    assert seen == [(1, 2), (2, 2)]


class Halves:
    """Features of two halves of an image."""

    def features(self, image: np.ndarray) -> np.ndarray:
        grid = np.zeros((6, 8, 2), np.float32)
        grid[:, :4, 0] = grid[:, 4:, 1] = 1
        return grid


def test_the_regulariser_is_looked_up_where_the_pixel_lies(files: list[Path]) -> None:
    maps = AffinityMaps(Halves(), files)
    across = torch.tensor([0.0, 0.49, 0.51, 1.0])
    found = maps.look_up(torch.tensor([0, 1, 2, 0]), across, torch.tensor([0.0, 0.5, 1.0, 0.2]))
    np.testing.assert_array_equal(found[:, 0].numpy(), [1, 1, 0, 0])
    np.testing.assert_array_equal(found[:, 1].numpy(), [0, 0, 1, 1])
