"""The compiled core: the same bits for any threads, the same picture for any processor."""

from __future__ import annotations

import numpy as np
import pytest
from splats import SPLAT_CAMERA, random_splats, splat_pose

from grounding3d.scene.rasterizers.base import ImageGradients, SplatParameters
from grounding3d.scene.splat.engine import LearningRates, LossWeights, TrainView

core = pytest.importorskip("grounding3d._core")

from grounding3d.scene.rasterizers.cpu import CpuRasterizer  # noqa: E402
from grounding3d.scene.splat.native import NativeEngine  # noqa: E402

SPLATS = random_splats(5000, 3, seed=11)  # several chunks of Gaussians
RATES = LearningRates(1e-3, 1e-3, 5e-3, 5e-2, 1e-2, 1e-3)


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = core.threads()
    yield
    core.set_threads(before)


def view_of(picture: np.ndarray, depth_m: np.ndarray) -> TrainView:
    rgb = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    exposure = np.array([[1.1, 1, 0.9], [0.02, 0, 0]], np.float32)
    return TrainView(rgb, depth_m, SPLAT_CAMERA, splat_pose(), exposure)


def trained(threads: int, instruction_set: str = "") -> tuple[SplatParameters, list[float]]:
    core.set_threads(threads)
    image = CpuRasterizer().render(SPLATS.activated(), SPLAT_CAMERA, splat_pose())
    engine = NativeEngine(instruction_set)
    engine.load(SPLATS)
    weights = LossWeights(depth=1.0, coverage=0.1, needle=0.1, opacity=0.01, scale=0.01)
    view = view_of(image.rgb[::-1], image.depth_m * 1.01)
    losses = []
    for _ in range(3):
        losses.append(engine.step(view, weights, RATES, sh_degree=3).loss)
    return engine.parameters(), losses


def test_training_repeats_to_the_bit_with_any_number_of_threads() -> None:
    alone, losses = trained(1)
    for threads in (1, 2, 3):
        together, same = trained(threads)
        assert same == losses
        for name in vars(alone):
            np.testing.assert_array_equal(
                getattr(alone, name), getattr(together, name), err_msg=name
            )


@pytest.mark.parametrize("instruction_set", core.instruction_sets())
def test_every_instruction_set_draws_the_same(instruction_set: str) -> None:
    best, other = CpuRasterizer(), CpuRasterizer(instruction_set)
    arguments = (SPLATS.activated(), SPLAT_CAMERA, splat_pose())
    wanted, found = best.render(*arguments), other.render(*arguments)
    np.testing.assert_allclose(found.rgb, wanted.rgb, atol=2e-4)
    np.testing.assert_allclose(found.alpha, wanted.alpha, atol=2e-4)
    slope = ImageGradients(
        np.ones_like(wanted.rgb), np.ones_like(wanted.depth_m), np.ones_like(wanted.alpha)
    )
    wanted_rows = best.gradients(SPLATS, SPLAT_CAMERA, splat_pose(), slope).parameters
    found_rows = other.gradients(SPLATS, SPLAT_CAMERA, splat_pose(), slope).parameters
    for name in vars(wanted_rows):
        a, b = getattr(found_rows, name), getattr(wanted_rows, name)
        assert np.linalg.norm(a - b) <= 1e-3 * np.linalg.norm(b), name


@pytest.mark.parametrize("instruction_set", core.instruction_sets())
def test_every_instruction_set_trains_the_same(instruction_set: str) -> None:
    _, wanted = trained(2)
    _, found = trained(2, instruction_set)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="mmx"):
        CpuRasterizer("mmx")
