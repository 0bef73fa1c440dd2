"""The language field: features seen in images, lifted onto the Gaussians of a scene.

For Gaussian g, f_g = sum w F / sum w over all views, where F is the feature of the cell under the
Gaussian's projected centre and w the product of

- the Gaussian's part in the image: alpha times transmittance, summed over its pixels, saturating
  after a few of them so that no single near view outvotes the others;
- the trust in the cell's feature;
- agreement of the Gaussian's depth z with the depth D that the camera measured there,
  exp(-(z - D)^2 / 2 sigma^2): what hides before or behind the surface takes nothing from it;
- the same with the middle depth of the cell: in a cell on an outline, the feature is of one side.

Sampling at the centre is how Occam's LGS (Cheng et al. 2024) lifts; a sum over all cells that the
Gaussian touches, as in LUDVIG (Marrie et al. 2024), is worse on surfaces of overlapping Gaussians:
nearer ones cover the near part of each, so that its visible part lies beyond its centre, and at an
outline on what is behind.

Features are codes of an online codebook and sums are kept by code, so that nothing is ever N x D.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ArrayError
from grounding3d.features.base import FeatureCells
from grounding3d.fusion.affinity import smooth
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.code_sums import CodeSums, make_lifter
from grounding3d.fusion.codebook import Codebook
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.fusion.field_encoding import encode_sums, no_features
from grounding3d.fusion.field_views import (
    StoredView,
    cells_of_size,
    pack_views,
    separations,
    spread,
    stored_view,
    unpack_views,
)
from grounding3d.scene.base import Scene

_log = logging.getLogger(__name__)


class LanguageField:
    """Views' language, kept small, to be lifted onto the scene whenever its features are wanted.

    A view keeps 3 bytes a cell and 2 for each 16 pixels of depth: 53 kB at 640x480 and cells of 8
    pixels. Poses are those of the scene's keyframes at the time of lifting, so that a corrected
    pose moves the language with the geometry.
    """

    def __init__(self, config: FieldConfig | None = None) -> None:
        self.config = config or FieldConfig()
        self._book = Codebook(self.config.codebook)
        self._views: list[StoredView] = []

    def __len__(self) -> int:
        """Views kept."""
        return len(self._views)

    @property
    def n_bytes(self) -> int:
        """Memory of the kept views; the codebook has its own bound."""
        return sum(view.n_bytes for view in self._views)

    def add(self, frame: RGBDFrame, keyframe: int, cells: FeatureCells) -> bool:
        """Keep what a frame's cells say.

        Vectors of length 0, as of masks that were not encoded, say nothing.

        Args:
            frame: posed frame.
            keyframe: its index among the scene's keyframes.
            cells: language features of the frame, on a grid of any cell size.

        Returns:
            Whether it was kept: not if no cell has a feature, or no depth was measured.

        Raises:
            ArrayError: a vector is not finite, or the cells do not fit the frame.
        """
        camera = frame.camera
        cells = cells_of_size(cells, self.config.cell_px, camera.height, camera.width)
        _check_index(cells)
        said = np.zeros(len(cells.vectors), bool)
        said[cells.index[(cells.index >= 0) & (cells.weight > 0)]] = True
        said &= ~(cells.vectors == 0).all(axis=1)
        if not said.any() or not (frame.depth_m > 0).any():
            _log.debug("frame %d says nothing that could be lifted", frame.frame_index)
            return False
        codes = np.full(len(said), NO_CODE, np.uint16)
        codes[said] = self._book.add(cells.vectors[said])
        self._views.append(stored_view(frame, keyframe, cells, codes))
        if len(self._views) > self.config.max_views:
            self._drop_one()
        return True

    def lift(
        self,
        scene: Scene,
        *,
        things: GaussianFeatures | None = None,
        max_views: int | None = None,
    ) -> GaussianFeatures:
        """Features of a scene's Gaussians from the views kept so far.

        Views whose keyframe the scene does not have (yet) are left out.

        Args:
            scene: Gaussians of any backend, and the keyframes with their present poses.
            things: features of these Gaussians by the things they lie on, to be mixed in: things
                are seen by more views than one Gaussian is, but have no parts.
            max_views: use at most so many views, spread over the camera's way.

        Returns:
            Codes of the scene's Gaussians; the codebook holds only what they use.
        """
        views = [v for v in self._views if self._fits(scene, v)]
        if max_views is not None and views:
            poses = np.stack([scene.keyframes[v.keyframe].T_world_cam for v in views])
            views = [views[i] for i in spread(poses, max_views)]
        count = len(scene.gaussians)
        if not views or not count:
            return things or no_features(count, self.config.codes)
        views, vectors = self._compacted(views)
        sums = CodeSums(count, vectors, self.config.slots)
        lifter = make_lifter(self.config)
        for view in views:
            lifter.add(sums, scene.gaussians, scene.keyframes[view.keyframe], view)
        features = encode_sums(sums, vectors, self.config, things)
        return smooth(features, scene.gaussians, self.config)

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on, as plain arrays."""
        return {
            **{f"codebook.{name}": array for name, array in self._book.state().items()},
            **{f"views.{name}": array for name, array in pack_views(self._views).items()},
            "cell_px": np.array([self.config.cell_px], np.int64),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`.

        Raises:
            ArrayError: it lacks a part, has cells of another size, or its parts do not fit.
        """
        cell_px = state.get("cell_px", np.zeros(1)).tolist()
        if cell_px != [self.config.cell_px]:
            raise ArrayError(
                "not the state of a language field with this configuration",
                expected=f"cell_px {self.config.cell_px}",
                found=f"{cell_px[0]:g}",
            )
        parts = {
            prefix: {
                k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)
            }
            for prefix in ("codebook.", "views.")
        }  # fmt: skip
        book = Codebook(self.config.codebook)
        book.restore(parts["codebook."])
        views = unpack_views(parts["views."])
        known = [v.codes[v.codes != NO_CODE].max(initial=0) < max(len(book), 1) for v in views]
        if not all(known):
            raise ArrayError("not the state of a language field", found="codes without a vector")
        self._book, self._views = book, views

    def _fits(self, scene: Scene, view: StoredView) -> bool:
        if not 0 <= view.keyframe < len(scene.keyframes):
            return False
        camera, px = scene.keyframes[view.keyframe].camera, self.config.cell_px
        return view.codes.shape == (-(-camera.height // px), -(-camera.width // px))

    def _compacted(self, views: list[StoredView]) -> tuple[list[StoredView], np.ndarray]:
        """The views with codes that are rows of the vectors [U,D] they use."""
        row_of = np.append(self._book.rows, -1)
        rows = [row_of[np.where(v.codes == NO_CODE, -1, v.codes.astype(np.int32))] for v in views]
        used = np.zeros(len(self._book.vectors) + 1, bool)
        for r in rows:
            used[r.ravel()] = True
        used[-1] = False
        short = np.full(len(used), NO_CODE, np.uint16)
        short[used] = np.arange(used.sum())
        compact = [replace(v, codes=short[r]) for v, r in zip(views, rows, strict=True)]
        return compact, self._book.vectors[used[:-1]]

    def _drop_one(self) -> None:
        """Forget the view that the others replace best: its two nearest are the nearest."""
        poses = np.stack([v.T_world_cam for v in self._views])
        gaps = np.stack([separations(pose, poses) for pose in poses])
        np.fill_diagonal(gaps, np.inf)
        nearest, second = np.sort(gaps, axis=1)[:, :2].T
        del self._views[int(np.lexsort((second, nearest))[0])]


def _check_index(cells: FeatureCells) -> None:
    if cells.index.size and cells.index.max() >= len(cells.vectors):
        raise ArrayError(
            "a feature cell names a vector that is not there",
            expected=f"rows below {len(cells.vectors)}, -1 for none",
            found=str(int(cells.index.max())),
        )
