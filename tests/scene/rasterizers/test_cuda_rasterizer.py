"""The CUDA rasteriser's own code, on the CPU, over gsplat's interface made of its torch functions.

On a machine with a GPU the contract test runs over the real kernels; here what lies between them
and our conventions is tested: the pixel shift, negative fy, depth, gradients, contributions.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gsplat_on_cpu import cuda_rasterizer_on_cpu
from splats import random_splats, splat_pose

from grounding3d.errors import MissingDependencyError
from grounding3d.geometry.camera import Camera
from grounding3d.scene.rasterizers.base import ImageGradients
from grounding3d.scene.rasterizers.cuda import CudaRasterizer, transmittances
from grounding3d.scene.rasterizers.gsplat_build import (
    build_error,
    check_kernels,
    check_version,
    load_gsplat,
)
from grounding3d.scene.rasterizers.reference import ReferenceRasterizer

UPRIGHT = Camera.from_focal(40, 38, 17.3, 11.6, 37, 23)
FLIPPED = Camera.from_focal(40, -38, 17.3, 11.6, 37, 23)


@pytest.fixture
def rasterizer() -> CudaRasterizer:
    return cuda_rasterizer_on_cpu()


@pytest.mark.parametrize("camera", [UPRIGHT, FLIPPED])
def test_pictures_and_gradients_keep_our_conventions(
    rasterizer: CudaRasterizer, camera: Camera
) -> None:
    splats, pose = random_splats(100, 2, seed=1), splat_pose()
    rng = np.random.default_rng(0)
    channels = rng.normal(size=(100, 5)).astype(np.float32)
    shape = (camera.height, camera.width)
    weights = ImageGradients(
        rng.normal(size=(*shape, 3)), rng.normal(size=shape), rng.normal(size=shape)
    )
    images, gradients = [], []
    for member in (rasterizer, ReferenceRasterizer(torch.float64)):
        images.append(
            member.render(
                splats.activated(), camera, pose, background=(0.1, 0.2, 0.3), channels=channels
            )
        )
        gradients.append(member.gradients(splats, camera, pose, weights, background=(0.1, 0.2, 0)))
    for name in ("rgb", "depth_m", "alpha", "channels"):
        np.testing.assert_allclose(
            getattr(images[0], name), getattr(images[1], name), atol=1e-5, err_msg=name
        )
    for name in splats.__dataclass_fields__:
        found, wanted = (getattr(g.parameters, name) for g in gradients)
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max(), err_msg=name)
    np.testing.assert_allclose(gradients[0].pose, gradients[1].pose, rtol=1e-3)
    assert gradients[0].means2d.shape == (100, 2)
    np.testing.assert_allclose(gradients[0].means2d, gradients[1].means2d, atol=1e-4)


@pytest.mark.parametrize("cell_px", [1, 8])
def test_contributions_are_the_references(rasterizer: CudaRasterizer, cell_px: int) -> None:
    gaussians = random_splats(100, 0, seed=2).activated()
    tables = []
    for member in (rasterizer, ReferenceRasterizer(torch.float64)):
        found = member.contributions(gaussians, FLIPPED, splat_pose(), cell_px=cell_px)
        assert (np.diff(found.cell) >= 0).all()
        table = np.zeros((found.grid[0] * found.grid[1], 100))
        table[found.cell, found.gaussian] = found.weight
        tables.append(table)
    assert tables[0].sum() > 10
    np.testing.assert_allclose(*tables, atol=1e-4)


def test_no_gaussians(rasterizer: CudaRasterizer) -> None:
    nothing = random_splats(0)
    image = rasterizer.render(nothing.activated(), UPRIGHT, splat_pose(), background=(1, 0, 0))
    assert (image.rgb == [1, 0, 0]).all()
    assert len(rasterizer.contributions(nothing.activated(), UPRIGHT, splat_pose()).cell) == 0


def test_transmittance_starts_anew_at_each_pixel() -> None:
    alpha = torch.tensor([0.5, 0.2, 0.1, 0.999, 0.3])
    pixel = torch.tensor([0, 0, 4, 4, 7])
    found = transmittances(alpha, pixel)
    np.testing.assert_allclose(found, [1, 0.5, 1, 0.9, 1], rtol=1e-6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_without_a_device_the_error_says_what_to_do() -> None:
    with pytest.raises(MissingDependencyError, match="--device cpu"):
        load_gsplat()


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_kernels_that_do_not_build_name_the_next_step() -> None:
    """The real attempt: without CUDA there is no nvcc, or a torch that cannot build for it."""
    pytest.importorskip("gsplat")
    with pytest.raises(MissingDependencyError, match=r"CUDA toolkit.* compiled already"):
        check_kernels()


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            "The detected CUDA version (11.8) mismatches the version that was used to compile "
            "PyTorch (12.4). Please make sure to use the same CUDA versions.",
            "nvcc --version",
        ),
        ("Ninja is required to load C++ extensions", "pip install ninja"),
        ("#error -- unsupported GNU version! gcc versions later than 12 are not supported!", "g++"),
        ("fatal error: Python.h: No such file or directory", "python3-dev"),
        ("something unheard of", "VERBOSE=1"),
        ("", "VERBOSE=1"),
    ],
)
def test_a_failed_compilation_is_explained(message: str, remedy: str) -> None:
    error = build_error(message)
    assert remedy in str(error)
    assert "wheel" in str(error)


def test_too_old_a_gsplat_is_refused() -> None:
    with pytest.raises(MissingDependencyError, match=r"1\.5\.3"):
        check_version("1.4.0")
    check_version("1.5.3")
    check_version("1.6.0+pt24cu124")
