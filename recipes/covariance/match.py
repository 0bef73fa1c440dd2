"""Which mapped object is which real thing, and what its covariance is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grounding3d.geometry.boxes import OBB, aabb_iou
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.objects.covariance import HIDDEN_FOOT_M, topping
from grounding3d.objects.roundness import round_out
from grounding3d.objects.sight import Sight
from grounding3d.objects.store import load_scene
from grounding3d.query.samples import showing
from grounding3d.query.truth import GroundTruth


@dataclass(frozen=True, eq=False)
class Match:
    """One thing that was mapped as itself.

    Attributes:
        error: [3] mapped minus true centre (middle of the true world-aligned box), metres.
        box: completed box.
        cameras: [V,3] positions it was seen from.
        bottom_known: it stands on something.
        points: [n,3] observed surface, None for a round thing that was made whole.
        reach_m: [2,3] how far it may reach beyond its faces.
        hidden_m: how far it may reach down where nothing carries it.
        topped_m: how far what stands on it rises above it.
        misfit_m: how far the frames lay from it.
        name: what it is.
    """

    error: np.ndarray
    box: OBB
    cameras: np.ndarray
    bottom_known: bool
    points: np.ndarray | None
    reach_m: np.ndarray
    hidden_m: float
    topped_m: float
    misfit_m: float
    name: str = ""


def matches(scene_folder: Path, truth_file: Path, min_iou: float) -> tuple[list[Match], int]:
    """The things of a scene that were mapped as themselves, and the number of the others."""
    scene = load_scene(scene_folder)
    truth = GroundTruth.from_json(json.loads(truth_file.read_text()))
    objects = scene.objects.objects
    targets = list(truth.objects.values())
    if not objects or not targets:
        return [], len(targets)
    shown = np.stack([showing(scene, target) for target in targets])
    sight = Sight(scene.scene)
    found, missed = [], 0
    for row, target in enumerate(targets):
        columns = np.flatnonzero(shown[row])
        item = objects[columns[0]] if len(columns) == 1 else None
        if item is not None and item.kind == "support":
            continue
        is_alone = item is not None and shown[:, columns[0]].sum() == 1
        true_box = (target.minimum, target.maximum)
        if item is not None and is_alone and aabb_iou(item.box.aabb(), true_box) >= min_iou:
            found.append(_match(scene, sight, item, target.center, target.name))
        else:
            missed += 1
    return found, missed


def _match(
    scene: LanguageScene, sight: Sight, item: MapObject, center: np.ndarray, name: str
) -> Match:
    cameras = [scene.scene.keyframes[k].T_world_cam[:3, 3] for k in item.keyframes]
    carried = item.support_id is not None or scene.scene.up_world is None
    reach = sight.reach([item.box], [item.points], [item.keyframes])[0]
    box, reach = round_out(item.box, item.points, reach)
    on_top = [o.box for o in scene.objects if o.support_id == item.id]
    return Match(
        error=box.center - center,
        box=box,
        cameras=np.array(cameras).reshape(-1, 3),
        bottom_known=item.support_id is not None,
        points=item.points if box is item.box else None,
        reach_m=reach,
        hidden_m=0.0 if carried else sight.drop(item.box, item.points, HIDDEN_FOOT_M),
        topped_m=topping(box, on_top),
        misfit_m=item.misfit_m,
        name=name,
    )
