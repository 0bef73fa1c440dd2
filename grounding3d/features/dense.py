"""Feature maps out of image towers that were trained to give one vector.

A ViT's last attention mixes all places into the class token; its value path alone, where every
token attends to itself, keeps each place in the space of whole images (MaskCLIP, Zhou et al. 2022,
section 3.2). The same is done to SigLIP's attention-pool head and CLIP's ResNets. Convolutional and
window towers give their last feature map, each place alone through pooling and projection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_MAX_ASPECT = 4.0
"""Images longer than this are squeezed, lest one row of pixels fill the memory."""

_STRIDE = 32
"""Pixels of the input for one place of the last map of towers in stages."""


def dense_size(
    visual: Any, trained: tuple[int, int], image: tuple[int, ...], scale: float
) -> tuple[int, int]:
    """Height and width that an image is resized to for a dense pass.

    The shorter side is `scale` times what the tower was trained at, the image's aspect is kept,
    both sides are whole numbers of patches. Towers with positions that cannot be interpolated keep
    their own size.
    """
    if not _is_resizable(visual):
        return trained
    stride_h, stride_w = _stride(visual)
    aspect = min(max(image[1] / image[0], 1 / _MAX_ASPECT), _MAX_ASPECT)
    short = max(scale, 0.0) * min(trained)
    height, width = (short, short * aspect) if aspect >= 1 else (short / aspect, short)
    rows, columns = max(round(height / stride_h), 1), max(round(width / stride_w), 1)
    return rows * stride_h, columns * stride_w


def dense_map(visual: Any, batch: torch.Tensor) -> torch.Tensor | None:
    """[h,w,D] projected features of a batch of one image, or None for an unknown tower."""
    trunk = getattr(visual, "trunk", None)
    if trunk is not None:
        return None if hasattr(visual.head, "pool") else _timm_map(visual, batch)
    if hasattr(visual, "attnpool"):
        return _resnet_map(visual, batch)
    if hasattr(visual, "ln_post"):
        return _vit_map(visual, batch)
    return None


def _is_resizable(visual: Any) -> bool:
    trunk = getattr(visual, "trunk", None)
    if trunk is None:
        return hasattr(visual, "attnpool") or hasattr(visual, "positional_embedding")
    return not hasattr(trunk, "patch_embed") or hasattr(trunk, "dynamic_img_size")


def _stride(visual: Any) -> tuple[int, int]:
    trunk = getattr(visual, "trunk", None)
    if trunk is not None and hasattr(trunk, "blocks") and hasattr(trunk, "patch_embed"):
        grid, size = trunk.patch_embed.grid_size, trunk.patch_embed.img_size
        return size[0] // grid[0], size[1] // grid[1]
    if trunk is None and hasattr(visual, "patch_size"):
        return visual.patch_size
    return _STRIDE, _STRIDE


def _vit_map(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    import torch

    patches = visual.conv1(batch)
    h, w = patches.shape[2:]
    first = visual.class_embedding.to(patches.dtype).expand(1, 1, -1)
    tokens = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
    positions = interpolate_positions(visual.positional_embedding, visual.grid_size, (h, w))
    tokens = visual.ln_pre(tokens + positions.to(tokens.dtype))
    if visual.attn_pool is not None:  # CoCa: the pool is the last attention
        places = visual._pool(visual.transformer(tokens)[0, 1:, None])[0]
    else:
        with each_to_itself(visual.transformer.resblocks[-1]):
            tokens = visual.transformer(tokens)
        places = visual.ln_post(tokens[0, 1:])
    return (places if visual.proj is None else places @ visual.proj).reshape(h, w, -1)


def interpolate_positions(
    positions: torch.Tensor, grid: tuple[int, int], wanted: tuple[int, int]
) -> torch.Tensor:
    """[1 + h w, C] position embeddings for another grid, the class token's left as it is.

    Args:
        positions: [1 + rows columns, C].
        grid: rows and columns the tower was trained with.
        wanted: rows and columns of the input at hand.
    """
    import torch

    if tuple(grid) == tuple(wanted):
        return positions
    first, rest = positions[:1], positions[1:].float()
    image = rest.reshape(1, *grid, -1).permute(0, 3, 1, 2)
    image = torch.nn.functional.interpolate(image, wanted, mode="bicubic", antialias=True)
    return torch.cat([first, image[0].flatten(1).T.to(first.dtype)])


@contextmanager
def each_to_itself(block: Any) -> Iterator[None]:
    """While it lasts, every token of a transformer block attends to itself alone.

    Softmax over a single allowed place is one, so that attention gives out_proj(value).
    """
    import torch

    def mask(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        tokens = args[0] if args else next(iter(kwargs.values()))
        n = tokens.numel() // tokens.shape[-1]  # of a batch of one
        allowed = torch.full((n, n), float("-inf"), dtype=tokens.dtype, device=tokens.device)
        return args, {**kwargs, "attn_mask": allowed.fill_diagonal_(0)}

    handle = block.register_forward_pre_hook(mask, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _timm_map(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    trunk = visual.trunk
    allow_any_size(trunk)
    if getattr(trunk, "global_pool", None) == "token" and hasattr(trunk, "blocks"):
        with each_to_itself(trunk.blocks[-1]):
            features = trunk.forward_features(batch)
    else:
        features = trunk.forward_features(batch)
    if features.ndim == 3:
        return _timm_tokens(visual, features, batch)
    is_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
    grid = features[0] if is_last else features[0].permute(1, 2, 0)
    h, w, _ = grid.shape
    places = grid.reshape(h * w, 1, 1, -1)
    places = places if is_last else places.permute(0, 3, 1, 2)
    return visual.head(trunk.forward_head(places)).reshape(h, w, -1)


def _timm_tokens(visual: Any, features: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
    n_prefix = getattr(visual.trunk, "num_prefix_tokens", 0)
    stride_h, stride_w = _stride(visual)
    h, w = batch.shape[2] // stride_h, batch.shape[3] // stride_w
    tokens = features[0, n_prefix:]
    # the place stands in for the class token too, whichever the pooling looks at; alone in an
    # attention pool it gets that pool's value path
    places = tokens[:, None].expand(-1, n_prefix + 1, -1)
    return visual.head(visual.trunk.forward_head(places)).reshape(h, w, -1)


def allow_any_size(trunk: Any) -> None:
    """Let a timm tower take other sizes than it was built for, as `dynamic_img_size` would have.

    At the size it was built for, nothing changes.
    """
    if getattr(trunk, "dynamic_img_size", True):
        return
    trunk.dynamic_img_size = True
    trunk.patch_embed.strict_img_size = False
    if hasattr(trunk, "blocks"):
        from timm.layers import Format

        trunk.patch_embed.flatten = False
        trunk.patch_embed.output_fmt = Format.NHWC
    for module in trunk.modules():
        if hasattr(module, "dynamic_mask"):
            module.dynamic_mask = True


def _resnet_map(visual: Any, batch: torch.Tensor) -> torch.Tensor:
    features = visual.stem(batch)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        features = layer(features)
    pool = visual.attnpool
    return pool.c_proj(pool.v_proj(features[0].permute(1, 2, 0)))
