"""Laws of samples along rays."""

from __future__ import annotations

import math

import torch

from grounding3d.nerf import sampling
from grounding3d.nerf.losses import depth_terms


def even(near: float = 1.0, far: float = 3.0, count: int = 200) -> torch.Tensor:
    return sampling.bins(torch.tensor([near]), torch.tensor([far]), count, jitter=False)


def slab(edges: torch.Tensor, at: float, density: float = 500.0) -> torch.Tensor:
    """Weights of an opaque medium that begins at a distance."""
    return sampling.weights_of((sampling.middles(edges) > at).float() * density, edges)


def test_constant_density_absorbs_as_beers_law_says() -> None:
    edges = even()
    passed = 1 - sampling.weights_of(torch.full((1, 200), 0.7), edges).sum()
    assert math.isclose(float(passed), math.exp(-0.7 * 2.0), rel_tol=1e-4)


def test_the_depth_of_an_opaque_surface_is_where_it_begins() -> None:
    edges = even()
    weights = slab(edges, 2.0)
    median, spread = sampling.median_and_spread(weights, edges)
    assert abs(float(median) - 2.0) < 0.01
    assert abs(float(sampling.mean_distance(weights, edges)) - 2.0) < 0.01
    assert float(spread) < 0.02


def test_spread_is_a_bell_curves_deviation_and_an_edges_gap() -> None:
    edges = even()
    bell = torch.exp(-0.5 * ((sampling.middles(edges) - 2.0) / 0.1) ** 2)
    median, spread = sampling.median_and_spread(bell / bell.sum(), edges)
    assert abs(float(median) - 2.0) < 0.005
    assert abs(float(spread) - 0.1) < 0.005
    _, gap = sampling.median_and_spread(0.5 * slab(edges, 1.2) + 0.5 * slab(edges, 2.8), edges)
    assert abs(float(gap) - 0.8) < 0.02
    _, hazy = sampling.median_and_spread(0.9 * slab(edges, 1.2) + 0.1 * slab(edges, 2.8), edges)
    assert float(hazy) < 0.02


def test_resampling_gathers_at_the_surface() -> None:
    edges = even()
    finer = sampling.resample(edges, slab(edges, 2.0), 32, jitter=False, floor=0.01)
    assert (finer[:, 1:] >= finer[:, :-1]).all()
    assert ((finer - 2.0).abs() < 0.05).float().mean() > 0.9


def test_distortion_equals_its_double_sum() -> None:
    torch.manual_seed(0)
    edges = torch.sort(torch.rand(4, 13), dim=1).values
    weights = torch.rand(4, 12) / 12
    near, far = torch.zeros(4), torch.ones(4)
    t, width = sampling.middles(edges), edges[:, 1:] - edges[:, :-1]
    pairs = weights[:, :, None] * weights[:, None] * (t[:, :, None] - t[:, None]).abs()
    expected = pairs.sum(dim=(1, 2)) + (weights**2 * width).sum(dim=1) / 3
    torch.testing.assert_close(sampling.distortion(weights, edges, near, far), expected)


def test_a_proposal_that_covers_the_field_costs_nothing() -> None:
    edges = even(count=60)
    inner = sampling.bins(torch.tensor([1.0]), torch.tensor([3.0]), 20, jitter=False)
    coarse = slab(edges, 2.0).reshape(1, 20, 3).sum(dim=2)
    fine = slab(edges, 2.0)
    assert float(sampling.histogram_excess(edges, fine, inner, coarse)) < 1e-6
    assert float(sampling.histogram_excess(edges, slab(edges, 1.5), inner, coarse)) > 0.1


def test_rays_enter_and_leave_the_box() -> None:
    box = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])
    origins = torch.tensor([[-3.0, 0, 0], [0.0, 0, 0], [-3.0, 5, 0]])
    directions = torch.tensor([[1.0, 0, 0]]).expand(3, -1)
    near, far = sampling.box_range(origins, directions, box, 0.05)
    torch.testing.assert_close(near[:2], torch.tensor([2.0, 0.05]))
    torch.testing.assert_close(far[:2], torch.tensor([4.0, 1.0]))
    assert far[2] - near[2] < 0.01


def test_depth_terms_vanish_at_the_right_depth_and_pull_from_a_wrong_one() -> None:
    edges = even()
    weights = slab(edges, 2.0)
    mean = sampling.mean_distance(weights, edges)
    right = depth_terms(weights, edges, mean, torch.tensor([2.0]), 0.05)
    wrong = depth_terms(weights, edges, mean, torch.tensor([2.5]), 0.05)
    assert max(right.distance, right.empty, right.near) < 0.1
    assert wrong.distance > 5
    assert min(wrong.empty, wrong.near) > 0.9


def test_rays_without_measured_depth_carry_no_loss() -> None:
    edges = even()
    weights = slab(edges, 2.0).requires_grad_(True)
    terms = depth_terms(weights, edges, torch.tensor([2.0]), torch.tensor([0.0]), 0.05)
    total = terms.distance + terms.empty + terms.near
    total.backward()
    assert float(total) == 0
    assert float(weights.grad.abs().sum()) == 0


def test_a_surface_beyond_the_seen_space_asks_for_emptiness_alone() -> None:
    edges = even(1.0, 3.0)
    weights = slab(edges, 2.0)
    terms = depth_terms(weights, edges, torch.tensor([2.0]), torch.tensor([9.0]), 0.05)
    assert float(terms.empty) > 0.9
    assert float(terms.near) == float(terms.distance) == 0
