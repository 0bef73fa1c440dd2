"""Crops as a robot's segmentation and camera would spoil them, a batch at a time."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
FILL = (124, 116, 104)  # what may replace the pixels outside a mask
MARGIN = 0.15  # round a segment's bounding box, a share of its larger side
STORED_VIEW = (1 + 2 * MARGIN) / (1 + 2 * 0.30)  # of a stored crop that has this margin


def window(crops: Tensor, side: int, rng: np.random.Generator, vary: float = 1.0) -> Tensor:
    """Cut [B, 4, side, side] out of crops [B, 4, h, w] in 0 to 1: zoom, shift, turn, flip.

    ``vary`` scales how much they change; 0 cuts as the program does.
    """
    b = len(crops)
    zoom = np.minimum(STORED_VIEW * np.exp(rng.normal(0, 0.10 * vary, b)), 1.0)
    stretch = np.exp(rng.normal(0, 0.10 * vary, b) / 2)
    angle = rng.normal(0, 0.10 * vary, b)
    flip = np.where(rng.random(b) < 0.5, -1.0, 1.0) if vary > 0 else np.ones(b)
    shift = rng.normal(0, 0.05 * vary, (b, 2))
    c, s = np.cos(angle), np.sin(angle)
    theta = np.zeros((b, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = zoom * stretch * c * flip, -zoom * s
    theta[:, 1, 0], theta[:, 1, 1] = zoom * s * flip, zoom / stretch * c
    theta[:, :, 2] = shift
    grid = functional.affine_grid(torch.from_numpy(theta), [b, 4, side, side], align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def spoil_masks(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """Masks [B, 1, h, w] grown, shrunk, cut off at a line, or with a piece of table joined."""
    b, _, h, w = masks.shape
    masks = (masks > 0.5).float()
    grown = functional.max_pool2d(masks, 5, 1, 2)
    shrunk = 1 - functional.max_pool2d(1 - masks, 3, 1, 1)
    kind = torch.from_numpy(rng.random(b)).view(b, 1, 1, 1)
    masks = torch.where(kind < 0.3, grown, torch.where(kind > 0.8, shrunk, masks))
    v, u = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    angle = torch.from_numpy(rng.uniform(0, 2 * np.pi, (b, 1, 1, 1))).float()
    side = u * angle.cos() + v * angle.sin()
    cut = torch.from_numpy(rng.random((b, 1, 1, 1))) < 0.1
    line = torch.from_numpy(rng.uniform(0.15, 0.7, (b, 1, 1, 1))).float()
    masks = torch.where(cut, masks * (side < line), masks)
    centre = torch.from_numpy(rng.uniform(-0.9, 0.9, (2, b, 1, 1, 1))).float()
    blob = ((u - centre[0]) ** 2 + (v - centre[1]) ** 2) < 0.09
    joined = torch.from_numpy(rng.random((b, 1, 1, 1))) < 0.1
    return torch.where(joined, torch.maximum(masks, blob.float()), masks)


def recolour(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Exposure, contrast, white balance and saturation of images [B, 3, h, w] in 0 to 1."""
    b = len(images)

    def draw(scale: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(0, scale * strength, (b, *shape))).float()

    images = images.clamp(0.002, 1) ** torch.exp(draw(0.22, 1, 1, 1))
    images = images * torch.exp(draw(0.18, 1, 1, 1)) * torch.exp(draw(0.05, 3, 1, 1))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * torch.exp(draw(0.15, 1, 1, 1))
    grey = images.mean(dim=1, keepdim=True)
    return grey + (images - grey) * torch.exp(draw(0.2, 1, 1, 1))


