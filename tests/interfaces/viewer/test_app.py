"""The viewer as a page meets it, over its own socket: states, live scenes, safety, memory."""

from __future__ import annotations

import gc
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import box_of, make_scene, without

pytest.importorskip("viser")

from browser import wait_for
from wire import WirePage

from grounding3d.errors import ConfigError, EncoderError
from grounding3d.geometry.transforms import matrix_from_wxyz
from grounding3d.interfaces.viewer.app import Viewer, ViewerConfig
from grounding3d.interfaces.viewer.cloud import pack_splats
from grounding3d.interfaces.viewer.detail import select
from grounding3d.interfaces.viewer.model import make_model
from grounding3d.interfaces.viewer.session import Session
from grounding3d.interfaces.viewer.source import CallableSource, FolderSource
from grounding3d.objects.store import save_scene

HOSTILE = "<img src=x onerror='window.pwned=1'>"


@pytest.fixture(scope="module")
def viewer(scene, bundled) -> Iterator[Viewer]:
    with Viewer(CallableSource(lambda: scene), ViewerConfig(port=0), bundled) as viewer:
        yield viewer


@pytest.fixture
def page(viewer: Viewer) -> Iterator[WirePage]:
    with WirePage(viewer.server.get_port()) as page:
        page.wait("GuiTextMessage", 2)
        wait_for(lambda: viewer.sessions, 10)
        yield page
    wait_for(lambda: not viewer.sessions, 20, "the session to be let go")


def orange(buffer: np.ndarray) -> np.ndarray:
    """[n] bool which splats have the first question's colour."""
    rgba = buffer[:, 7].copy().view(np.uint8).reshape(-1, 4).astype(int)
    return (rgba[:, 0] > 150) & (rgba[:, 0] - rgba[:, 2] > 90) & (rgba[:, 1] > 55)


def centres(buffer: np.ndarray) -> np.ndarray:
    return buffer[:, :3].copy().view(np.float32)


