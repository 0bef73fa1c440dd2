"""Looking at frames: masks, their language, the surface under them. All of it without the map.

What a frame shows depends on that frame alone, so several are looked at side by side, on as many
threads, and what was seen comes back in the order of the frames: the map is the same as with one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Encoder, FeatureCells, MaskSource
from grounding3d.features.crops import encode_masks
from grounding3d.features.dense_sources import make_dense_source
from grounding3d.features.masks import make_mask_source
from grounding3d.fusion.base import Segment
from grounding3d.fusion.evidence import attach_crops
from grounding3d.fusion.lifting import lift_masks
from grounding3d.live.config import Config


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen in a frame.

    Attributes:
        frame: that frame.
        keyframe: its index among the keyframes.
        segments: things and supports in the world.
        cells: language of each cell of the image, where a dense source is configured.
    """

    frame: RGBDFrame
    keyframe: int
    segments: list[Segment]
    cells: FeatureCells | None


class Looker:
    """Turns frames into sights; may be called from several threads.

    Mask sources and encoders need not allow that: of each, one call runs at a time, so that one
    frame is segmented while another is encoded.
    """

    def __init__(self, config: Config, encoder: Encoder) -> None:
        self._fusion, self._encoder = config.fusion, encoder
        self._mask_source: MaskSource = make_mask_source(config.masks)
        self._dense = make_dense_source(config.dense, config.device)
        self._segmenting, self._encoding = threading.Lock(), threading.Lock()

    def look(self, frame: RGBDFrame, keyframe: int, up_world: np.ndarray | None) -> Sight:
        """Segment, encode and lift one frame."""
        with self._segmenting:
            masks = self._mask_source.masks(frame, up_world)
        with self._encoding:
            vectors = encode_masks(self._encoder, frame.rgb, masks)
            cells = self._dense.cells(self._encoder, frame, masks, vectors) if self._dense else None
        segments = lift_masks(frame, masks, vectors, keyframe, self._fusion)
        return Sight(frame, keyframe, attach_crops(segments, frame, masks), cells)


class Lookout:
    """Looks under way on other threads, in the order they were begun.

    Args:
        threads: that look.
        on_done: called, on one of those threads, whenever a look has ended.
    """

    def __init__(self, threads: int, on_done: Callable[[], None] | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="look")
        self._on_done = on_done
        self._under_way: deque[Future[Sight]] = deque()

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, look: Callable[[], Sight]) -> None:
        """Have a frame looked at."""
        future = self._pool.submit(look)
        self._under_way.append(future)
        if self._on_done is not None:
            report = self._on_done
            future.add_done_callback(lambda _: report())

    def oldest(self, wait: bool) -> Sight | None:
        """What the look begun first has seen; None where there is none, or not yet.

        Raises:
            GroundingError: what went wrong with it; the next one may be asked for.
        """
        if not self._under_way or not (wait or self._under_way[0].done()):
            return None
        return self._under_way.popleft().result()
