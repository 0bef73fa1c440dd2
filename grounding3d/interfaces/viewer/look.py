"""What one browser has switched on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.interfaces.viewer.cloud import Style
from grounding3d.interfaces.viewer.detail import DEFAULT_BUDGET
from grounding3d.interfaces.viewer.paint import Surface


@dataclass
class Look:
    """The layers of one browser.

    Attributes:
        style: splats or points.
        surface: what the Gaussians' colours mean.
        relevancy: whether questions are painted over them.
        boxes, labels, cameras, ground: what is drawn beside them.
        point_size_m: edge of a point, metres.
        budget: most Gaussians to send.
        clip: corners [3], [3] of the box to look into, None for everything.
        dark: dark theme.
    """

    style: Style = "splats"
    surface: Surface = "colour"
    relevancy: bool = True
    boxes: bool = True
    labels: bool = True
    cameras: bool = False
    ground: bool = True
    point_size_m: float = 0.008
    budget: int = DEFAULT_BUDGET
    clip: tuple[np.ndarray, np.ndarray] | None = None
    dark: bool = False

    def keep(self, means: np.ndarray) -> np.ndarray | None:
        """[N] bool which points [N,3] lie in the clipping box, None where there is none."""
        if self.clip is None:
            return None
        low, high = self.clip
        return np.asarray(((means >= low) & (means <= high)).all(axis=1))