class TestPage:
    def test_it_opens_with_the_scene_and_its_objects(self, page: WirePage) -> None:
        buffer, _ = page.wait_buffer(0)
        assert len(buffer) == 4000
        labels = [m["props"]["text"] for m in page.wait("LabelMessage", 4)]
        assert {"table #1", "mug #2", "book #3", "bowl #4"} <= set(labels)

    def test_a_question_paints_the_thing_that_is_meant(self, viewer, page: WirePage) -> None:
        page.wait_buffer(0)
        seen = page.n_buffers()
        page.ask("where is the mug")
        buffer, _ = page.wait_buffer(seen)
        lit = centres(buffer)[orange(buffer)]
        assert len(lit) > 900
        assert box_of("mug").contains(lit, margin_m=0.03).mean() > 0.95
        wait_for(lambda: "-0.250, -0.050, 0.750" in page.html(), 10)
        # and the camera looks at it
        target = page.wait("SetCameraLookAtMessage", 2)[-1]["look_at"]
        assert target == pytest.approx([-0.25, -0.05, 0.75], abs=1e-5)

    def test_two_questions_at_once_have_two_colours(self, viewer, page: WirePage) -> None:
        page.wait_buffer(0)
        seen = page.n_buffers()
        page.ask("where is the mug", "where is the bowl")
        buffer, _ = page.wait_buffer(seen)
        rgba = buffer[:, 7].copy().view(np.uint8).reshape(-1, 4).astype(int)
        blue = (rgba[:, 2] > 150) & (rgba[:, 2] - rgba[:, 0] > 90)
        assert box_of("bowl").contains(centres(buffer)[blue], margin_m=0.03).mean() > 0.95
        assert box_of("mug").contains(centres(buffer)[orange(buffer)], 0.03).mean() > 0.95
        wait_for(lambda: len(viewer.sessions[0].history) == 2, 10)

    def test_letters_that_come_after_the_enter_are_asked_too(self, viewer, page: WirePage) -> None:
        page.ask("where is the mug")
        box = page.of("GuiTextMessage")[1]["uuid"]
        page.send("GuiUpdateMessage", uuid=box, updates={"value": "where is the bowl"})
        wait_for(lambda: viewer.sessions[0].asked == ["where is the mug", "where is the bowl"], 10)

    def test_what_is_not_there_is_said_plainly(self, page: WirePage) -> None:
        page.ask("where is the helicopter")
        wait_for(lambda: "Not found" in page.html(), 10)

    def test_a_click_gives_coordinates_to_copy(self, viewer, page: WirePage) -> None:
        page.wait_buffer(0)
        eye, top = np.array([0.0, -1.2, 1.6]), np.array([-0.25, -0.05, 0.80])
        page.send(
            "ScenePointerMessage", event_type="click", ray_origin=eye.tolist(),
            ray_direction=(top - eye).tolist(), screen_pos=((0.5, 0.5),), modifier=None,
        )  # fmt: skip
        picked = wait_for(lambda: viewer.sessions[0].picked, 10)
        assert picked.point == pytest.approx(top, abs=0.005)
        wait_for(lambda: "mug #2" in page.html(), 10)
        assert "frame_id: map" in page.html()

    def test_two_clicks_measure(self, viewer, page: WirePage) -> None:
        page.wait_buffer(0)
        session = viewer.sessions[0]
        session.set_measuring(True)
        eye = np.array([0.0, -1.2, 1.6])
        for top in ([-0.25, -0.05, 0.80], [0.15, -0.05, 0.74]):
            session.click(eye, np.array(top) - eye)
        assert session.length is not None
        assert session.length.distance_m == pytest.approx(np.hypot(0.4, 0.06), abs=0.01)
        wait_for(lambda: any(m["props"]["text"] == f"{session.length.distance_m:.3f} m"
                             for m in page.of("LabelMessage")), 10)  # fmt: skip

    def test_layers_change_what_is_sent(self, viewer, page: WirePage) -> None:
        page.wait_buffer(0)
        session = viewer.sessions[0]
        low, high = session.model.bounds
        seen = page.n_buffers()
        session.restyle(clip=(np.array([low[0], low[1], 0.72]), high))
        buffer, _ = page.wait_buffer(seen)
        assert centres(buffer)[:, 2].min() >= 0.72
        seen = page.n_buffers()
        session.restyle(clip=None, budget=500)
        buffer, _ = page.wait_buffer(seen)
        assert len(buffer) == 500
        wait_for(lambda: "500 of 4,000 Gaussians drawn (budget 500)" in page.html(), 10)
        session.restyle(style="points", point_size_m=0.02, cameras=True, boxes=False)
        cloud = page.wait("PointCloudMessage")[-1]
        assert cloud["props"]["point_size"] == 0.02
        assert len(page.wait("CameraFrustumMessage", 3)) == 3
        for surface in ("depth", "normals", "objects"):  # one at a time: the latest wishes win
            seen = recoloured(page)
            session.restyle(surface=surface)
            wait_for(lambda seen=seen: recoloured(page) > seen, 10)


def recoloured(page: WirePage) -> int:
    """How often the cloud's colours have been sent."""
    return sum("colors" in m["updates"] for m in page.of("SceneNodeUpdateMessage"))


class TestManyPages:
    def test_each_page_has_its_own_state(self, viewer: Viewer) -> None:
        port = viewer.server.get_port()
        with WirePage(port) as one, WirePage(port) as two:
            wait_for(lambda: len(viewer.sessions) == 2, 20)
            for page in (one, two):
                page.wait("GuiTextMessage", 2)
            one.ask("where is the mug")
            two.ask("where is the bowl")
            asked = lambda: {s.asked[0] for s in viewer.sessions}  # noqa: E731
            wait_for(lambda: asked() == {"where is the mug", "where is the bowl"}, 10)
            wait_for(lambda: "mug" in one.html() and "bowl" in two.html(), 10)
            viewer.sessions[0].restyle(dark=True)
            assert not viewer.sessions[1].look.dark
            assert "where is the bowl" not in one.html()
        wait_for(lambda: not viewer.sessions, 20)

    def test_ten_pages_come_and_go_and_leave_nothing_behind(self, viewer: Viewer) -> None:
        psutil = pytest.importorskip("psutil")
        port, process = viewer.server.get_port(), psutil.Process()

        def visit() -> None:
            with WirePage(port) as page:
                page.wait("GuiTextMessage", 2)
                seen = page.n_buffers()
                page.ask("where is the mug", "where is the bowl")
                page.wait_buffer(seen)
            wait_for(lambda: not viewer.sessions, 20)
            wait_for(lambda: not viewer.server.get_clients(), 20)

        for _ in range(3):  # what is loaded once, thread pools and caches
            visit()
        before, memory = _alive(), process.memory_info().rss
        for _ in range(10):
            visit()
        grown = process.memory_info().rss - memory
        after = wait_for(lambda: (now := _alive()) == before and now, 10, f"{before} again")
        assert after == before
        assert grown < 12e6, f"{grown / 1e6:.1f} MB"


