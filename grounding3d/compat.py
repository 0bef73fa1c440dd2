"""Work-arounds for other packages' known faults, each with the condition under which it may go."""

from __future__ import annotations

import logging
import sys
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


def provide_nms(module: Any) -> None:
    """Give `module` a `batched_nms` that works where torchvision's operators are missing.

    The same mismatched build as above has no kernel for it. Goes with `prepare_torchvision`.
    """
    from torchvision import extension

    if not extension._has_ops():
        module.batched_nms = _batched_nms


def _batched_nms(boxes: Any, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """Indices of boxes [n,4] (x0, y0, x1, y1) that no better box of their class overlaps."""
    import torch

    x0, y0, x1, y1 = boxes.float().unbind(1)
    area = (x1 - x0) * (y1 - y0)
    order, kept = scores.argsort(descending=True, stable=True), []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        w = (torch.minimum(x1[best], x1[order]) - torch.maximum(x0[best], x0[order])).clamp(min=0)
        h = (torch.minimum(y1[best], y1[order]) - torch.maximum(y0[best], y0[order])).clamp(min=0)
        iou = w * h / (area[best] + area[order] - w * h).clamp(min=1e-9)
        order = order[(iou <= iou_threshold) | (idxs[order] != idxs[best])]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64, device=boxes.device)


class _TorchvisionWatch:
    """A meta-path finder that finds nothing, but prepares torchvision before others find it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)  # type: ignore[arg-type]
            prepare_torchvision()


def prepare_torchvision_on_import() -> None:
    """Call `prepare_torchvision` when a program that is not ours imports torchvision.

    Costs nothing until then; `grounding3d nerf-setup` has it called at the start of nerfstudio's
    commands where their torchvision would not import. Goes with `prepare_torchvision`.
    """
    sys.meta_path.insert(0, _TorchvisionWatch())  # type: ignore[arg-type]
