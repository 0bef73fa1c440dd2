"""What new frames change of Gaussians in training: new surfaces come, none comes twice."""

from __future__ import annotations

import numpy as np
from training import builder_of, frames

from grounding3d.scene.splat.growth import growth
from grounding3d.scene.splat.strategy import take

VOXEL_M = 0.01


def wall(width: int, height: int = 12) -> np.ndarray:
    """[n,3] surfels on a plane, a voxel apart."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1) * VOXEL_M


def test_new_surfaces_come_in_and_known_ones_do_not() -> None:
    before, now = wall(10), wall(14)
    change = growth(before + 0.3 * VOXEL_M, before, now, VOXEL_M)
    assert len(change.keep) == len(before)
    assert {tuple(p) for p in now[change.fresh]} == {tuple(p) for p in now if p[0] > 0.095}


def test_gaussians_go_with_their_surfels() -> None:
    before, now = wall(14), wall(10)
    change = growth(before, before, now, VOXEL_M)
    np.testing.assert_array_equal(before[change.keep], before[before[:, 0] < 0.095])
    assert len(change.fresh) == 0


def test_surfels_that_come_and_go_do_not_pile_gaussians_up() -> None:
    rng = np.random.default_rng(0)
    surfels = wall(40)
    flickering = rng.random(len(surfels)) < 0.3
    trained, before = surfels, surfels
    for _ in range(40):
        # training moves some nearer to their neighbours' surfels than to their own
        trained = trained + rng.normal(size=trained.shape) * (0.15, 0.15, 0) * VOXEL_M
        now = surfels[~flickering | (rng.random(len(surfels)) < 0.5)]
        change = growth(trained, before, now, VOXEL_M)
        trained, before = np.concatenate([trained[change.keep], now[change.fresh]]), now
    assert 0.7 * len(surfels) < len(trained) < 1.05 * len(surfels)


def test_the_bound_on_growth_does_not_rise_while_surfels_come_and_go() -> None:
    trainer = builder_of(frames()[:4])._sync()
    n = len(trainer.anchor)
    sown = trainer.sown
    for _ in range(30):
        going = np.arange(n // 10)
        back = take(trainer.engine.parameters(), going)
        trainer.add(back, trainer.anchor[going], np.arange(n // 10, n), surfels=n)
    assert len(trainer.anchor) == n
    assert 0.9 * sown < trainer.sown < 1.1 * sown
