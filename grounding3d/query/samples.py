"""Samples for a calibration: every query of a ground truth, asked to a built scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError
from grounding3d.features.base import Encoder
from grounding3d.geometry.boxes import aabb_iou
from grounding3d.objects.base import LanguageScene
from grounding3d.query.answer import ParsedQuery
from grounding3d.query.evidence import FEATURES, EvidenceIndex
from grounding3d.query.noun_phrases import is_generic
from grounding3d.query.parse import NotAQuestion, parse
from grounding3d.query.truth import MARGIN_M, GroundTruth, TrueObject

_FIT = 0.5
_SELECTING = ("relations", "excluded", "order", "part_of")
"""Fields of a parsed query that choose among the objects which fit its noun phrase."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One query to one scene.

    Attributes:
        evidence: [M,F] statistics of the scene's objects.
        wanted: [M] bool, the objects that are what was asked for.
        text: the query.
        features: [F] names of the columns.
        scene: whose objects these are.
    """

    evidence: np.ndarray
    wanted: np.ndarray
    text: str = ""
    features: tuple[str, ...] = FEATURES
    scene: str = ""

    def columns(self, features: Sequence[str]) -> np.ndarray:
        """[M,f] the named statistics; ConfigError where one is missing."""
        missing = sorted(set(features) - set(self.features))
        if missing:
            raise ConfigError(
                "the samples lack statistics",
                expected=", ".join(missing),
                hint="Collect them anew.",
            )
        return self.evidence[:, [self.features.index(name) for name in features]]


def collect_samples(
    scene: LanguageScene, ground_truth: Mapping[str, Any], encoder: Encoder, *, name: str = ""
) -> list[Sample]:
    """Evidence of every object for every query, with what the ground truth says about it.

    Left out are queries whose targets were not mapped at all, since no score could answer them,
    those that choose among the objects of a kind ("the mug left of the box", "the largest mug"):
    the truth tells which one is meant, not which ones are mugs; and those that name no kind ("the
    red thing").
    """
    truth = GroundTruth.from_json(ground_truth)
    if not len(scene.objects):
        return []
    index = EvidenceIndex(scene.objects, encoder, scene.scene.up_world)
    shown = {number: showing(scene, target) for number, target in truth.objects.items()}
    samples = []
    for query in truth.queries:
        parsed = _named(query.text)
        if parsed is None:
            continue
        wanted = np.zeros(len(scene.objects), bool)
        for target in query.targets:
            wanted |= shown[target]
        if query.targets and not wanted.any():
            continue
        evidence = index.ask(parsed, encoder)
        samples.append(Sample(evidence.matrix, wanted, query.text, FEATURES, name))
    return samples


def common_features(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Statistics that every sample has and this version knows, in the order of `FEATURES`."""
    shared = set(FEATURES).intersection(*(sample.features for sample in samples))
    return tuple(name for name in FEATURES if name in shared)


def save_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write one scene's samples as .npz; they have the same columns."""
    if len({sample.features for sample in samples}) != 1:
        raise ConfigError("samples of one file need the same statistics, and at least one sample")
    aside = path.with_name(f".writing-{path.name}")
    try:
        with aside.open("wb") as file:
            np.savez(
                file,
                evidence=np.concatenate([s.evidence for s in samples]),
                wanted=np.concatenate([s.wanted for s in samples]),
                sizes=[len(s.wanted) for s in samples],
                text=[s.text for s in samples],
                features=list(samples[0].features),
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def load_samples(path: Path, *, name: str | None = None) -> list[Sample]:
    """What `save_samples` wrote, with the columns it had then.

    Args:
        path: a file.
        name: of the scene; None: the file's.
    """
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["sizes"])[:-1]
        blocks = np.split(file["evidence"], ends), np.split(file["wanted"], ends)
        made = Sample(
            np.zeros((0, 0)), np.zeros(0, bool), "", tuple(map(str, file["features"])),
            path.stem if name is None else name,
        )  # fmt: skip
        return [
            replace(made, evidence=e, wanted=w, text=str(t))
            for e, w, t in zip(*blocks, file["text"], strict=True)
        ]


def showing(scene: LanguageScene, target: TrueObject) -> np.ndarray:
    """[M] which mapped objects are a real one: centre in its box, and an extent that fits.

    The extent keeps a fragment, or the floor under a table, from passing for the whole. Boxes are
    inflated by the margin, so that a table of which only the top was mapped, a slab without
    volume, still fits better than the floor does.
    """
    inside = target.contains(np.stack([item.position for item in scene.objects]))
    true_box = (target.minimum - MARGIN_M, target.maximum + MARGIN_M)
    boxes = [item.box.aabb() for item in scene.objects]
    overlap = np.array([aabb_iou((a - MARGIN_M, b + MARGIN_M), true_box) for a, b in boxes])
    best = overlap[inside].max(initial=0.0)
    return np.asarray(inside & (overlap >= _FIT * best))


def _named(text: str) -> ParsedQuery | None:
    """What was understood of a question that names a kind of thing and nothing else; else None."""
    try:
        parsed = parse(text)
    except NotAQuestion:
        return None
    if is_generic(parsed.target) or any(getattr(parsed, field) for field in _SELECTING):
        return None
    return parsed
