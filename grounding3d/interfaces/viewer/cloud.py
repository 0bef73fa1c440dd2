"""The Gaussians in one browser: drawn as splats or as points, recoloured in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from grounding3d.interfaces.viewer.detail import Selection
from grounding3d.interfaces.viewer.model import ViewModel

if TYPE_CHECKING:
    from viser import ClientHandle, GaussianSplatHandle, PointCloudHandle

Style = Literal["splats", "points"]
STYLES: tuple[Style, ...] = ("splats", "points")

_NAME = "/scene"


class Cloud:
    """One browser's copy of the Gaussians.

    Args:
        client: the browser.
    """

    def __init__(self, client: ClientHandle) -> None:
        self._client = client
        self._splats: GaussianSplatHandle | None = None
        self._points: PointCloudHandle | None = None
        self._drawn: tuple[ViewModel, np.ndarray] | None = None

    def draw(
        self, model: ViewModel, selection: Selection, rgb: np.ndarray, style: Style, size_m: float
    ) -> None:
        """Show the selection in the given colours; only what differs is sent.

        Args:
            model: where the rows point to.
            selection: which Gaussians.
            rgb: [n,3] uint8 colours of these.
            style: splats are the Gaussians themselves, points their middles.
            size_m: edge of a point, metres.
        """
        same = self._drawn is not None and self._drawn[0] is model
        same = same and np.array_equal(self._drawn[1], selection.rows)  # type: ignore[index]
        if style == "splats":
            self._draw_splats(model, selection, rgb, same)
        else:
            self._draw_points(model, selection, rgb, size_m, same)
        self._drawn = (model, selection.rows)

    def clear(self) -> None:
        """Take the Gaussians out of the browser and let go of their arrays."""
        for handle in (self._splats, self._points):
            if handle is not None:
                handle.remove()
        self._splats = self._points = self._drawn = None

    def _draw_splats(
        self, model: ViewModel, selection: Selection, rgb: np.ndarray, same: bool
    ) -> None:
        self._hide(self._points)
        self._points = None
        if self._splats is None:
            none = np.zeros((0, 3), np.float32)
            self._splats = self._client.scene.add_gaussian_splats(
                _NAME, none, np.zeros((0, 3, 3), np.float32), none, none[:, :1]
            )
            same = False
        if same:
            buffer = self._splats.buffer.copy()
            buffer[:, 7] = pack_colour(rgb, model.alpha[selection.rows])
        else:
            buffer = pack_splats(model, selection, rgb)
        self._splats.buffer = buffer

    def _draw_points(
        self, model: ViewModel, selection: Selection, rgb: np.ndarray, size_m: float, same: bool
    ) -> None:
        self._hide(self._splats)
        self._splats = None
        if self._points is not None and same:
            self._points.colors = rgb
            self._points.point_size = size_m
            return
        self._hide(self._points)
        self._points = self._client.scene.add_point_cloud(
            _NAME,
            model.means[selection.rows],
            np.array(rgb),
            point_size=size_m,
            point_shape="circle",
            point_shading="flat",
            precision="float32",
        )

    @staticmethod
    def _hide(handle: GaussianSplatHandle | PointCloudHandle | None) -> None:
        if handle is not None:
            handle.remove()


def pack_splats(model: ViewModel, selection: Selection, rgb: np.ndarray) -> np.ndarray:
    """[n,8] uint32 rows as viser draws them: xyz float32, a spare word, the covariance's upper
    triangle as six float16, rgba as bytes (`viser._messages.GaussianSplatsProps`)."""
    rows = selection.rows
    packed = np.zeros((len(rows), 8), np.uint32)
    packed[:, :3] = model.means[rows].view(np.uint32)
    covariance = model.covariance[rows] * np.square(selection.growth)[:, None]
    packed[:, 4:7] = np.ascontiguousarray(covariance, np.float16).view(np.uint32)
    packed[:, 7] = pack_colour(rgb, model.alpha[rows])
    return packed


def pack_colour(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[n] uint32 from colours [n,3] and opacities [n], both uint8."""
    return np.ascontiguousarray(np.column_stack([rgb, alpha])).view(np.uint32)[:, 0]
