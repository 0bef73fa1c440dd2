"""Feature maps out of image towers that were trained to give one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def dense_map(visual: Any, batch: torch.Tensor) -> torch.Tensor | None:
    """[h,w,D] projected features of a batch of one image, or None for an unknown tower.

    Each place of the tower's last feature map goes alone through the tower's own pooling and
    projection, so that it lands in the space of whole images (as MaskCLIP does, Zhou et al. 2022).
    """
    if hasattr(visual, "trunk"):
        return _timm_map(visual, batch)
    if hasattr(visual, "ln_post") and hasattr(visual, "forward_intermediates"):
        return _vit_map(visual, batch)
    return None


def _timm_map(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    features = visual.trunk.forward_features(batch)
    if features.ndim == 4:
        _, _, h, w = features.shape
        places = features[0].flatten(1).T[:, :, None, None]
    else:
        n_prefix = getattr(visual.trunk, "num_prefix_tokens", 0)
        tokens = features[0, n_prefix:]
        h = w = round(len(tokens) ** 0.5)
        # the place stands in for the class token too, whichever the pooling looks at
        places = tokens[:, None].expand(-1, n_prefix + 1, -1)
    return visual.head(visual.trunk.forward_head(places)).reshape(h, w, -1)


def _vit_map(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    found = visual.forward_intermediates(
        batch, indices=1, normalize_intermediates=True, intermediates_only=True
    )
    grid = found["image_intermediates"][-1][0].permute(1, 2, 0)
    return grid if visual.proj is None else grid @ visual.proj
