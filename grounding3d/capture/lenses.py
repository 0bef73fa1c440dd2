"""Intrinsics and distortion of image files, and whether they can be those of the images."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from grounding3d.capture.files import image_size
from grounding3d.capture.plausibility import intrinsics_doubt
from grounding3d.errors import ArrayError, CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.distortion import Undistorter

_log = logging.getLogger(__name__)

_SAMPLES = 9  # images that tell the size of all, and lenses that are doubted
_MOST_TABLES = 8  # per-frame intrinsics must not fill the memory


@dataclass(frozen=True)
class Lens:
    """Intrinsics of one image: fx, fy, cx, cy in pixels (centres at integers) and distortion.

    `size` is the (width, height) that they hold for; None where the recording does not say it.
    """

    intrinsics: tuple[float, float, float, float]
    model: str = "none"
    coefficients: tuple[float, ...] = ()
    size: tuple[int, int] | None = None

    def undistorter(self, width: int, height: int) -> Undistorter:
        """Tables for images of this size."""
        K = Camera.from_focal(*self.intrinsics, width, height).K
        return Undistorter(K, self.model, self.coefficients, width, height)


class Lenses:
    """The lenses of a recording, with their tables.

    Args:
        source: the recording.
        images: the colour images of each lens.

    Attributes:
        doubts: what a user should know of lenses that can hardly be those of their images.

    Raises:
        CaptureError: intrinsics that are of no use.
    """

    def __init__(self, source: Path, images: Mapping[Lens, Sequence[Path]]) -> None:
        self._source, self._images = source, images
        self._sizes: dict[Lens, tuple[int, int]] = {}
        self._tables: dict[tuple[Lens, int, int], Undistorter] = {}
        for lens in images:
            try:
                Camera.from_focal(*lens.intrinsics, 1, 1)
            except ArrayError as error:
                raise self._useless(error) from error
        self.doubts = self._doubts()

    def check_size(self, lens: Lens, file: Path, rgb: np.ndarray) -> None:
        """Intrinsics in pixels hold for one size of image.

        Raises:
            CaptureError: the colour image of a file is of another size.
        """
        height, width = rgb.shape[:2]
        if lens not in self._sizes:
            self._sizes[lens] = lens.size or self._usual_size(lens) or (width, height)
        wanted = self._sizes[lens]
        if wanted != (width, height):
            raise CaptureError(
                f"{file} does not fit its intrinsics",
                expected=f"{wanted[0]}x{wanted[1]} pixels"
                + ("" if lens.size else ", as the other images with the same intrinsics"),
                found=f"{width}x{height}",
                hint="Use the images that the intrinsics were made for.",
            )

    def undistorter(self, lens: Lens, image: np.ndarray) -> Undistorter:
        """Tables of a lens for images of this size."""
        height, width = image.shape[:2]
        key = (lens, width, height)
        if key not in self._tables:
            if len(self._tables) > _MOST_TABLES:
                self._tables.clear()
            try:
                self._tables[key] = lens.undistorter(width, height)
            except ArrayError as error:
                raise self._useless(error) from error
        return self._tables[key]

    def _doubts(self) -> tuple[str, ...]:
        """A warning of the first lens that can hardly be that of its images."""
        for lens in islice(self._images, _SAMPLES):
            size = lens.size or self._usual_size(lens)
            if size and (doubt := intrinsics_doubt(Camera.from_focal(*lens.intrinsics, *size))):
                _log.warning("%s: %s", self._source, doubt)
                return (doubt,)
        return ()

    def _usual_size(self, lens: Lens) -> tuple[int, int] | None:
        """Size of most images of a lens, by some of them; None if none can be read."""
        files = self._images[lens]
        sizes: Counter[tuple[int, int]] = Counter()
        for file in files[:: len(files) // _SAMPLES + 1]:
            with suppress(CaptureError):  # reading it will tell
                sizes[image_size(file)] += 1
        return sizes.most_common(1)[0][0] if sizes else None

    def _useless(self, error: ArrayError) -> CaptureError:
        return CaptureError(f"the intrinsics of {self._source} are of no use: {error}")
