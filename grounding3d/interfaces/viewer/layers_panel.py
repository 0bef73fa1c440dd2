"""The tab that switches layers on and off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.interfaces.viewer import texts
from grounding3d.interfaces.viewer.cloud import STYLES
from grounding3d.interfaces.viewer.detail import MAX_BUDGET
from grounding3d.interfaces.viewer.paint import SURFACES, depth_share
from grounding3d.interfaces.viewer.session import Session

if TYPE_CHECKING:
    from viser import GuiEvent, GuiMultiSliderHandle

_SWITCHES = {
    "relevancy": ("Relevancy", "Paint how well places fit the question (key R)."),
    "boxes": ("Boxes", "Boxes of all objects (key B)."),
    "labels": ("Labels", "Names of all objects (key L)."),
    "cameras": ("Cameras", "Where the recording camera stood; click one to look from it (key C)."),
    "ground": ("Grid, axes", "Squares of 1 m; axes of 0.5 m: x red, y green, z blue (key G)."),
    "dark": ("Dark", "Dark theme (key T)."),
}
_STEP_M = 0.01
_THOUSAND = 1000


class LayersPanel:
    """What is drawn, and how.

    Args:
        session: the browser's state; the panel is made inside the current container.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        gui, look = session.client.gui, session.look
        self._inputs: dict[str, Any] = {
            "style": gui.add_dropdown(
                "Draw as", STYLES, hint="Gaussians as splats, or their middles as points (key P)."
            ),
            "surface": gui.add_dropdown(
                "Colours", SURFACES, hint="What the colours of the scene mean (key N: next)."
            ),
        }
        for name, (label, hint) in _SWITCHES.items():
            self._inputs[name] = gui.add_checkbox(label, bool(getattr(look, name)), hint=hint)
        self._inputs["point_mm"] = gui.add_slider(
            "Point, mm", 1.0, 40.0, 1.0, _THOUSAND * look.point_size_m
        )
        self._inputs["budget_k"] = gui.add_slider(
            "Budget, k", 20, MAX_BUDGET // _THOUSAND, 10, look.budget // _THOUSAND,
            hint="Most Gaussians, in thousands, that are sent to this browser.",
        )  # fmt: skip
        for name, handle in self._inputs.items():
            handle.on_update(partial(self._changed, name))
        self._facts = gui.add_html("")
        with gui.add_folder("Clipping box, metres", expand_by_default=False):
            self._clip = [self._clip_slider(axis) for axis in range(3)]
        self.update()

    def update(self) -> None:
        """Show what is switched on, and how much of the scene is drawn."""
        look = self._session.look
        values = {
            "point_mm": _THOUSAND * look.point_size_m,
            "budget_k": look.budget // _THOUSAND,
            **{name: getattr(look, name) for name in ("style", "surface", *_SWITCHES)},
        }
        for name, value in values.items():
            self._inputs[name].value = value
        self._inputs["point_mm"].visible = look.style == "points"
        self._facts.content = texts.note(self._describe())

    def _describe(self) -> str:
        session = self._session
        drawn, there = len(session.selection.rows), session.selection.n_candidates
        text = f"{drawn:,} of {there:,} Gaussians drawn (budget {session.look.budget:,})"
        if drawn < there:
            text += ", more where the camera is near"
        if session.look.surface == "depth":
            eye = np.asarray(session.client.camera.position, float)
            _, near, far = depth_share(session.model, session.selection.rows, eye)
            text += f". Depth: yellow {near:.2f} m, dark blue {far:.2f} m from the camera"
        return text + "."

    def _clip_slider(self, axis: int) -> GuiMultiSliderHandle:
        low, high = (_round(corner[axis]) for corner in self._session.model.bounds)
        slider = self._session.client.gui.add_multi_slider(
            "xyz"[axis], low, max(high, low + _STEP_M), _STEP_M, (low, max(high, low + _STEP_M))
        )
        slider.on_update(self._clipped)
        return slider

    def _clipped(self, event: GuiEvent) -> None:
        if event.client is None:
            return
        low = np.array([min(s.value) for s in self._clip])
        high = np.array([max(s.value) for s in self._clip])
        whole = all(s.value[0] <= s.min and s.value[1] >= s.max for s in self._clip)
        self._session.restyle(clip=None if whole else (low, high))

    def _changed(self, name: str, event: GuiEvent) -> None:
        if event.client is None:  # set by us, not by a person
            return
        value = self._inputs[name].value
        if name == "point_mm":
            self._session.restyle(point_size_m=value / _THOUSAND)
        elif name == "budget_k":
            self._session.restyle(budget=int(value) * _THOUSAND)
        else:
            self._session.restyle(**{name: value})


def _round(metres: float) -> float:
    return round(float(metres) / _STEP_M) * _STEP_M
