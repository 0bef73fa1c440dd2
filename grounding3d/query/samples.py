"""Samples for a calibration: every query of a ground truth, asked to a built scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.objects.base import LanguageScene
from grounding3d.query.evidence import EvidenceIndex
from grounding3d.query.parse import parse
from grounding3d.query.truth import GroundTruth


@dataclass(frozen=True, eq=False)
class Sample:
    """One query to one scene.

    Attributes:
        evidence: [M,F] statistics of the scene's objects.
        wanted: [M] bool, the objects that are what was asked for.
        text: the query.
    """

    evidence: np.ndarray
    wanted: np.ndarray
    text: str = ""


def collect_samples(
    scene: LanguageScene, ground_truth: Mapping[str, Any], encoder: Encoder
) -> list[Sample]:
    """Evidence of every object for every query, with what the ground truth says about it.

    An object is wanted if its centre lies in the box of one of the query's targets. A query whose
    targets were not mapped at all is left out: no score could answer it.
    """
    truth = GroundTruth.from_json(ground_truth)
    if not len(scene.objects):
        return []
    index = EvidenceIndex(scene.objects, encoder)
    centres = np.stack([item.position for item in scene.objects])
    samples = []
    for query in truth.queries:
        wanted = np.zeros(len(centres), bool)
        for target in query.targets:
            wanted |= truth.objects[target].contains(centres)
        if query.targets and not wanted.any():
            continue
        vector = encoder.encode_text([parse(query.text).target])[0]
        samples.append(Sample(index.evidence(vector).matrix, wanted, query.text))
    return samples
