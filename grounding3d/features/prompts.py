"""Prompt ensembles: the sentences a phrase is put into before the text tower sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from grounding3d.errors import EncoderError

PROMPTS: dict[str, tuple[str, ...]] = {
    "plain": ("{}",),
    "photo": ("a photo of a {}.", "a cropped photo of the {}.", "a photo of the {} in a room."),
}
"""Name -> templates. Towers trained on web captions know sentences better than bare nouns (Radford
et al. 2021, section 3.1.4); a few views of a room are what a robot sees."""

DEFAULT = "photo"


def prompts_of(spec: str) -> tuple[str, tuple[str, ...]]:
    """The SPEC without its `?prompts=NAME`, and the templates of that name.

    Raises:
        EncoderError: no ensemble of that name, or another option.
    """
    rest, mark, option = spec.rpartition("?")
    if not mark:
        return spec, PROMPTS[DEFAULT]
    key, _, name = option.partition("=")
    if key != "prompts" or name not in PROMPTS:
        raise EncoderError(
            f"encoder {spec!r} has an unknown option",
            expected="?prompts=" + " or ?prompts=".join(PROMPTS),
            found=f"?{option}",
        )
    return rest, PROMPTS[name]


def ensemble(
    encode: Callable[[list[str]], np.ndarray], phrases: Sequence[str], templates: Sequence[str]
) -> np.ndarray:
    """[n,D] mean over the templates of a phrase's unit vectors.

    Args:
        encode: n sentences in, [n,D] unit vectors out.
        phrases: n phrases.
        templates: sentences with `{}` where the phrase goes.
    """
    sentences = [template.replace("{}", phrase) for phrase in phrases for template in templates]
    vectors = encode(sentences)
    return vectors.reshape(len(phrases), len(templates), -1).mean(axis=1)
