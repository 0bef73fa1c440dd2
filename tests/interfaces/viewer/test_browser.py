"""The page in a real browser: what is typed, seen and clicked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import make_scene

pytest.importorskip("viser")

from browser import Browser, Tab, find_chromium, wait_for

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at, transform_points
from grounding3d.interfaces.viewer.app import Viewer, ViewerConfig
from grounding3d.interfaces.viewer.look import Look
from grounding3d.interfaces.viewer.paint import QUERY_COLOURS
from grounding3d.interfaces.viewer.session import Session
from grounding3d.interfaces.viewer.source import CallableSource

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 1000, 700
HOSTILE = "<img src=x onerror='window.pwned=1'>{{7*7}}"
PATIENCE_S = 120  # software rendering on a busy machine


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine")
    with Browser(program) as browser:
        yield browser


@pytest.fixture(scope="module")
def viewer(bundled) -> Iterator[Viewer]:
    scene = make_scene(bundled, 3000, bowl=HOSTILE)
    look = Look(style="points", labels=True, point_size_m=0.012)
    with Viewer(CallableSource(lambda: scene), ViewerConfig(port=0, look=look), bundled) as viewer:
        yield viewer


@pytest.fixture
def tab(browser: Browser, viewer: Viewer) -> Iterator[Tab]:
    tab = open_page(browser, viewer, WIDTH, HEIGHT)
    yield tab
    tab.close()
    wait_for(lambda: not viewer.sessions, PATIENCE_S, "the closed page to be let go")


def open_page(browser: Browser, viewer: Viewer, width: int, height: int) -> Tab:
    """The page, ready to be used."""
    tab = browser.open(viewer.url, width, height)
    tab.wait_text("4 objects", PATIENCE_S)
    ready = "window.g3dKeys === 1 && document.querySelector('form input') !== null"
    wait_for(lambda: tab.run(ready), PATIENCE_S, "the panel")
    wait_for(lambda: viewer.sessions, PATIENCE_S)
    return tab


def pixel_of(session: Session, point: np.ndarray) -> np.ndarray:
    """Where the page draws a point, by the camera that the server knows of."""
    camera = session.client.camera
    f = HEIGHT / 2 / np.tan(camera.fov / 2)
    pinhole = Camera.from_focal(f, f, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5, WIDTH, HEIGHT)
    T = look_at(np.asarray(camera.position), np.asarray(camera.look_at), session.model.up)
    uv, _ = pinhole.project(transform_points(invert_pose(T), np.asarray(point, float)[None]))
    return uv[0]


def ask(tab: Tab, session: Session, text: str) -> None:
    """Type a question by keyboard alone."""
    tab.key("/")
    tab.type(text)
    tab.key("Enter")
    wait_for(lambda: session.paintings[0], PATIENCE_S, "the answer")
    tab.key("Escape")
    camera = session.client.camera
    target = session.paintings[0].answer.candidates[0].box.center
    wait_for(lambda: np.allclose(camera.look_at, target, atol=1e-3), PATIENCE_S)


def is_orange(colours: np.ndarray) -> np.ndarray:
    """[...] bool which pixels have the hue of the first question, in light or shade."""
    rgb = colours.astype(float)
    hue = np.array(QUERY_COLOURS[0], float)
    cosine = (rgb @ hue) / np.maximum(np.linalg.norm(rgb, axis=-1) * np.linalg.norm(hue), 1)
    return (cosine > 0.985) & (rgb.max(axis=-1) > 120)


def test_a_typed_question_lights_up_the_thing_and_a_click_reads_it(
    tab: Tab, viewer: Viewer
) -> None:
    session = viewer.sessions[0]
    ask(tab, session, "where is the mug")
    tab.wait_text("-0.250, -0.050, 0.750", PATIENCE_S)
    assert "Found" in tab.text()

    top = np.array([-0.25, -0.05, 0.80])
    u, v = pixel_of(session, top)

    def lit_at_the_mug() -> bool:
        picture = tab.picture()
        patch = picture[int(v) - 4 : int(v) + 5, int(u) - 4 : int(u) + 5]
        return bool(is_orange(patch).mean() > 0.5)

    wait_for(lit_at_the_mug, PATIENCE_S, "the mug to light up where it is drawn")
    bowl_u, bowl_v = pixel_of(session, np.array([0.29, 0.24, 0.78])).astype(int)
    if 0 <= bowl_u < WIDTH - 340 and 0 <= bowl_v < HEIGHT:
        patch = tab.picture()[bowl_v - 4 : bowl_v + 5, bowl_u - 4 : bowl_u + 5]
        assert is_orange(patch).mean() < 0.5

    tab.click(u, v)
    picked = wait_for(lambda: session.picked, PATIENCE_S, "the click")
    assert picked.point == pytest.approx(top, abs=0.01)
    assert picked.item is not None
    assert picked.item.label == "mug"
    tab.click_on("Inspect")
    tab.wait_text("mug #2", PATIENCE_S)
    assert f"x, y, z = {picked.point[0]:.3f}" in tab.text()
    assert "frame_id: map" in tab.text()


def test_keys_switch_layers_but_not_while_typing(tab: Tab, viewer: Viewer) -> None:
    session = viewer.sessions[0]
    tab.key("/")
    tab.key("t")
    tab.key("b")
    time.sleep(0.5)
    assert not session.look.dark
    assert session.look.boxes
    tab.key("Escape")
    tab.key("t")
    wait_for(lambda: session.look.dark, PATIENCE_S)
    tab.key("b")
    wait_for(lambda: not session.look.boxes, PATIENCE_S)
    wait_for(lambda: tab.picture()[5, 5].max() < 80, PATIENCE_S, "the dark theme")


def test_hostile_text_stays_text(tab: Tab, viewer: Viewer) -> None:
    session = viewer.sessions[0]
    tab.key("/")
    tab.type("where is the bowl " + HOSTILE)
    tab.key("Enter")
    wait_for(lambda: session.paintings[0], PATIENCE_S, "the answer")
    tab.click_on("Inspect")
    session.frame_object(4)
    tab.wait_text(HOSTILE, PATIENCE_S)
    assert tab.run("window.pwned") is None
    assert tab.run("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (820, 1180), (1024, 768)])
def test_the_panel_fits_the_screen(
    browser: Browser, viewer: Viewer, width: int, height: int
) -> None:
    tab = open_page(browser, viewer, width, height)
    tab.key("/")
    tab.type("where is the mug")
    tab.key("Enter")
    tab.wait_text("-0.250, -0.050, 0.750", PATIENCE_S)
    for name in ("Ask", "Inspect", "Layers", "Help"):
        tab.click_on(name)
        time.sleep(0.5)
        wide = tab.run(
            "[...document.querySelectorAll('button,input,pre,table,[role=tab]')]"
            ".map(e => e.getBoundingClientRect()).filter(r => r.width > 0)"
            ".filter(r => r.right > innerWidth + 1 || r.left < -1).length"
        )
        assert wide == 0, name
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    tab.close()
    wait_for(lambda: not viewer.sessions, PATIENCE_S)
