"""What the benchmarks of the language field share: frames with language, and ways to lift it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from grounding3d.capture import open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Encoder, FeatureCells
from grounding3d.features.crops import encode_masks
from grounding3d.features.dense_sources import DenseConfig, make_dense_source
from grounding3d.features.encoders import load_encoder
from grounding3d.features.masks import make_mask_source
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.code_sums import CodeSums, make_lifter
from grounding3d.fusion.field import LanguageField
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.fusion.field_encoding import _mixtures, typical_cosine
from grounding3d.fusion.field_views import depth_agreement
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import load_scene
from grounding3d.query.truth import GroundTruth, TrueObject, read_truth
from grounding3d.scene.rasterizers import make_rasterizer

EXACT = FieldConfig(codebook={"new_cosine": 0.999999, "capacity": 60000}, slots=128)
"""Every vector has its own code and none is merged: sums as good as [N,D] floats."""


@dataclass(frozen=True, eq=False)
class Painted:
    """A built scene, and the language of its keyframes.

    Attributes:
        scene: with objects and encoder identity.
        views: (frame, keyframe, cells) of the frames that show something.
        truth: true objects by id.
        encoder: that of the scene.
    """

    scene: LanguageScene
    views: list[tuple[RGBDFrame, int, FeatureCells]]
    truth: dict[int, TrueObject]
    encoder: Encoder

    @classmethod
    def read(cls, capture: Path, scene: Path, stride: int = 1, dense: str = "masks") -> Painted:
        """Segment and encode every `stride`-th keyframe of a scene once more."""
        built = load_scene(scene)
        encoder = load_encoder(built.encoder.spec)
        masks, source = make_mask_source(), make_dense_source(DenseConfig(source=dense))
        assert source is not None
        keyframe_of = {k.frame_index: i for i, k in enumerate(built.scene.keyframes)}
        views = []
        for frame in open_capture(capture):
            keyframe = keyframe_of.get(frame.frame_index)
            if keyframe is None or keyframe % stride:
                continue
            found = masks.masks(frame, built.scene.up_world)
            vectors = encode_masks(encoder, frame.rgb, found)
            views.append((frame, keyframe, source.cells(encoder, frame, found, vectors)))
        truth = GroundTruth.from_json(read_truth(capture / "ground_truth.json"))
        return cls(built, views, truth.objects, encoder)

    def field(self, config: FieldConfig | None = None) -> LanguageField:
        """All views in a field."""
        field = LanguageField(config)
        for frame, keyframe, cells in self.views:
            field.add(frame, keyframe, cells)
        return field


def dense_features(features: GaussianFeatures, dim: int) -> np.ndarray:
    """[N,D] float32 unit features of codes, 0 where there are none: for comparisons only."""
    book = np.vstack([features.codebook.astype(np.float32).reshape(-1, dim), np.zeros((1, dim))])
    rows = np.where(features.codes == NO_CODE, len(book) - 1, features.codes)
    total = (features.weights[..., None].astype(np.float32) * book[rows]).sum(axis=1)
    return _unit(total)


def exact_features(
    painted: Painted, config: FieldConfig = EXACT, accumulate: Callable | None = None
) -> np.ndarray:
    """[N,D] float32 unit features without any compression.

    Args:
        accumulate: called with (sums, gaussians, keyframe, view) for each view in place of the
            field's own weights; the majority is not looked for then.
    """
    field, scene = painted.field(config), painted.scene.scene
    views, vectors = field._compacted(field._views)
    sums = CodeSums(len(scene.gaussians), vectors, config.slots)
    add = accumulate or make_lifter(config).add
    for view in views:
        add(sums, scene.gaussians, scene.keyframes[view.keyframe], view)
    if accumulate is None and config.minority_weight < 1:
        least = typical_cosine(vectors)
        least += config.majority_cosine * (1 - least)
        sums.favour_majority(least, config.minority_weight)
    mixtures: csr_matrix = _mixtures(sums, len(vectors))
    return _unit(np.asarray(mixtures @ vectors))


def unweighted(sums, gaussians, keyframe, view) -> None:
    """Every cell that a Gaussian touches at all counts the same."""
    found = make_rasterizer("cpu").contributions(
        gaussians, keyframe.camera, keyframe.T_world_cam, cell_px=8
    )
    code = view.codes.ravel()[found.cell]
    keep = code != NO_CODE
    sums.add(found.gaussian[keep], code[keep], np.ones(keep.sum(), np.float32))


def every_cell(sums, gaussians, keyframe, view) -> None:
    """The share of every cell that a Gaussian touches, times trust and agreement of depth.

    As LUDVIG does (Marrie et al. 2024), with our agreement.
    """
    found = make_rasterizer("cpu").contributions(
        gaussians, keyframe.camera, keyframe.T_world_cam, cell_px=8
    )
    T = np.linalg.inv(keyframe.T_world_cam)
    uv, z = keyframe.camera.project(gaussians.means @ T[:3, :3].T + T[:3, 3])
    agreement = depth_agreement(view.depth, uv, z.astype(np.float32), 0.01, 0.25)
    code = view.codes.ravel()[found.cell]
    weight = found.weight * view.weight.ravel()[found.cell] / 255 * agreement[found.gaussian]
    keep = (code != NO_CODE) & (weight > 0)
    sums.add(found.gaussian[keep], code[keep], weight[keep].astype(np.float32))


def projected_centre(sums, gaussians, keyframe, view) -> None:
    """The cell under the projected centre, weighed by what the Gaussian adds to the image.

    As Occam's LGS does (Cheng et al. 2024).
    """
    camera = keyframe.camera
    found = make_rasterizer("cpu").contributions(gaussians, camera, keyframe.T_world_cam, cell_px=8)
    weight = np.bincount(found.gaussian, found.weight, len(gaussians))
    T = np.linalg.inv(keyframe.T_world_cam)
    uv, z = camera.project(gaussians.means @ T[:3, :3].T + T[:3, 3])
    rows = np.flatnonzero((z > 0) & camera.contains(uv) & (weight > 0))
    column, row = np.rint(uv[rows]).astype(int).T // 8
    code = view.codes[row, column]
    keep = code != NO_CODE
    sums.add(rows[keep], code[keep], weight[rows[keep]].astype(np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norm, 1e-9)).astype(np.float32)
