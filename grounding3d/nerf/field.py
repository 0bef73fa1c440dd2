"""The learned fields: density and colour of places, and the language that lies on them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from grounding3d.nerf.hash_grid import HashGrid

_SCALE_RANGE_M = (0.02, 4.0)
"""Sizes of what a crop shows; their logarithm is mapped to [0, 1]."""

_SCALE_WAVES = 3

_FIRST_LEVELS = 3  # of the grid, open from the start


class GridEncoding(nn.Module):
    """A hash grid: tiny-cuda-nn's where it is asked for, else this package's.

    Args:
        settings: arguments of `HashGrid`.
        implementation: "tcnn" or "torch".
    """

    def __init__(self, settings: dict[str, Any], implementation: str) -> None:
        super().__init__()
        if implementation == "tcnn":
            from nerfstudio.field_components.encodings import HashEncoding

            self.grid: nn.Module = HashEncoding(
                num_levels=settings["levels"],
                min_res=settings["coarsest"],
                max_res=settings["finest"],
                log2_hashmap_size=settings["log2_size"],
                features_per_level=settings["features"],
                implementation="tcnn",
            )
        else:
            self.grid = HashGrid(**settings)
        self.out_dim = settings["levels"] * settings["features"]

    def forward(self, points: Tensor) -> Tensor:
        """[N, L F] float32 features of points [N,3] in the unit cube."""
        return self.grid(points).float()


class RadianceField(nn.Module):
    """Density and colour, with the viewing direction in the colour (Instant NGP's layout).

    Args:
        settings: arguments of `HashGrid`.
        implementation: "tcnn" or "torch".
        hidden: width of the hidden layers.
        density_scale: density at a network output of zero, per unit of nerfstudio's world.
    """

    GEOMETRY = 15

    def __init__(
        self, settings: dict[str, Any], implementation: str, hidden: int, density_scale: float
    ) -> None:
        super().__init__()
        from nerfstudio.field_components.encodings import SHEncoding

        self.density_scale = density_scale
        self.encoding = GridEncoding(settings, implementation)
        self.trunk = nn.Sequential(
            nn.Linear(self.encoding.out_dim, hidden), nn.ReLU(), nn.Linear(hidden, 16)
        )
        self.direction = SHEncoding(levels=4, implementation="torch")
        n_direction = self.direction.get_out_dim()
        self.colour_place = nn.Linear(self.GEOMETRY, hidden)
        self.colour_direction = nn.Linear(n_direction, hidden, bias=False)
        self.colour = nn.Sequential(
            nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3), nn.Sigmoid()
        )
        self.backdrop = nn.Sequential(
            nn.Linear(n_direction, 16), nn.ReLU(), nn.Linear(16, 3), nn.Sigmoid()
        )

    def density(self, points: Tensor, opened: float = 1.0) -> tuple[Tensor, Tensor]:
        """Density [N] and geometry features [N,15] at points [N,3] of the unit cube.

        Args:
            opened: share of the grid's levels that count, coarse ones first; what is not seen by
                many views alike must first fail to fit on a coarse grid (Li et al. 2023,
                Neuralangelo, section 3.3).
        """
        features = self.encoding(points)
        if opened < 1:
            levels = features.shape[1] // 4
            level = torch.arange(levels, device=features.device)
            window = (_FIRST_LEVELS + opened * (levels - _FIRST_LEVELS) - level).clamp(0, 1)
            features = features * window.repeat_interleave(4)
        out = self.trunk(features)
        return torch.exp(out[:, 0].clamp(-12, 12)) * self.density_scale, out[:, 1:]

    def colours(self, geometry: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Colours of samples and of what lies behind them.

        Args:
            geometry: [R,S,15] features of `density`.
            directions: [R,3] unit viewing directions.

        Returns:
            [R,S,3] of the samples and [R,3] of the backdrop, in [0, 1].
        """
        around = self.direction(directions)
        hidden = self.colour_place(geometry) + self.colour_direction(around)[:, None]
        return self.colour(hidden), self.backdrop(around)


class LanguageField(nn.Module):
    """Language features of places, for the size of what is looked at (LERF, section 3.1).

    Grid features are rendered along the ray first and decoded once per ray: with the weights of a
    surface, all in one place, that equals decoding every sample, at a tenth of the work.

    Args:
        settings: arguments of `HashGrid`.
        implementation: "tcnn" or "torch".
        dim: D of the encoder.
        hidden: width of the hidden layers.
        regulariser_dim: C of features that the grid must carry too, 0 without.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        implementation: str,
        dim: int,
        hidden: int,
        regulariser_dim: int = 0,
    ) -> None:
        super().__init__()
        self.encoding = GridEncoding(settings, implementation)
        n_in = self.encoding.out_dim + 1 + 2 * _SCALE_WAVES
        self.decoder = nn.Sequential(
            nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, dim),
        )  # fmt: skip

        self.regulariser: nn.Module | None = None
        if regulariser_dim:
            self.regulariser = nn.Sequential(
                nn.Linear(self.encoding.out_dim, hidden), nn.ReLU(),
                nn.Linear(hidden, regulariser_dim),
            )  # fmt: skip

    def start_from(self, mean: Tensor) -> None:
        """Let every place say the same at first: household scenes differ little from their mean."""
        last = self.decoder[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.bias.copy_(mean)

    def rendered(self, points: Tensor, weights: Tensor) -> Tensor:
        """[R,F] grid features of rays: of points [R,S,3] in the unit cube, by weights [R,S].

        Language must not bend the geometry, so the weights are detached here.
        """
        weights = weights.detach()
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)
        features = self.encoding(points.detach().reshape(-1, 3))
        return (features.reshape(*weights.shape, -1) * weights[..., None]).sum(dim=1)

    def decoded(self, features: Tensor, scale_m: Tensor) -> Tensor:
        """[R,D] vectors for rendered features [R,F] and widths [R] in metres.

        Their length says how much the views agreed: about 1 where all crops meant the same.
        """
        low, high = (math.log(value) for value in _SCALE_RANGE_M)
        share = ((scale_m.clamp(min=1e-4).log() - low) / (high - low)).clamp(0, 1)[:, None]
        waves = [share * math.pi * 2**k for k in range(_SCALE_WAVES)]
        code = torch.cat([share, *map(torch.sin, waves), *map(torch.cos, waves)], dim=1)
        return self.decoder(torch.cat([features, code], dim=1))
