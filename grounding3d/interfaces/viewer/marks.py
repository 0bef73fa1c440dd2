"""Lines and labels over the scene: boxes, answers, the clicked place, a measure, cameras, grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import rotation_between, wxyz_from_matrix
from grounding3d.interfaces.viewer.model import ViewModel
from grounding3d.interfaces.viewer.paint import QUERY_COLOURS
from grounding3d.interfaces.viewer.texts import plain
from grounding3d.query.answer import Answer
from grounding3d.scene.base import Keyframe

if TYPE_CHECKING:
    from viser import ClientHandle

MAX_LABELS = 150
MAX_FRUSTA = 60

_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)]
_PICKED = (250, 176, 5)
_MEASURE = (190, 75, 219)
_CAMERA = (120, 130, 145)
_FRUSTUM_M = 0.08


class Marks:
    """One browser's lines and labels, by groups that are redrawn or removed as a whole.

    Args:
        client: the browser.
    """

    def __init__(self, client: ClientHandle) -> None:
        self._client = client
        self._groups: dict[str, list] = {}

    def clear(self, *groups: str) -> None:
        """Remove the named groups, all of them if none is named."""
        for group in groups or tuple(self._groups):
            for handle in self._groups.pop(group, []):
                handle.remove()

    def objects(self, model: ViewModel, *, dark: bool, labels: bool, besides: set[int]) -> None:
        """A thin box and a label for every object but those that an answer marks already."""
        self.clear("objects")
        items = [item for item in model.scene.objects if item.id not in besides]
        colour = (173, 181, 189) if dark else (73, 80, 87)
        self._boxes("objects", [item.box for item in items], colour, 1.5)
        for item in items[: MAX_LABELS if labels else 0]:
            text = f"{plain(item.label)} #{item.id}"
            self._label("objects", f"{item.id}", text, _top(item.box, model.up))

    def answers(self, model: ViewModel, answers: Sequence[Answer | None]) -> None:
        """Thick boxes around what was found, thin ones around the runners-up."""
        self.clear("answers")
        for number, answer in enumerate(answers):
            if answer is None:
                continue
            chosen = [c for c in answer.candidates if c.selected]
            others = [c for c in answer.candidates if not c.selected]
            self._boxes("answers", [c.box for c in chosen], QUERY_COLOURS[number], 5)
            if answer.status == "ambiguous":
                self._boxes("answers", [c.box for c in others], QUERY_COLOURS[number], 2)
            for c in chosen:
                x, y, z = c.box.center
                text = f"{plain(c.label)} #{c.id}  ({x:.2f}, {y:.2f}, {z:.2f})  {c.score:.2f}"
                self._label("answers", f"{number}-{c.id}", text, _top(c.box, model.up))

    def picked(self, point: np.ndarray | None, box: OBB | None = None) -> None:
        """A dot at the clicked point and the box of the object there."""
        self.clear("picked")
        if box is not None:
            self._boxes("picked", [box], _PICKED, 4)
        if point is not None:
            self._dots("picked", [point], _PICKED)

    def measure(self, points: Sequence[np.ndarray], text: str = "") -> None:
        """Dots at one or two points, and a line with its length between two."""
        self.clear("measure")
        if points:
            self._dots("measure", points, _MEASURE)
        if len(points) == 2:
            line = np.array([[points[0], points[1]]], np.float32)
            self._lines("measure", line, _MEASURE, 4)
            self._label("measure", "length", text, (points[0] + points[1]) / 2)

    def ground(self, model: ViewModel, *, dark: bool) -> None:
        """World axes of 0.5 m at the origin, and a grid of 1 m squares on the floor."""
        self.clear("ground")
        low, high = model.bounds
        up, middle = model.up, (low + high) / 2
        height = float(np.percentile(model.means @ up, 0.5)) if len(model) else 0.0
        position = middle - (middle @ up) * up + height * up
        # lines of the grid go through whole metres
        wxyz = wxyz_from_matrix(rotation_between(np.array([0, 0, 1.0]), up))
        if np.allclose(up, [0, 0, 1]):
            position[:2] = np.round(position[:2])
        side = float(np.ceil(np.linalg.norm(high - low)) + 2)
        fine, coarse = ((60, 64, 70), (90, 96, 105)) if dark else ((222, 226, 230), (173, 181, 189))
        grid = self._client.scene.add_grid(
            "/ground/grid", side, side, cell_size=0.25, section_size=1.0, cell_color=fine,
            section_color=coarse, wxyz=wxyz, position=position, shadow_opacity=0.0,
        )  # fmt: skip
        axes = self._client.scene.add_frame("/ground/axes", axes_length=0.5, axes_radius=0.006)
        self._groups["ground"] = [grid, axes]
        for name, place in zip("xyz", 0.54 * np.eye(3)):
            self._label("ground", name, name, place)

    def cameras(
        self,
        keyframes: Sequence[Keyframe],
        images: dict[int, np.ndarray],
        on_click: Callable[[Keyframe], None],
    ) -> None:
        """Frusta of some keyframes, with their images where these are known.

        Args:
            keyframes: all of them; at most `MAX_FRUSTA`, evenly spread, are drawn.
            images: frame index -> small uint8 image [h,w,3].
            on_click: called with the keyframe whose frustum was clicked.
        """
        self.clear("cameras")
        handles = self._groups.setdefault("cameras", [])
        for keyframe in shown_keyframes(keyframes):
            camera, T = keyframe.camera, keyframe.T_world_cam
            handle = self._client.scene.add_camera_frustum(
                f"/cameras/{keyframe.frame_index}",
                fov=2 * float(np.arctan(camera.height / 2 / camera.fy)),
                aspect=camera.width / camera.height,
                scale=_FRUSTUM_M,
                thickness=2.0,
                thickness_units="screen",
                color=_CAMERA,
                image=images.get(keyframe.frame_index),
                jpeg_quality=70,
                wxyz=wxyz_from_matrix(T[:3, :3]),
                position=T[:3, 3],
            )
            handle.on_click(partial(_clicked, on_click, keyframe))
            handles.append(handle)

    def _boxes(
        self, group: str, boxes: Sequence[OBB], colour: tuple[int, int, int], width: float
    ) -> None:
        if boxes:
            corners = np.array([box.corners for box in boxes], np.float32)
            segments = corners[:, _EDGES].reshape(-1, 2, 3)
            self._lines(group, segments, colour, width)

    def _lines(
        self, group: str, segments: np.ndarray, colour: tuple[int, int, int], width: float
    ) -> None:
        handles = self._groups.setdefault(group, [])
        handles.append(
            self._client.scene.add_line_segments(
                f"/marks/{group}/lines{len(handles)}",
                segments,
                colour,
                thickness=width,
                thickness_units="screen",
            )
        )

    def _label(self, group: str, name: str, text: str, position: np.ndarray) -> None:
        self._groups.setdefault(group, []).append(
            self._client.scene.add_label(
                f"/marks/{group}/label-{name}", text, position=position, anchor="bottom-center",
                font_screen_scale=0.85,
            )
        )  # fmt: skip

    def _dots(self, group: str, points: Sequence[np.ndarray], colour: tuple[int, int, int]) -> None:
        for number, point in enumerate(points):
            self._groups.setdefault(group, []).append(
                self._client.scene.add_icosphere(
                    f"/marks/{group}/dot{number}", radius=0.008, color=colour, position=point,
                    cast_shadow=False, receive_shadow=False,
                )
            )  # fmt: skip


def shown_keyframes(keyframes: Sequence[Keyframe]) -> list[Keyframe]:
    """At most `MAX_FRUSTA` of the keyframes, evenly spread."""
    if len(keyframes) <= MAX_FRUSTA:
        return list(keyframes)
    steps = np.linspace(0, len(keyframes) - 1, MAX_FRUSTA)
    return [keyframes[int(i)] for i in np.rint(steps)]


def _clicked(on_click: Callable[[Keyframe], None], keyframe: Keyframe, _: object) -> None:
    on_click(keyframe)


def _top(box: OBB, up: np.ndarray) -> np.ndarray:
    """Just above the middle of the box's upper side."""
    height = float(((box.corners - box.center) @ up).max())
    return np.asarray(box.center + (height + 0.015) * up)