def degrade(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Low resolution, blur, noise, JPEG."""
    b, _, h, w = images.shape
    some = torch.from_numpy(rng.random(b) < 0.3)
    if some.any():
        small = int(rng.integers(max(20, h // 3), h))
        coarse = functional.interpolate(images[some], size=(small, small), mode="area")
        images[some] = functional.interpolate(coarse, size=(h, w), mode="bilinear")
    level = torch.from_numpy(np.abs(rng.normal(0, 0.015, (b, 1, 1, 1)))).float()
    images = images + level * torch.randn(images.shape)
    for k in np.flatnonzero(rng.random(b) < 0.06):
        pixels = (images[k].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(25, 85)))
        decoded = np.asarray(Image.open(buffer), np.float32) / 255
        images[k] = torch.from_numpy(decoded).permute(2, 0, 1)
    return images


def occlude(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A tenth get a rectangle of another image over them."""
    b, _, h, w = images.shape
    other = images.roll(1, 0)
    for k in np.flatnonzero(rng.random(b) < 0.1):
        sh, sw = (rng.uniform(0.12, 0.4, 2) * (h, w)).astype(int)
        y, x = int(rng.integers(0, h - sh)), int(rng.integers(0, w - sw))
        images[k, :, y : y + sh, x : x + sw] = other[k, :, y : y + sh, x : x + sw]
    return images


def augmented(crops: np.ndarray, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Training images [B, 3, side, side], normalised, and which of them are grey, bool [B].

    Args:
        crops: uint8 [B, h, w, 4], the mask in the last channel.
        side: Pixels of the result.
        rng: Random state.
    """
    whole = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    cut = window(whole, side, rng)
    images, masks = cut[:, :3].contiguous(), cut[:, 3:]
    b = len(images)
    choice = torch.from_numpy(rng.random(b))
    moved = (choice < 0.15).view(b, 1, 1, 1)  # before another background
    soft = (masks > 0.5).float()
    images = torch.where(moved, images * soft + images.roll(3, 0) * (1 - soft), images)
    images = occlude(recolour(images, rng), rng)
    filled = (choice > 0.5).view(b, 1, 1, 1)  # flat outside an imperfect mask
    spoilt = spoil_masks(masks, rng)
    flat = torch.tensor(FILL).view(1, 3, 1, 1) / 255
    own = images.mean(dim=(2, 3), keepdim=True)
    own = (own + 0.1 * torch.from_numpy(rng.normal(0, 1, (b, 3, 1, 1))).float()).clamp(0, 1)
    flat = torch.where(choice.view(b, 1, 1, 1) > 0.85, own, flat)
    images = torch.where(filled, images * spoilt + flat * (1 - spoilt), images)
    grey = torch.from_numpy(rng.random(b) < 0.05)
    images[grey] = images[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return normalised(degrade(images, rng).clamp(0, 1)), grey


def as_seen(crops: np.ndarray, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Training images of crops that the program made: spoilt by nature, so varied less.

    Same arguments and results as `augmented`.
    """
    whole = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    cut = window(whole, side, rng, vary=0.7)
    images, masks = cut[:, :3].contiguous(), cut[:, 3:]
    b = len(images)
    images = recolour(images, rng, 0.6)
    alone = torch.from_numpy(rng.random(b) < 0.5).view(b, 1, 1, 1)
    flat = torch.tensor(FILL).view(1, 3, 1, 1) / 255
    images = torch.where(alone, images * masks + flat * (1 - masks), images)
    some = torch.from_numpy(rng.random(b) < 0.3)
    if some.any():
        images[some] = degrade(images[some], rng)
    grey = torch.from_numpy(rng.random(b) < 0.03)
    images[grey] = images[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return normalised(images.clamp(0, 1)), grey


def normalised(images: Tensor) -> Tensor:
    """Minus mean, over standard deviation."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
    return (images - mean) / std


def as_asked(crops: np.ndarray, side: int, filled: bool) -> Tensor:
    """Stored crops as the program will crop them: context kept, or flat outside the mask."""
    whole = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    cut = window(whole, side, np.random.default_rng(0), vary=0.0)
    images = cut[:, :3]
    if filled:
        mask = (cut[:, 3:] > 0.5).float()
        images = images * mask + torch.tensor(FILL).view(1, 3, 1, 1) / 255 * (1 - mask)
    return normalised(images)