class TestLive:
    def test_pages_follow_a_folder_that_is_saved_again(self, scene, bundled, tmp_path: Path):
        folder = save_scene(tmp_path / "scene", scene)
        config = ViewerConfig(port=0, live=True, interval_s=0.05)
        with (
            Viewer(FolderSource(folder), config, bundled) as viewer,
            WirePage(viewer.server.get_port()) as page,
        ):
            page.wait("GuiTextMessage", 2)
            page.ask("where is the mug")
            wait_for(lambda: "Found" in page.html(), 10)
            save_scene(folder, without(scene, 2))
            wait_for(lambda: "3 objects" in page.html(), 20)
            painting = wait_for(lambda: viewer.sessions[0].paintings[0], 10)
            assert all(c.id != 2 for c in painting.answer.selected)
            (folder / "manifest.json").write_text("{")
            time.sleep(0.3)
            assert len(viewer.model.scene.objects) == 3  # a damaged scene leaves the old one
            save_scene_over(folder, scene)
            wait_for(lambda: len(viewer.model.scene.objects) == 4, 20)

    def test_pages_follow_a_program_that_is_building(self, bundled) -> None:
        held = [make_scene(bundled, 100)]
        config = ViewerConfig(port=0, live=True, interval_s=0.05)
        source = CallableSource(lambda: held[0])
        with (
            Viewer(source, config, bundled) as viewer,
            WirePage(viewer.server.get_port()) as page,
        ):
            assert len(page.wait_buffer(0)[0]) == 400
            page.wait("GuiTextMessage", 2)
            seen = page.n_buffers()
            held[0] = make_scene(bundled, 300)
            assert len(page.wait_buffer(seen)[0]) == 1200


