"""Recordings of posed RGB-D frames: one file per format, all ending in `RGBDFrame`."""

from __future__ import annotations

from grounding3d.capture.base import Capture, CaptureConfig, IndexedCapture, RGBDFrame
from grounding3d.capture.formats import FORMATS, open_capture

__all__ = ["FORMATS", "Capture", "CaptureConfig", "IndexedCapture", "RGBDFrame", "open_capture"]
