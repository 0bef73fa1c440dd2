"""The loss in torch, and the engine over gsplat's tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gsplat_on_cpu import cuda_rasterizer_on_cpu
from splats import SPLAT_CAMERA, random_splats, splat_pose

from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.splat.engine import LearningRates, LossWeights, TrainView
from grounding3d.scene.splat.losses import mean_ssim
from grounding3d.scene.splat.torch_engine import ReferenceEngine, TorchEngine


def some_image(seed: int, shape: tuple[int, int] = (21, 17)) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=(*shape, 3)))


def test_an_image_is_like_itself() -> None:
    a, b = some_image(0), some_image(1)
    assert float(mean_ssim(a, a)) == pytest.approx(1)
    assert float(mean_ssim(a, b)) == pytest.approx(float(mean_ssim(b, a)))
    assert abs(float(mean_ssim(a, b))) < 0.2
    assert float(mean_ssim(a, 0.9 * a + 0.05)) > 0.9


def test_rows_and_columns_are_treated_alike() -> None:
    a, b = some_image(2), some_image(3)
    assert float(mean_ssim(a, b)) == pytest.approx(
        float(mean_ssim(a.transpose(0, 1), b.transpose(0, 1)))
    )


def test_strides_share_the_rows_out() -> None:
    a, b = some_image(4), some_image(5)
    parts = [float(mean_ssim(a, b, 4, phase)) for phase in range(4)]
    rows = [3, 3, 3, 2]  # of 11
    assert np.average(parts, weights=rows) == pytest.approx(float(mean_ssim(a, b)))
    assert mean_ssim(some_image(0, (11, 30)), some_image(1, (11, 30)), 4, 1) is None


def test_ssims_gradient_is_the_finite_difference() -> None:
    a, b = some_image(6, (13, 14)).requires_grad_(), some_image(7, (13, 14))
    assert torch.autograd.gradcheck(lambda x: mean_ssim(x, b, 2, 1), (a,))


def test_the_engine_over_gsplats_tensors_steps_like_the_reference() -> None:
    """As test_cuda_rasterizer: not the kernels, but all that lies above them."""
    rng = np.random.default_rng(0)
    shape = (SPLAT_CAMERA.height, SPLAT_CAMERA.width)
    view = TrainView(
        rgb=rng.integers(0, 255, (*shape, 3)).astype(np.uint8),
        depth_m=rng.uniform(0, 3, shape).astype(np.float32),
        camera=SPLAT_CAMERA,
        T_world_cam=splat_pose(),
        exposure=np.array([[1, 1, 1], [0, 0, 0]], np.float32),
    )
    splats = random_splats(60, 1, seed=1)
    splats.means[:] *= 0.5
    rates = LearningRates(1e-3, 1e-3, 5e-3, 5e-2, 1e-2, 5e-4)
    engines = [
        TorchEngine("gsplat", cuda_rasterizer_on_cpu()),
        ReferenceEngine(torch.float64),
    ]
    reports = []
    for engine in engines:
        engine.load(splats)
        for _ in range(3):
            report = engine.step(view, LossWeights(depth=0.5), rates, sh_degree=1)
        reports.append(report)
    assert reports[0].loss == pytest.approx(reports[1].loss, rel=1e-5)
    np.testing.assert_allclose(reports[0].pose, reports[1].pose, rtol=1e-3, atol=1e-6)
    for name in SplatParameters.__dataclass_fields__:
        a, b = (getattr(engine.parameters(), name) for engine in engines)
        np.testing.assert_allclose(a, b, atol=2e-4, err_msg=name)
    np.testing.assert_allclose(
        engines[0].statistics().gradient, engines[1].statistics().gradient, rtol=1e-3, atol=1e-6
    )
