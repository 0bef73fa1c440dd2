"""The viewer: one server, one session a browser, one thread that follows the scene."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.errors import GroundingError
from grounding3d.extras import require
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import load_encoder
from grounding3d.interfaces.viewer.encoder import RememberingEncoder
from grounding3d.interfaces.viewer.look import Look
from grounding3d.interfaces.viewer.model import ViewModel, make_model
from grounding3d.interfaces.viewer.page import Page, set_theme
from grounding3d.interfaces.viewer.session import FIELD_OF_VIEW, Session
from grounding3d.interfaces.viewer.source import SceneSource
from grounding3d.interfaces.viewer.start_view import start_view
from grounding3d.objects.base import LanguageScene

if TYPE_CHECKING:
    from viser import ClientHandle

_log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
_REST_S = 0.3  # a camera that has not moved for so long is at rest


@dataclass(frozen=True)
class ViewerConfig:
    """How the viewer is served.

    Attributes:
        host: address to bind; others than the loopback let other machines in.
        port: TCP port, 0 for any free one.
        live: follow the source as it changes.
        interval_s: how often a live source is looked at, seconds.
        title: shown on the panel.
        look: the layers that a page begins with.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    live: bool = False
    interval_s: float = 0.5
    title: str = "grounding3d"
    look: Look = field(default_factory=Look)


class Viewer:
    """Serves a scene to any number of browsers until it is stopped.

    Args:
        source: where the scene comes from.
        config: how it is served.
        encoder: the one the scene was built with; loaded from the scene's own spec if None.

    Raises:
        MissingDependencyError: viser is not installed.
        ConfigError: the port is taken.
        SceneError: the scene cannot be read.
    """

    def __init__(
        self,
        source: SceneSource,
        config: ViewerConfig | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        require("viser", purpose="the viewer")
        from grounding3d.interfaces.viewer.server import serve

        self.config = config or ViewerConfig()
        self._source = source
        self._version = source.version()
        self._encoders = _Encoders(encoder)
        self.model = self._prepare(source.scene())
        self.images: dict[int, np.ndarray] = {}
        self._sessions: dict[int, Session] = {}
        self._lock = Lock()
        self._stopped = Event()
        self.server = serve(self.config.host, self.config.port, self.config.title)
        self._set_up()
        self.server.on_client_connect(self._open)
        self.server.on_client_disconnect(self._close)
        self._follower = Thread(target=self._follow, name="viewer-follow", daemon=True)
        if self.config.live:
            self._follower.start()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = self.server.get_host()
        shown = "localhost" if host in (*_LOOPBACK, *_EVERYWHERE) else host
        return f"http://{shown}:{self.server.get_port()}"

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The browsers that are open."""
        with self._lock:
            return tuple(self._sessions.values())

    def show_images(self, images: dict[int, np.ndarray]) -> None:
        """Thumbnails of the recorded frames, by frame index, for the cameras' frusta."""
        self.images.update(images)
        for session in self.sessions:
            session.images_arrived()

    def wait(self) -> None:
        """Serve until `stop` is called or the program is interrupted."""
        while not self._stopped.wait(3600):
            pass

    def stop(self) -> None:
        """Close all pages and free the port."""
        self._stopped.set()
        if self._follower.is_alive():
            self._follower.join()
        for session in self.sessions:
            session.close()
        with self._lock:
            self._sessions.clear()
        self.server.stop()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _prepare(self, scene: LanguageScene) -> ViewModel:
        encoder, reason = self._encoders.of(scene)
        return make_model(scene, encoder, reason)

    def _set_up(self) -> None:
        """What concerns all browsers: up, and the view that a page opens with."""
        eye, target = start_view(self.model)
        self.server.scene.set_up_direction(self.model.up)
        camera = self.server.initial_camera
        camera.fov, camera.up = FIELD_OF_VIEW, self.model.up
        camera.position, camera.look_at = eye, target

    def _open(self, client: ClientHandle) -> None:
        from grounding3d.interfaces.viewer.server import Resting, same_origin

        if not same_origin(self.server, client.client_id, self.config.host):
            _log.warning("refused a page of another site that tried to read the scene")
            return
        set_theme(client, self.config.look.dark)
        session = Session(client, self.model, self.images, replace(self.config.look))
        with self._lock:
            self._sessions[client.client_id] = session
        session.open()
        Page(session, help_text(self.url, self.config.host))
        client.camera.on_update(Resting(self.server, _REST_S, session.camera_rests).stirred)
        if session.model is not self.model:  # it changed in the meantime
            session.show(self.model)
        if client.client_id not in self.server.get_clients():  # gone in the meantime
            self._close(client)

    def _close(self, client: ClientHandle) -> None:
        with self._lock:
            session = self._sessions.pop(client.client_id, None)
        if session is not None:
            session.close()

    def _follow(self) -> None:
        """Look at the source again and again; a source that fails for once is tried later."""
        while not self._stopped.wait(self.config.interval_s):
            try:
                version = self._source.version()
                if version == self._version:
                    continue
                model = self._prepare(self._source.scene())
            except (GroundingError, OSError) as error:
                _log.warning("the scene could not be read, the old one stays: %s", error)
                continue
            self._version, self.model = version, model
            self._set_up()
            for session in self.sessions:
                session.show(model)


class _Encoders:
    """The scene's encoder, loaded once for all versions of the scene that use it."""

    def __init__(self, encoder: Encoder | None) -> None:
        self._spec: str | None = None
        self._encoder = None if encoder is None else RememberingEncoder(encoder)
        self._fixed = encoder is not None

    def of(self, scene: LanguageScene) -> tuple[Encoder | None, str]:
        """The encoder, or None and why there is none."""
        if not self._fixed and self._spec != scene.encoder.spec:
            self._encoder = None
            try:
                self._encoder = RememberingEncoder(load_encoder(scene.encoder.spec))
                self._spec = scene.encoder.spec
            except GroundingError as error:
                _log.warning("the scene can be looked at, but not asked: %s", error)
                return None, str(error)
        return self._encoder, ""  # type: ignore[return-value]


def help_text(url: str, host: str) -> list[str]:
    """Who can see this page, and how to show it to somebody else safely."""
    port = url.rpartition(":")[2]
    if host in _LOOPBACK:
        return [
            "Drag to turn, scroll to come nearer, right-drag to move. Click to read coordinates.",
            "Only this machine can open this page. To look from another one, make a tunnel there: "
            f"ssh -L {port}:localhost:{port} USER@THIS-MACHINE, then open {url} on it.",
        ]
    return [
        "Drag to turn, scroll to come nearer, right-drag to move. Click to read coordinates.",
        f"Every machine that reaches {host} can open this page, without a password and unencrypted."
        f" Safer: start without --host and use ssh -L {port}:localhost:{port}.",
    ]
