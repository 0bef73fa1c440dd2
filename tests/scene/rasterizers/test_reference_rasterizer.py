"""The reference rasteriser against finite differences, quadrature and gsplat's own torch code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from splats import SPLAT_CAMERA, random_splats, splat_pose
from torch import Tensor

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.rasterizers.base import ImageGradients
from grounding3d.scene.rasterizers.projection import drawn_radii, project
from grounding3d.scene.rasterizers.reference import ReferenceRasterizer, rasterize
from grounding3d.scene.rasterizers.spherical_harmonics import sh_basis
from grounding3d.scene.rasterizers.torch_rasterizer import activate, raw_tensors

EXACT = ReferenceRasterizer(torch.float64)
BACKGROUND = (0.3, 0.2, 0.1)


class Objective:
    """A random weighted sum of all the outputs, as a function of parameters and pose."""

    def __init__(self, camera: Camera, degree: int, seed: int) -> None:
        self.camera, self.degree = camera, degree
        rng = np.random.default_rng(seed)
        shape = (camera.height, camera.width)
        self.image = ImageGradients(
            rng.normal(size=(*shape, 3)), rng.normal(size=shape), rng.normal(size=shape)
        )

    def value(self, raw: dict[str, Tensor], T_world_cam: np.ndarray) -> float:
        view = EXACT.view(self.camera, T_world_cam, BACKGROUND, self.degree)
        with torch.no_grad():
            drawing = rasterize(activate(raw), view)
        total = sum(
            (getattr(drawing, name) * torch.from_numpy(getattr(self.image, name))).sum()
            for name in ("rgb", "depth_m", "alpha")
        )
        return float(total)


@pytest.mark.parametrize("fy", [19.0, -19.0])
def test_every_parameters_gradient_is_the_finite_difference(fy: float) -> None:
    camera = Camera.from_focal(20, fy, 8.4, 5.1, 19, 11)
    splats, pose = random_splats(6, 1, seed=3), splat_pose()
    objective = Objective(camera, 1, seed=1)
    found = EXACT.gradients(splats, camera, pose, objective.image, background=BACKGROUND)
    raw, step = raw_tensors(splats, "cpu", torch.float64), 1e-6
    for name, tensor in raw.items():
        gradient = getattr(found.parameters, name).reshape(-1)
        flat, differences = tensor.view(-1), np.zeros(tensor.numel())
        for i in range(tensor.numel()):
            kept = flat[i].item()
            flat[i] = kept + step
            above = objective.value(raw, pose)
            flat[i] = kept - step
            differences[i] = (above - objective.value(raw, pose)) / (2 * step)
            flat[i] = kept
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(
            gradient, differences, atol=1e-5 * np.abs(differences).max(), err_msg=name
        )


def test_the_poses_gradient_is_the_finite_difference() -> None:
    splats, pose = random_splats(30, 3, seed=4), splat_pose()
    objective = Objective(SPLAT_CAMERA, 3, seed=2)
    found = EXACT.gradients(splats, SPLAT_CAMERA, pose, objective.image, background=BACKGROUND)
    raw, step = raw_tensors(splats, "cpu", torch.float64), 1e-6
    differences = np.zeros(6)
    for i in range(6):
        moved = [pose @ expm(_hat(sign * step * np.eye(6)[i])) for sign in (1, -1)]
        above, below = (objective.value(raw, T) for T in moved)
        differences[i] = (above - below) / (2 * step)
    np.testing.assert_allclose(found.pose, differences, atol=1e-5 * np.abs(differences).max())


def _hat(twist: np.ndarray) -> np.ndarray:
    """The [4,4] matrix whose exponential is the motion by (v, omega)."""
    v, (a, b, c) = twist[:3], twist[3:]
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = [[0, -c, b], [c, 0, -a], [-b, a, 0]]
    matrix[:3, 3] = v
    return matrix


def test_the_gradient_by_projected_centres_explains_a_shift_of_the_principal_point() -> None:
    """Moving all the centres by a pixel is what cx and cy do, where J is not clamped."""
    splats, pose = random_splats(40, 0, seed=5), splat_pose()
    splats.means[:] *= 0.5
    objective = Objective(SPLAT_CAMERA, 0, seed=3)
    found = EXACT.gradients(splats, SPLAT_CAMERA, pose, objective.image, background=BACKGROUND)
    raw, step, differences = raw_tensors(splats, "cpu", torch.float64), 1e-5, np.zeros(2)
    for axis in range(2):
        values = []
        for sign in (1, -1):
            K = SPLAT_CAMERA.K.copy()
            K[axis, 2] += sign * step
            shifted = Objective(Camera(K, 37, 23), 0, seed=3)
            values.append(shifted.value(raw, pose))
        differences[axis] = (values[0] - values[1]) / (2 * step)
    np.testing.assert_allclose(found.means2d.sum(0), differences, rtol=1e-4)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_spherical_harmonics_are_orthonormal(degree: int) -> None:
    z, weight = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    x = np.sqrt(1 - z[:, None] ** 2) * np.cos(phi)
    y = np.sqrt(1 - z[:, None] ** 2) * np.sin(phi)
    directions = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], -1).reshape(-1, 3)
    basis = sh_basis(torch.from_numpy(directions), degree).numpy()
    area = np.repeat(weight * 2 * np.pi / 16, 16)
    np.testing.assert_allclose(basis.T @ (area[:, None] * basis), np.eye(basis.shape[1]), atol=1e-9)


def test_spherical_harmonics_are_gsplats() -> None:
    theirs = pytest.importorskip("gsplat.cuda._torch_impl")
    directions = torch.randn(50, 3, dtype=torch.float64)
    directions /= directions.norm(dim=1, keepdim=True)
    torch.testing.assert_close(
        sh_basis(directions, 3), theirs._eval_sh_bases_fast(16, directions), atol=1e-9, rtol=0
    )


def test_the_projection_is_gsplats() -> None:
    """Centres, conics and visibility, far beside the image too; theirs counts from the corner."""
    theirs = pytest.importorskip("gsplat.cuda._torch_impl")
    splats = random_splats(400, 0, seed=6, opacity_logit=20.0)  # theirs knows no opacities
    splats.means[:, :2] *= 3
    raw = raw_tensors(splats, "cpu", torch.float64)
    gaussians, camera = activate(raw), SPLAT_CAMERA
    viewmat = torch.from_numpy(invert_pose(splat_pose()))
    radii = drawn_radii(gaussians, viewmat, camera)
    K = torch.from_numpy(camera.K).clone()
    K[:2, 2] += 0.5
    covars = theirs._quat_scale_to_covar_preci(gaussians.wxyz, gaussians.scales, True, False)[0]
    wanted_radii, means2d, depths, conics, _ = theirs._fully_fused_projection(
        gaussians.means, covars, viewmat[None], K[None], camera.width, camera.height
    )
    drawn = radii.any(1)
    assert 50 < drawn.sum() < 350
    theirs_drawn = wanted_radii[0].any(-1)
    assert not (drawn & ~theirs_drawn).any()
    assert (theirs_drawn & ~drawn).double().mean() < 0.05  # their boxes are rounded up
    wanted_px = wanted_radii[0, drawn].double()
    assert (radii[drawn] <= wanted_px).all()
    assert (radii[drawn] > 0.99 * (wanted_px - 1)).all()
    ours = project(gaussians.select(drawn.nonzero()[:, 0]), viewmat, camera)
    torch.testing.assert_close(ours.means2d + 0.5, means2d[0, drawn])
    torch.testing.assert_close(ours.depth_m, depths[0, drawn])
    torch.testing.assert_close(ours.conics, conics[0, drawn])


def test_memory_is_enough_for_a_usual_image() -> None:
    splats = random_splats(20000, 0, seed=7)
    camera = Camera.from_focal(280, 280, 159.5, 119.5, 320, 240)
    small = type(splats)(
        **{**vars(splats), "log_scales": splats.log_scales - np.float32(np.log(8))}
    )
    image = ReferenceRasterizer().render(small.activated(), camera, splat_pose())
    assert image.alpha.mean() > 0.2
