"""Frames to a video that every player opens, or to numbered PNGs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from grounding3d.errors import SceneError
from grounding3d.extras import require
from grounding3d.interfaces.renders.files import picture_folder, written_aside

_QUALITY = {"crf": "18", "preset": "medium"}
_BT709 = 1  # the code of the colour space in H.264 and in ffmpeg


class FrameSink(Protocol):
    """Takes pictures [H,W,3] uint8 of one size."""

    def add(self, rgb: np.ndarray) -> None: ...


@contextmanager
def mp4(path: Path, fps: int) -> Iterator[FrameSink]:
    """Yield a sink that encodes H.264 in 4:2:0, with the index in front; written aside.

    Pictures of odd width or height lose their last column or row.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    av = require("av", purpose="a video")
    if path.suffix.lower() != ".mp4":
        raise SceneError(f"cannot write a video to {path}", expected="a name ending in .mp4")
    with written_aside(path) as aside:
        sink = _Mp4(av, aside, fps)
        try:
            yield sink
        finally:
            sink.close()


class _Mp4:
    def __init__(self, av: Any, path: Path, fps: int) -> None:
        self._av = av
        self._container = av.open(str(path), "w", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=fps, options=_QUALITY)
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._started = False

    def add(self, rgb: np.ndarray) -> None:
        height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
        if not self._started:
            self._stream.width, self._stream.height = width, height
            self._started = True
        picture = np.ascontiguousarray(rgb[:height, :width])
        frame = self._av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._started:
            self._container.mux(self._stream.encode(None))
        self._container.close()


@contextmanager
def numbered_pngs(folder: Path, fps: int) -> Iterator[FrameSink]:
    """Yield a sink that writes frame_00000.png and so on; the folder appears at the end."""
    with picture_folder(folder, {"kind": "frames", "fps": fps}) as aside:
        yield _Pngs(aside)


class _Pngs:
    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def add(self, rgb: np.ndarray) -> None:
        Image.fromarray(rgb).save(self._folder / f"frame_{self._count:05d}.png")
        self._count += 1
