"""What parts things from their neighbours: features of a tower trained without text.

LERF (section 3.3) lets the grid that carries language also reproduce DINO's features, whose edges
follow things; here any affinity source of the package does, and it is off by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from grounding3d.capture.files import read_rgb
from grounding3d.features.affinity import AffinitySource


class AffinityMaps:
    """Unit features of images, looked up by image and place.

    Args:
        source: gives a map of each image.
        images: files of full-size images; their maps are kept in half precision.
    """

    def __init__(self, source: AffinitySource, images: Sequence[Path]) -> None:
        maps = [torch.from_numpy(source.features(read_rgb(path))).half() for path in images]
        self.dim = int(maps[0].shape[2])
        self._sizes = torch.tensor([grid.shape[:2] for grid in maps])
        counts = self._sizes.prod(dim=1)
        self._starts = torch.cumsum(counts, 0) - counts
        self._features = torch.cat([grid.reshape(-1, self.dim) for grid in maps])

    def look_up(self, slot: Tensor, across: Tensor, down: Tensor) -> Tensor:
        """[n,C] features of places.

        Args:
            slot: [n] positions among the images.
            across, down: [n] shares of the image's width and height, 0 to 1.
        """
        rows, columns = self._sizes[slot].unbind(1)
        row = torch.minimum((down * rows).long().clamp(min=0), rows - 1)
        column = torch.minimum((across * columns).long().clamp(min=0), columns - 1)
        return self._features[self._starts[slot] + row * columns + column].float()