class TestSafety:
    def test_it_binds_to_the_loopback_only(self, viewer: Viewer) -> None:
        assert viewer.server.get_host() == "127.0.0.1"
        with socket.socket() as other:  # another address of this machine is still free
            other.bind(("127.0.0.2", viewer.server.get_port()))

    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            ("http://evil.example", None),
            ("http://localhost:1", None),
            ("null", None),
            ("http://evil.example:80", "evil.example:80"),
        ],
    )
    def test_pages_of_other_sites_get_nothing(
        self, viewer: Viewer, origin: str, host: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if host is not None:  # DNS rebinding: the foreign name leads here
            real = viewer.server._websock_server._live_connections
            monkeypatch.setattr(
                viewer.server._websock_server, "_live_connections", _Rebound(real, host)
            )
        with WirePage(viewer.server.get_port(), origin=origin) as page:
            time.sleep(0.5)
            assert not viewer.sessions
            assert page.n_buffers() == 0
            assert not page.of("LabelMessage")
            assert not page.of("GuiTextMessage")

    def test_our_own_page_is_let_in(self, viewer: Viewer) -> None:
        port = viewer.server.get_port()
        with WirePage(port, origin=f"http://127.0.0.1:{port}") as page:
            page.wait_buffer(0)

    @pytest.mark.parametrize(
        "path",
        ["/../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
         "/..\\..\\etc\\passwd", "/manifest.json", "/%2fetc%2fpasswd"],
    )  # fmt: skip
    def test_no_file_can_be_read_through_it(self, viewer: Viewer, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", viewer.server.get_port(), timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 404
        assert b"root:" not in body

    def test_nobody_can_publish_the_scene_through_a_relay(
        self, viewer: Viewer, page: WirePage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tunnels: list[Any] = []
        monkeypatch.setattr("viser._viser.ViserTunnel", lambda *a: tunnels.append(a))
        page.send("ShareUrlRequest")
        time.sleep(0.5)
        assert tunnels == []

    def test_hostile_labels_and_questions_are_shown_as_text(self, bundled) -> None:
        scene = make_scene(bundled, 50, mug=HOSTILE)
        with (
            Viewer(CallableSource(lambda: scene), ViewerConfig(port=0), bundled) as viewer,
            WirePage(viewer.server.get_port()) as page,
        ):
            page.wait("GuiTextMessage", 2)
            page.ask("where is the mug " + HOSTILE)
            wait_for(lambda: "&lt;img src=x" in page.html(), 10)
            viewer.sessions[0].frame_object(2)
            wait_for(lambda: "frame_id" in page.html(), 10)
            assert "<img src=x" not in page.html()
            assert not page.of("GuiMarkdownMessage")


class TestStart:
    def test_an_address_of_another_machine_is_refused(self, scene, bundled) -> None:
        with pytest.raises(ConfigError, match="--host"):
            Viewer(CallableSource(lambda: scene), ViewerConfig(host="203.0.113.7", port=0), bundled)

    def test_a_scene_whose_encoder_is_missing_can_still_be_looked_at(
        self, scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(spec: str) -> None:
            raise EncoderError("the weights of the encoder are not here")

        monkeypatch.setattr("grounding3d.interfaces.viewer.app.load_encoder", missing)
        with (
            Viewer(CallableSource(lambda: scene), ViewerConfig(port=0)) as viewer,
            WirePage(viewer.server.get_port()) as page,
        ):
            page.wait_buffer(0)
            wait_for(lambda: "the weights of the encoder are not here" in page.html(), 10)
            page.ask("where is the mug")
            wait_for(lambda: viewer.sessions[0].asked[0], 10)

    def test_splats_are_packed_as_viser_packs_them(self, viewer: Viewer, model) -> None:
        gaussians = model.scene.scene.gaussians
        R = matrix_from_wxyz(gaussians.wxyz)
        axes = R * gaussians.scales[:, None, :]
        handle = viewer.server.scene.add_gaussian_splats(
            "/probe", gaussians.means, axes @ axes.transpose(0, 2, 1), model.rgb,
            gaussians.opacities[:, None],
        )  # fmt: skip
        ours, theirs = pack_splats(model, select(model, 10**6), model.rgb), handle.buffer
        handle.remove()
        assert (ours[:, :4] == theirs[:, :4]).all()
        assert ours[:, 4:7].copy().view(np.float16) == pytest.approx(
            theirs[:, 4:7].copy().view(np.float16), rel=2e-3, abs=2e-7
        )
        difference = np.abs(
            ours[:, 7].copy().view(np.uint8).astype(int) - theirs[:, 7].copy().view(np.uint8)
        )
        assert difference.max() <= 1


@pytest.mark.slow
def test_a_million_gaussians_are_drawn_within_the_budget_and_painted_at_once(bundled) -> None:
    big = make_model(make_scene(bundled, 250_000), bundled)
    with (
        Viewer(CallableSource(lambda: big.scene), ViewerConfig(port=0), bundled) as viewer,
        WirePage(viewer.server.get_port()) as page,
    ):
        started = time.process_time()
        buffer, _ = page.wait_buffer(0)
        assert len(buffer) == 300_000
        assert time.process_time() - started < 3
        page.wait("GuiTextMessage", 2)
        times = []
        for question in ("where is the mug", "where is the bowl", "a book", "the table") * 2:
            seen, asked = page.n_buffers(), time.process_time()
            page.ask(question)
            page.wait_buffer(seen)
            times.append(time.process_time() - asked)  # of both ends; other programs do not count
            time.sleep(0.5)
        assert min(times) < 0.2, times
        assert "1,000,000" in page.html()
        assert len(viewer.sessions) == 1


class _Rebound(dict):
    """Live connections whose requests named another host."""

    def __init__(self, real: dict, host: str) -> None:
        self._real, self._host = real, host

    def __setitem__(self, key: int, connection: Any) -> None:
        connection.request.headers.pop("Host", None)
        connection.request.headers["Host"] = self._host
        self._real[key] = connection

    def get(self, key: int, default: Any = None) -> Any:
        return self._real.get(key, default)

    def pop(self, key: int, default: Any = None) -> Any:
        return self._real.pop(key, default)


def save_scene_over(folder: Path, scene: Any) -> None:
    """Replace a scene folder that has been damaged."""
    (folder / "manifest.json").unlink()
    for path in folder.iterdir():
        path.unlink()
    save_scene(folder, scene)


def _alive() -> tuple[int, int]:
    """How many sessions and viser clients there are in memory."""
    import viser

    gc.collect()
    objects = gc.get_objects()
    return (
        sum(isinstance(item, Session) for item in objects),
        sum(type(item) is viser.ClientHandle for item in objects),
    )
