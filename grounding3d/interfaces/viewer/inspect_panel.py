"""The tab that shows what was clicked, gives its coordinates away, and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grounding3d.interfaces.viewer import texts
from grounding3d.interfaces.viewer.session import Session

if TYPE_CHECKING:
    from viser import GuiEvent

_NO_OBJECT = "Choose …"
_CLICK = "Click an object or any point of the scene to read its coordinates."
_FIRST, _SECOND = "Click the first point.", "Click the second point."


class InspectPanel:
    """Coordinates of the selection, ready to copy, and a measure between two points.

    Args:
        session: the browser's state; the panel is made inside the current container.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        gui = session.client.gui
        self._ids: tuple[int, ...] = ()
        self._objects = gui.add_dropdown("Object", (_NO_OBJECT,), hint="Or click it in the scene.")
        self._objects.on_update(self._choose)
        self._place = gui.add_html("")
        self._form = gui.add_dropdown("Copy as", texts.COPY_FORMATS)
        self._form.on_update(lambda _: self.update())
        self._copy = gui.add_html("")
        self._measuring = gui.add_checkbox(
            "Measure", False, hint="The next two clicks are the ends (key M)."
        )
        self._measuring.on_update(self._switch)
        self._length = gui.add_html("")
        self.update()

    def update(self) -> None:
        """Show the session's selection and measure."""
        session = self._session
        frame_id = session.model.scene.scene.world_frame
        self._list_objects()
        picked = session.picked
        self._form.visible = self._copy.visible = picked is not None
        if picked is None:
            self._place.content = texts.note(_CLICK)
        else:
            self._place.content = texts.place_html(picked.point, frame_id, picked.item)
            record = texts.place_record(picked.point, frame_id, picked.item)
            self._copy.content = texts.copy_html(texts.copy_text(record, self._form.value))
        self._measuring.value = session.measuring  # type: ignore[misc]
        self._length.content = self._measure()

    def _measure(self) -> str:
        session = self._session
        if session.length is not None:
            return texts.measure_html(session.length)
        if not session.measuring:
            return ""
        return texts.note(_SECOND if session.ends else _FIRST)

    def _list_objects(self) -> None:
        objects = self._session.model.scene.objects
        self._ids = tuple(item.id for item in objects)
        self._objects.options = (
            _NO_OBJECT,
            *(f"#{item.id} {texts.plain(item.label)}" for item in objects),
        )
        item = self._session.picked.item if self._session.picked else None
        place = self._ids.index(item.id) + 1 if item and item.id in self._ids else 0
        self._objects.value = self._objects.options[place]  # type: ignore[misc]

    def _choose(self, event: GuiEvent) -> None:
        place = self._objects.options.index(self._objects.value) - 1
        if event.client is not None and 0 <= place < len(self._ids):
            self._session.frame_object(self._ids[place])

    def _switch(self, event: GuiEvent) -> None:
        if event.client is not None:
            self._session.set_measuring(self._measuring.value)
