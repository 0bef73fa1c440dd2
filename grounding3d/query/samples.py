"""Samples for a calibration: every query of a ground truth, asked to a built scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.geometry.boxes import aabb_iou
from grounding3d.objects.base import LanguageScene
from grounding3d.query.evidence import EvidenceIndex, encode_query
from grounding3d.query.parse import parse
from grounding3d.query.truth import GroundTruth, TrueObject

_FIT = 0.5


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

    A query whose targets were not mapped at all is left out: no score could answer it.
    """
    truth = GroundTruth.from_json(ground_truth)
    if not len(scene.objects):
        return []
    index = EvidenceIndex(scene.objects, encoder, scene.scene.up_world)
    shown = {number: showing(scene, target) for number, target in truth.objects.items()}
    samples = []
    for query in truth.queries:
        wanted = np.zeros(len(scene.objects), bool)
        for target in query.targets:
            wanted |= shown[target]
        if query.targets and not wanted.any():
            continue
        evidence = index.evidence(*encode_query(parse(query.text), encoder))
        samples.append(Sample(evidence.matrix, wanted, query.text))
    return samples


def showing(scene: LanguageScene, target: TrueObject) -> np.ndarray:
    """[M] which mapped objects are a real one: centre in its box, and an extent that fits.

    The extent keeps a fragment, or the floor under a table, from passing for the whole.
    """
    inside = target.contains(np.stack([item.position for item in scene.objects]))
    true_box = (target.minimum, target.maximum)
    overlap = np.array([aabb_iou(item.box.aabb(), true_box) for item in scene.objects])
    best = overlap[inside].max(initial=0.0)
    return np.asarray(inside & (overlap >= _FIT * best))
