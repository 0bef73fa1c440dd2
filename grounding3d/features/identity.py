"""Which encoder a scene was built with, and whether another one is the same."""

from __future__ import annotations

import numpy as np

from grounding3d.errors import EncoderError
from grounding3d.features.base import PROBE_PHRASES, Encoder, EncoderIdentity

SAME_COSINE = 0.999
"""Every probe phrase's vectors must agree this well; a half-precision copy still does."""


def identify(encoder: Encoder) -> EncoderIdentity:
    """What a scene stores of `encoder`."""
    preprocess = getattr(encoder, "preprocess", None)
    as_json = getattr(preprocess, "as_json", None)
    return EncoderIdentity(
        spec=encoder.spec,
        dim=encoder.dim,
        preprocess=as_json() if as_json is not None else {},
        tokenizer=str(getattr(encoder, "tokenizer_name", "")),
        centre=encoder.centre,
        logit_scale=float(encoder.logit_scale),
        logit_bias=float(encoder.logit_bias),
        canonical_phrases=tuple(encoder.canonical_phrases),
        probes=encoder.encode_text(PROBE_PHRASES),
        templates=tuple(getattr(encoder, "templates", ("{}",))),
        weights_sha256=getattr(encoder, "weights_sha256", None),
    )


def probe_agreement(identity: EncoderIdentity, encoder: Encoder) -> float:
    """Smallest cosine of the probe phrases between the two, -1 for another dimension."""
    if identity.dim != encoder.dim:
        return -1.0
    probes = encoder.encode_text(PROBE_PHRASES)
    return float((identity.probes * probes).sum(axis=1).min())


def check_same_encoder(identity: EncoderIdentity, encoder: Encoder) -> None:
    """Raise unless `encoder` is the one of `identity`.

    Raises:
        EncoderError: another dimension, or a probe phrase's cosine of at most 0.999.
    """
    agreement = probe_agreement(identity, encoder)
    if agreement > SAME_COSINE:
        return
    if identity.dim != encoder.dim:
        found = f"{encoder.spec!r} with {encoder.dim} dimensions"
    else:
        found = f"{encoder.spec!r}, whose probe phrases agree only to a cosine of {agreement:.4f}"
    raise EncoderError(
        "the scene was built with another encoder",
        expected=f"{identity.spec!r} with {identity.dim} dimensions",
        found=found,
        hint=f"Ask with --encoder {identity.spec}, or build the scene again.",
    )


def fingerprint(probes: np.ndarray) -> str:
    """Short hash of probe vectors, coarse enough to survive another machine's rounding."""
    from hashlib import sha256

    signs = np.packbits(np.abs(probes) > 1.0 / np.sqrt(probes.shape[1]))
    return sha256(signs.tobytes() + str(probes.shape).encode()).hexdigest()[:12]
