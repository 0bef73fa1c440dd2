"""The table of encoders, and how an encoder SPEC is read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import cast

from grounding3d.errors import ConfigError, EncoderError
from grounding3d.features.base import Encoder
from grounding3d.registry import Registry

_VERSION = 5
BUNDLED = f"bundled-v{_VERSION}"
"""SPEC of the encoder that travels in the package."""

ENCODERS = Registry(
    "encoder",
    {
        BUNDLED: "grounding3d.features.bundled_encoder:load_bundled",
        "open_clip": "grounding3d.features.open_clip_spec:load_open_clip",
    },
    group="grounding3d.encoders",
)
"""Name -> `load(spec, device) -> Encoder`. The name is the SPEC up to its first colon."""

RETIRED = {f"bundled-v{n}": BUNDLED for n in range(1, _VERSION)}
"""Encoders whose weights no longer travel in the package, and what took their place. A version's
name is never given to other weights."""

GRAMMAR = f"{BUNDLED}, open_clip:ARCH/TAG, open_clip:ARCH@FILE or the name of an entry point"


def load_encoder(spec: str, device: str = "cpu") -> Encoder:
    """The encoder that `spec` names; its weights are read when a side is first used.

    Args:
        spec: `BUNDLED`, `open_clip:ARCH/TAG`, `open_clip:ARCH@FILE`, or a name from the
            entry-point group `grounding3d.encoders` (whatever follows a colon is its own).
        device: torch device of the towers.

    Raises:
        EncoderError: no encoder, architecture, tag or file of that name.
        ConfigError: torch has no such device here.
    """
    _check_device(device)
    name = spec.partition(":")[0].strip()
    if name in RETIRED:
        raise EncoderError(
            f"encoder {name!r} is no longer part of the package",
            expected=f"{RETIRED[name]!r}, which took its place",
            hint=f"Build the scene again with --encoder {RETIRED[name]}; or ask the old one with "
            f"--encoder {RETIRED[name]}, which understands text alike.",
        )
    try:
        load = ENCODERS.load(name)
    except ConfigError as error:
        near = get_close_matches(name, ENCODERS.names(), cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else None
        raise EncoderError(f"unknown encoder {spec!r}", expected=GRAMMAR, hint=hint) from error
    return cast(Encoder, load(spec, device))


def _check_device(device: str) -> None:
    if not device.startswith("cuda"):
        return
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(
            f"device {device!r} cannot be used",
            expected="a GPU that this torch can run on",
            found=f"none, with torch {torch.__version__}",
            hint="Leave --device out, or install a CUDA build of torch.",
        )
