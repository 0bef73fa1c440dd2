"""What lies in what: an apple in a bowl, a can in an open box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.objects.extent import height_range
from grounding3d.objects.support import Carrier

_SUNK_M = 0.01  # a thing's lower face lies at least this far below the container's rim
_SUNK_SHARE = 0.15  # or this share of the container's height, whichever is more
_TOLERANCE_M = 0.02  # of the container's lower face
_SECTORS = 8  # of directions around the thing's middle
_WALLED = 5  # sectors in which the container rises beside it; a laptop's screen fills three
_INNER_SHARE = 0.9  # a thing's footprint must be smaller than its container's


def container_of(
    item: Carrier, carriers: Sequence[Carrier], up_world: np.ndarray
) -> tuple[Carrier, float | None] | None:
    """What an item lies in, and the height of the container's inside under it, None if unseen.

    The centre is over the container's footprint, the lower face is above the container's and well
    below its rim, and the container's walls were observed around it: a cup beside a laptop's
    screen, or under a chair, is in the box of the other but not in the thing. Of several
    containers the smallest counts.
    """
    found = [c for c in carriers if c.id != item.id and _contains(c, item, up_world)]
    if not found:
        return None
    best = min(found, key=lambda c: (c.box.volume, c.id))
    return best, _floor(best, item, up_world)


def _contains(container: Carrier, item: Carrier, up: np.ndarray) -> bool:
    if container.kind != "object" or not len(container.points):
        return False
    local = (item.box.center - container.box.center) @ container.box.R
    if (np.abs(local[:2]) > container.box.size[:2] / 2).any():
        return False
    if np.prod(item.box.size[:2]) > _INNER_SHARE * np.prod(container.box.size[:2]):
        return False
    (low, rim), bottom = height_range(container.box, up), height_range(item.box, up)[0]
    sunk = max(_SUNK_M, _SUNK_SHARE * (rim - low))
    if not low - _TOLERANCE_M <= bottom <= rim - sunk:
        return False
    return _walls(container, item, up, bottom + sunk / 2) >= _WALLED


def _walls(container: Carrier, item: Carrier, up: np.ndarray, height: float) -> int:
    """Number of sectors around the item's middle in which the container rises above a height."""
    offset = container.points[container.points @ up > height] - item.box.center
    # the item's first two axes span the level plane
    flat = offset @ item.box.R[:, :2]
    angle = np.arctan2(flat[:, 1], flat[:, 0])
    sector = np.floor((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    return len(np.unique(sector))


def _floor(container: Carrier, item: Carrier, up: np.ndarray) -> float | None:
    """Height of what was seen of the container under the item."""
    local = (container.points - item.box.center) @ item.box.R
    under = (np.abs(local[:, :2]) <= item.box.size[:2] / 2).all(axis=1) & (local[:, 2] < 0)
    if under.sum() < 5:
        return None
    return float(np.median(container.points[under] @ up))
