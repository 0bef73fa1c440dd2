"""Adam in torch that touches only the Gaussians that were drawn."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from grounding3d.scene.splat.engine import ADAM_BETAS, ADAM_EPSILON, LearningRates


class LazyAdam:
    """Moments of every raw parameter, and each Gaussian's own number of steps (Kingma, Ba 2015).

    Args:
        raw: the parameters by name, each [N,...].

    Attributes:
        first, second: moments by the parameters' names.
        steps: [N] int64.
    """

    def __init__(self, raw: dict[str, Tensor]) -> None:
        self.first = {name: torch.zeros_like(value) for name, value in raw.items()}
        self.second = {name: torch.zeros_like(value) for name, value in raw.items()}
        means = raw["means"]
        self.steps = torch.zeros(len(means), dtype=torch.int64, device=means.device)

    @torch.no_grad()
    def update(
        self,
        raw: dict[str, Tensor],
        gradients: dict[str, Tensor],
        rows: Tensor,
        rates: LearningRates,
        sh_rest: int,
    ) -> None:
        """One step, in place, of some rows.

        Args:
            rows: indices of the Gaussians that were drawn.
            sh_rest: how many of the higher spherical-harmonic coefficients are in use.
        """
        self.steps[rows] += 1
        steps = self.steps[rows].to(torch.float64)
        low, high = ADAM_BETAS
        for name, rate in asdict(rates).items():
            if rate == 0:  # frozen, its moments too
                continue
            used = slice(sh_rest) if name == "shN" else slice(None)
            columns = (rows, used) if name == "shN" else (rows,)
            gradient = gradients[name][columns]
            first = low * self.first[name][columns] + (1 - low) * gradient
            second = high * self.second[name][columns] + (1 - high) * gradient.square()
            self.first[name][columns], self.second[name][columns] = first, second
            shape = (-1,) + (1,) * (gradient.ndim - 1)
            mean = first / (1 - low**steps).to(first).reshape(shape)
            square = second / (1 - high**steps).to(first).reshape(shape)
            raw[name][columns] -= rate * mean / (square.sqrt() + ADAM_EPSILON)

    def keep(self, rows: Tensor, added: int) -> None:
        """Keep rows, in this order, and append untouched ones."""
        for moments in (self.first, self.second):
            for name, value in moments.items():
                zeros = value.new_zeros(added, *value.shape[1:])
                moments[name] = torch.cat([value[rows], zeros])
        self.steps = torch.cat([self.steps[rows], self.steps.new_zeros(added)])

    def forget(self, name: str) -> None:
        """Zero the moments of one kind of parameter."""
        self.first[name].zero_()
        self.second[name].zero_()
