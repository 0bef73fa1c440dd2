"""The tab where questions are asked and answered."""

from __future__ import annotations

import time
from threading import RLock
from typing import TYPE_CHECKING

from grounding3d.interfaces.viewer import texts
from grounding3d.interfaces.viewer.session import QUESTIONS, Session

if TYPE_CHECKING:
    from viser import GuiButtonGroupHandle, GuiEvent

N_CANDIDATES = 5
_LATE_S = 0.5

_HISTORY_TITLE = "Asked before …"
_HINT = "For example: where is the mug, a red box, the thing to sit on. Enter asks."
_INVITATION = "Type what you are looking for and press Enter. Places that fit light up."


class AskPanel:
    """Two question boxes, their answers, and what was asked before.

    Args:
        session: the browser's state; the panel is made inside the current container.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._gui = gui = session.client.gui
        with gui.add_form(None) as form:
            self._boxes = [
                gui.add_text("Where is", "", hint=_HINT),
                gui.add_text("and (2nd)", "", hint="A second question, painted in blue."),
            ]
        self._submitted, self._submitted_at = [""] * QUESTIONS, -_LATE_S
        self._submitting = RLock()
        for box in self._boxes:
            box.on_update(self._typed)
        form.on_submit(lambda _: self.submit())
        button = gui.add_button("Ask", hint="Or press Enter in a question.")
        button.on_click(lambda _: self.submit())
        self._answers = [gui.add_html("") for _ in range(QUESTIONS)]
        self._frames = [self._frame_buttons(number) for number in range(QUESTIONS)]
        self._legend = gui.add_html("")
        self._history = gui.add_dropdown("History", (_HISTORY_TITLE,), visible=False)
        self._history.on_update(self._ask_again)
        self.update()

    def submit(self) -> None:
        """Ask what stands in the boxes."""
        with self._submitting:  # one after the other, so that `update` sees what it belongs to
            self._submitted_at = time.monotonic()
            self._submitted = [box.value.strip() for box in self._boxes]
            self._session.ask(tuple(self._submitted))

    def _typed(self, event: GuiEvent) -> None:
        """The last letters may come after the Enter, since the page sends text in batches."""
        if event.client is None or time.monotonic() - self._submitted_at > _LATE_S:
            return
        with self._submitting:
            if [box.value.strip() for box in self._boxes] != self._submitted:
                self.submit()

    def update(self) -> None:
        """Show the session's answers."""
        session = self._session
        for number, painting in enumerate(session.paintings):
            if session.asked[number] != self._submitted[number]:  # from the history, or cleared
                self._submitted[number] = session.asked[number]
                self._boxes[number].value = session.asked[number]  # type: ignore[misc]
            self._answers[number].content = self._content(number)
            count = len(painting.answer.candidates) if painting else 0
            self._frames[number].visible = count > 0
            if count:
                self._frames[number].options = tuple(str(i) for i in range(1, count + 1))
        asked = [(i, session.asked[i]) for i, p in enumerate(session.paintings) if p is not None]
        self._legend.content = texts.legend_html(asked) if session.look.relevancy else ""
        self._show_history()

    def _content(self, number: int) -> str:
        session = self._session
        painting = session.paintings[number]
        if painting is not None:
            return texts.answer_html(painting.answer, number)
        if number == 0 and session.model.engine is None:
            return texts.note(f"This scene cannot be asked: {session.model.no_engine}")
        return texts.note(_INVITATION) if number == 0 and not any(session.asked) else ""

    def _frame_buttons(self, number: int) -> GuiButtonGroupHandle:
        places = [str(i) for i in range(1, N_CANDIDATES + 1)]
        buttons = self._gui.add_button_group(
            "Look at", places, visible=False, hint="Let the camera frame this candidate."
        )
        buttons.on_click(lambda event: self._session.frame(number, int(event.target.value) - 1))
        return buttons

    def _show_history(self) -> None:
        lines = [f"{texts.plain(text)} ({status})" for text, status in self._session.history]
        self._history.visible = bool(lines)
        self._history.options = (_HISTORY_TITLE, *dict.fromkeys(lines))
        self._history.value = _HISTORY_TITLE  # type: ignore[misc]

    def _ask_again(self, event: GuiEvent) -> None:
        if event.client is None:  # set by us, not chosen by a person
            return
        place = self._history.options.index(self._history.value) - 1
        if 0 <= place < len(self._session.history):
            self._session.ask([self._session.history[place][0], self._session.asked[1]])
