"""The page of one browser: tabs, keys, clicks, theme."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.interfaces.viewer import texts
from grounding3d.interfaces.viewer.ask_panel import N_CANDIDATES, AskPanel
from grounding3d.interfaces.viewer.inspect_panel import InspectPanel
from grounding3d.interfaces.viewer.layers_panel import LayersPanel
from grounding3d.interfaces.viewer.paint import SURFACES
from grounding3d.interfaces.viewer.session import Session

if TYPE_CHECKING:
    from viser import ClientHandle, SceneClickEvent

_KEYS = (
    ("/", "type a question"),
    ("Enter", "ask"),
    ("1 … 5", "frame a candidate"),
    ("H", "home: the first view"),
    ("X", "clear questions, selection, measure"),
    ("M", "measure between two clicks"),
    ("P", "splats or points"),
    ("N", "next colours"),
    ("R B L C G", "relevancy, boxes, labels, cameras, grid"),
    ("T", "dark or light"),
    ("W A S D Q E, arrows", "move, turn"),
    ("Ctrl K", "all commands"),
)
# the page's own key: viser has none that reaches into a text box
_FOCUS_SCRIPT = (
    "if(!window.g3dKeys){window.g3dKeys=1;window.addEventListener('keydown',e=>{"
    "if(e.target.closest('input,textarea')){if(e.key==='Escape')e.target.blur();return}"
    "if(e.key==='/'){const i=document.querySelector('form input');"
    "if(i){e.preventDefault();i.focus();i.select()}}})}"
)
_RUN = (
    '<img alt="" style="display:none" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" '
    f'onload="{_FOCUS_SCRIPT}" onerror="{_FOCUS_SCRIPT}">'
)


class Page:
    """Everything of one browser that is not in the 3D view.

    Args:
        session: its state.
        help_text: facts and advice for the last tab, as lines of plain text.
    """

    def __init__(self, session: Session, help_text: list[str]) -> None:
        self._session = session
        self._dark = session.look.dark
        client = session.client
        gui = client.gui
        self._header = gui.add_html(self._describe())
        tabs = gui.add_tab_group()
        with tabs.add_tab("Ask"):
            self._ask = AskPanel(session)
        with tabs.add_tab("Inspect"):
            self._inspect = InspectPanel(session)
        with tabs.add_tab("Layers"):
            self._layers = LayersPanel(session)
        with tabs.add_tab("Help"):
            gui.add_html(_help_html(help_text))
        self._add_commands()
        session.changed = self.update
        client.scene.on_click()(self._clicked)

    def update(self) -> None:
        """Show the session's state everywhere."""
        if self._dark != self._session.look.dark:
            self._dark = self._session.look.dark
            set_theme(self._session.client, self._dark)
        self._header.content = self._describe()
        self._ask.update()
        self._inspect.update()
        self._layers.update()

    def _describe(self) -> str:
        scene = self._session.model.scene
        text = (
            f"{len(scene.objects)} objects, {len(self._session.model):,} Gaussians, frame "
            f"{scene.scene.world_frame!r}"
        )
        if scene.scene.up_world is None:
            text += ", up unknown"
        return texts.note(text) + _RUN

    def _clicked(self, event: SceneClickEvent) -> None:
        self._session.click(np.array(event.ray_origin), np.array(event.ray_direction))

    def _add_commands(self) -> None:
        session = self._session

        def flip(name: str) -> Callable[[], None]:
            return lambda: session.restyle(**{name: not getattr(session.look, name)})

        def next_surface() -> None:
            place = SURFACES.index(session.look.surface)
            session.restyle(surface=SURFACES[(place + 1) % len(SURFACES)])

        def other_style() -> None:
            session.restyle(style="points" if session.look.style == "splats" else "splats")

        self._command("Home", "H", session.go_home)
        self._command("Clear", "X", session.clear)
        self._command("Measure", "M", lambda: session.set_measuring(not session.measuring))
        self._command("Splats or points", "P", other_style)
        self._command("Next colours", "N", next_surface)
        for key, name in zip(
            "RBLCGT", ("relevancy", "boxes", "labels", "cameras", "ground", "dark")
        ):
            self._command(f"Switch {name}", key, flip(name))
        for place in range(N_CANDIDATES):
            self._command(
                f"Frame candidate {place + 1}", str(place + 1), partial(self._frame, place)
            )

    def _frame(self, place: int) -> None:
        self._session.frame(0 if self._session.paintings[0] else 1, place)

    def _command(self, label: str, key: str, run: Callable[[], None]) -> None:
        command = self._session.client.gui.add_command(label, hotkey=key)  # type: ignore[arg-type]
        command.on_trigger(lambda _: run())


def set_theme(client: ClientHandle, dark: bool) -> None:
    """Colours and sizes of the panel; viser's sharing through a foreign server stays hidden."""
    client.gui.configure_theme(
        dark_mode=dark,
        show_logo=False,
        show_share_button=False,
        control_width="medium",
        brand_color=(34, 94, 168),
    )


def _help_html(lines: list[str]) -> str:
    keys = "".join(
        f'<tr><td style="white-space:nowrap;padding-right:0.8em"><b>{texts.shown(key)}</b></td>'
        f"<td>{texts.shown(text)}</td></tr>"
        for key, text in _KEYS
    )
    paragraphs = "".join(f"<p style='margin:0.5em 0 0'>{texts.shown(line)}</p>" for line in lines)
    return texts.panel(f"<table>{keys}</table>{paragraphs}")
