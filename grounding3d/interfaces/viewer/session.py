"""One browser: its questions, layers and selection, and what it sees of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.interfaces.viewer.cloud import Cloud
from grounding3d.interfaces.viewer.detail import Eye, Selection, select
from grounding3d.interfaces.viewer.look import Look
from grounding3d.interfaces.viewer.marks import Marks
from grounding3d.interfaces.viewer.model import Painting, ViewModel
from grounding3d.interfaces.viewer.paint import Surface, faded, light_up, surface_colours
from grounding3d.interfaces.viewer.picking import Measure, Picked, measure, pick, view_of_box
from grounding3d.interfaces.viewer.start_view import start_view
from grounding3d.scene.base import Keyframe

if TYPE_CHECKING:
    from viser import ClientHandle

_log = logging.getLogger(__name__)

FIELD_OF_VIEW = float(np.deg2rad(50))  # vertical
QUESTIONS = 2
HISTORY = 30


class Session:
    """The state of one browser; every public method may be called from any thread.

    Args:
        client: the browser.
        model: the scene to begin with.
        images: frame index -> thumbnail, shared by all browsers.
        look: the layers to begin with.

    Attributes:
        changed: called, without arguments, after anything that the panels show has changed.
    """

    def __init__(
        self,
        client: ClientHandle,
        model: ViewModel,
        images: dict[int, np.ndarray],
        look: Look | None = None,
    ) -> None:
        self.client = client
        self.model = model
        self.images = images
        self.look = look or Look()
        self.asked: list[str] = [""] * QUESTIONS
        self.paintings: list[Painting | None] = [None] * QUESTIONS
        self.history: list[tuple[str, str]] = []
        self.picked: Picked | None = None
        self.measuring = False
        self.ends: list[np.ndarray] = []
        self.length: Measure | None = None
        self.selection = Selection(np.zeros(0, np.int64), np.zeros(0, np.float32), 0)
        self.changed: Callable[[], None] = lambda: None
        self._cloud, self._marks = Cloud(client), Marks(client)
        self._faded: tuple[tuple[Selection, Surface], np.ndarray] | None = None
        self._lock = RLock()
        self._closed = False

    def open(self) -> None:
        """First picture: the Gaussians, then what is drawn over them."""
        with self._lock:
            self.go_home()
            self._redraw(select_anew=True)
            self._draw_marks()
            self._draw_ground()
            self._draw_cameras()
            self._background()

    def close(self) -> None:
        """The browser has gone: let go of everything that was made for it."""
        with self._lock:
            self._closed = True
            self.changed = lambda: None
            self._cloud.clear()
            self._marks.clear()
            self.paintings, self._faded = [None] * QUESTIONS, None
            self.selection = Selection(np.zeros(0, np.int64), np.zeros(0, np.float32), 0)

    def show(self, model: ViewModel) -> None:
        """Go over to another version of the scene; questions are asked again, the view stays."""
        with self._lock:
            if self._closed:
                return
            self.model = model
            self.paintings = [model.ask(text) if text else None for text in self.asked]
            if self.picked is not None and self.picked.item is not None:
                ids = {item.id: item for item in model.scene.objects}
                self.picked = Picked(self.picked.point, ids.get(self.picked.item.id))
            self._redraw(select_anew=True)
            self._draw_marks()
            self._draw_ground()
            self._draw_cameras()
            self.changed()

    def ask(self, texts: Sequence[str]) -> None:
        """Ask up to two questions at once, paint them, and frame the best answer.

        An empty text takes its question away.
        """
        with self._lock:
            if self._closed:
                return
            for number, text in enumerate(texts[:QUESTIONS]):
                self.asked[number] = text = text.strip()
                self.paintings[number] = self.model.ask(text) if text else None
                self._remember(number)
            self._redraw(select_anew=False)
            best = self._best()
            if best is not None:
                self._look_at_box(best)
            self._draw_marks()
            self.changed()

    def frame(self, number: int, place: int) -> None:
        """Let the camera frame a candidate: question `number`, `place` from 0 = best."""
        with self._lock:
            painting = self.paintings[number]
            if painting is not None and place < len(painting.answer.candidates):
                self._look_at_box(painting.answer.candidates[place].box)

    def frame_object(self, object_id: int) -> None:
        """Select an object and let the camera frame it."""
        with self._lock:
            item = self.model.scene.objects.by_id(object_id)
            self.picked = Picked(item.position, item)
            self._look_at_box(item.box)
            self._draw_picked()
            self.changed()

    def click(self, origin: np.ndarray, direction: np.ndarray) -> None:
        """A click into the scene: select what is there, or set an end of the measure."""
        with self._lock:
            if self._closed:
                return
            found = pick(self.model, origin, direction, self.selection.rows)
            if found is None:
                self.picked = None
            elif self.measuring:
                self.ends = [*self.ends, found.point] if len(self.ends) < 2 else [found.point]
                self.picked = found
            else:
                self.picked = found
            self._draw_picked()
            self.changed()

    def set_measuring(self, on: bool) -> None:
        """Whether clicks set the ends of a measure; what was measured goes away with it."""
        with self._lock:
            self.measuring, self.ends = on, []
            self._draw_picked()
            self.changed()

    def clear(self) -> None:
        """Take questions, selection and measure away."""
        with self._lock:
            self.asked, self.paintings = [""] * QUESTIONS, [None] * QUESTIONS
            self.picked, self.measuring, self.ends = None, False, []
            self._redraw(select_anew=False)
            self._draw_marks()
            self._draw_picked()
            self.changed()

    def restyle(self, **changes: object) -> None:
        """Change fields of the `Look` and redraw what they touch."""
        with self._lock:
            if self._closed:
                return
            for name, value in changes.items():
                setattr(self.look, name, value)
            names = set(changes)
            if names & {"style", "surface", "relevancy", "point_size_m", "budget", "clip"}:
                self._redraw(select_anew=bool(names & {"budget", "clip"}))
            if names & {"boxes", "labels", "dark", "clip"}:
                self._draw_marks()
            if names & {"ground", "dark"}:
                self._draw_ground()
            if "cameras" in names:
                self._draw_cameras()
            self.changed()

    def camera_rests(self) -> None:
        """The camera has come to rest: refine where it is near, measure depth from there."""
        with self._lock:
            if self._closed:
                return
            thinned = self.selection.n_candidates > len(self.selection.rows)
            if thinned or self.look.surface == "depth":
                self._redraw(select_anew=thinned)

    def images_arrived(self) -> None:
        """Thumbnails of the capture have been read."""
        with self._lock:
            if not self._closed and self.look.cameras:
                self._draw_cameras()

    def go_home(self) -> None:
        """The view that a page opens with."""
        eye, target = start_view(self.model)
        self._place_camera(eye, target)

    def _remember(self, number: int) -> None:
        text, painting = self.asked[number], self.paintings[number]
        if text and painting is not None:
            entry = (text, painting.answer.status)
            self.history = [entry, *(h for h in self.history if h[0] != text)][:HISTORY]

    def _best(self) -> OBB | None:
        for painting in self.paintings:
            if painting is not None and painting.answer.selected:
                return painting.answer.selected[0].box
        return None

    def _redraw(self, *, select_anew: bool) -> None:
        model, look = self.model, self.look
        if select_anew:
            keep = look.keep(model.means)
            self.selection = select(model, look.budget, self._eye(), keep)
        rows = self.selection.rows
        relevancies = [None if p is None else p.relevancy(rows) for p in self.paintings]
        if look.relevancy and any(r is not None for r in relevancies):
            rgb = light_up(self._background(), relevancies)
        else:
            rgb = surface_colours(model, rows, look.surface, self._camera_position())
        self._cloud.draw(model, self.selection, rgb, look.style, look.point_size_m)
        self.client.flush()

    def _background(self) -> np.ndarray:
        """What questions are painted on; kept, since a new question needs it at once."""
        key = (self.selection, self.look.surface)
        if self._faded is None or self._faded[0] != key or self.look.surface == "depth":
            eye = self._camera_position()
            rgb = surface_colours(self.model, self.selection.rows, self.look.surface, eye)
            self._faded = (key, faded(rgb))
        return self._faded[1]

    def _draw_marks(self) -> None:
        answers = [None if p is None else p.answer for p in self.paintings]
        self._marks.answers(self.model, answers)
        if self.look.boxes:
            besides = {c.id for a in answers if a is not None for c in a.selected}
            self._marks.objects(
                self.model, dark=self.look.dark, labels=self.look.labels, besides=besides
            )
        else:
            self._marks.clear("objects")

    def _draw_picked(self) -> None:
        item = self.picked.item if self.picked else None
        self._marks.picked(self.picked.point if self.picked else None, item.box if item else None)
        self.length = None
        if len(self.ends) == 2:
            self.length = measure(self.ends[0], self.ends[1], self.model.scene.scene.up_world)
        self._marks.measure(self.ends, f"{self.length.distance_m:.3f} m" if self.length else "")

    def _draw_ground(self) -> None:
        if self.look.ground:
            self._marks.ground(self.model, dark=self.look.dark)
        else:
            self._marks.clear("ground")

    def _draw_cameras(self) -> None:
        if self.look.cameras:
            keyframes = self.model.scene.scene.keyframes
            self._marks.cameras(keyframes, self.images, self._look_from)
        else:
            self._marks.clear("cameras")

    def _look_from(self, keyframe: Keyframe) -> None:
        """See what a keyframe saw."""
        T = keyframe.T_world_cam
        self._place_camera(T[:3, 3], T[:3, 3] + T[:3, 2])

    def _look_at_box(self, box: OBB) -> None:
        camera = self.client.camera
        eye, target = view_of_box(
            box, self.model.up, np.asarray(camera.position), camera.fov, camera.aspect
        )
        self._place_camera(eye, target)

    def _place_camera(self, eye: np.ndarray, target: np.ndarray) -> None:
        with self.client.atomic():
            self.client.camera.fov = FIELD_OF_VIEW
            self.client.camera.up_direction = self.model.up
            self.client.camera.position = eye
            self.client.camera.look_at = target

    def _camera_position(self) -> np.ndarray:
        return np.asarray(self.client.camera.position, float)

    def _eye(self) -> Eye:
        camera = self.client.camera
        forward = np.asarray(camera.look_at, float) - np.asarray(camera.position, float)
        length = max(float(np.linalg.norm(forward)), 1e-9)
        corner = np.tan(camera.fov / 2) * np.hypot(1, camera.aspect)
        return Eye(self._camera_position(), forward / length, float(np.arctan(corner)))
