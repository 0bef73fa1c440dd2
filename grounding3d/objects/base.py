"""Objects: the instances a query can be answered with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from grounding3d.features.base import EncoderIdentity
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.fusion.evidence import Crop
from grounding3d.geometry.boxes import OBB
from grounding3d.scene.base import Scene


@dataclass(frozen=True, eq=False)
class MapObject:
    """One thing in the map.

    Attributes:
        id: positive, never reused.
        kind: "object" or "support" (a table, a shelf: others rest on it).
        box: completed extent; it reaches down to the support plane where one is known.
        covariance: [3,3] of the box's centre, m^2, world frame, pose error included.
        embedding: [D] float32 unit vector over the views.
        view_embeddings: [V,D] float32 unit vectors of the best views.
        label: nearest noun of the vocabulary, for people; queries do not use it.
        points: [n,3] float32 observed surface, world.
        rgb: [n,3] uint8 colours of the points.
        n_views: frames it was seen in.
        support_id: id of the object it rests on, None if none or unknown.
        anchor: index of the keyframe its position is anchored to.
        stamp_s: when it was last observed, None without stamps.
        container_id: id of the object it lies in, None if in none or unknown.
        crops: small pictures of its best views, best first; none in scenes built without.
        keyframes: [F] int32 keyframes it was seen in; empty in scenes built without.
        misfit_m: how far those frames lay from it (root mean square), metres.
    """

    id: int
    kind: Literal["object", "support"]
    box: OBB
    covariance: np.ndarray
    embedding: np.ndarray
    view_embeddings: np.ndarray
    label: str
    points: np.ndarray
    rgb: np.ndarray
    n_views: int
    support_id: int | None
    anchor: int
    stamp_s: float | None
    container_id: int | None = None
    crops: tuple[Crop, ...] = ()
    keyframes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    misfit_m: float = 0.0

    @property
    def position(self) -> np.ndarray:
        """[3] centre of the completed box, metres."""
        return self.box.center

    @property
    def n_points(self) -> int:
        return len(self.points)


@dataclass(frozen=True, eq=False)
class ObjectMap:
    """The objects of a scene, in order of id.

    Attributes:
        objects: M objects.
        next_id: the smallest id that was never given, so that the id of an object that has gone
            stays unused.
    """

    objects: tuple[MapObject, ...] = ()
    next_id: int = 1

    def __post_init__(self) -> None:
        highest = max((item.id for item in self.objects), default=0)
        object.__setattr__(self, "next_id", max(self.next_id, highest + 1))

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[MapObject]:
        return iter(self.objects)

    def by_id(self, object_id: int) -> MapObject:
        """The object with this id; KeyError if there is none."""
        for item in self.objects:
            if item.id == object_id:
                return item
        raise KeyError(object_id)

    @property
    def embeddings(self) -> np.ndarray:
        """[M,D] float32 embeddings, one row an object; [0,0] for an empty map."""
        if not self.objects:
            return np.zeros((0, 0), np.float32)
        return np.stack([item.embedding for item in self.objects])


@dataclass(frozen=True, eq=False)
class LanguageScene:
    """Everything a query needs, immutable; what the scene folder holds.

    Attributes:
        uuid: identity of this build of the scene.
        scene: geometry, keyframes, frame, up.
        features: language features of the Gaussians.
        objects: the object map.
        encoder: identity of the encoder.
        static_transforms: frame id -> [4,4] `T_frame_world` of the static frames an answer
            may be given in.
        config: the configuration the scene was built with, as JSON values.
        capture: facts about the recording, for people.
    """

    uuid: str
    scene: Scene
    features: GaussianFeatures
    objects: ObjectMap
    encoder: EncoderIdentity
    static_transforms: dict[str, np.ndarray] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    capture: dict[str, Any] = field(default_factory=dict)
