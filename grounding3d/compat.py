"""Work-arounds for other packages' known faults, each with the condition under which it may go."""

from __future__ import annotations

import logging
from typing import Any

_log = logging.getLogger(__name__)

_kept: list[Any] = []  # a torch Library lives only as long as its object


def prepare_torchvision() -> None:
    """Let a CUDA build of torchvision import beside a CPU build of torch.

    PyPI's torchvision registers fake kernels for two C++ operators that its extension cannot
    load without CUDA ("operator torchvision::nms does not exist"). Declaring their schemas first
    is enough for the image transforms that open_clip uses. Goes when torchvision guards those
    registrations.
    """
    import torch

    if _kept or torch.cuda.is_available():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        try:
            library.define(schema)
        except RuntimeError:  # a matching torchvision build has defined it already
            _log.debug("torchvision::%s is already defined", name)
    _kept.append(library)
