"""A report opens offline, tells the scene's facts, and shows hostile text as text."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import box_scene
import numpy as np
import pytest
from box_scene import BOXES, IDS
from PIL import Image

from grounding3d.interfaces.cli import main
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.interfaces.reports.figures import capture_facts, scene_figures
from grounding3d.interfaces.reports.svg import bars, histogram, line_plot, nice_ticks
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import save_scene

HOSTILE = '<img src=x onerror="alert(1)">'
HOSTILE_QUERY = "<script>alert('mug')</script>"


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "line", "rect", "circle", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> LanguageScene:
    source = box_scene.recorded(tmp_path_factory.mktemp("rec") / "frames")
    scene = box_scene.language_scene(source, labels={"green": HOSTILE})
    facts = {**scene.capture, "warnings": [HOSTILE], "details": {HOSTILE: HOSTILE}}
    return replace(scene, capture=facts)


@pytest.fixture(scope="module")
def html(scene: LanguageScene, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    save_scene(folder / "scene", scene)
    queries = ["--query", "where is the mug", "--query", HOSTILE_QUERY, "--query", ""]
    assert main(["report", str(folder / "scene"), "-o", str(folder / "r.html"), *queries]) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["r.html", "scene"]
    return (folder / "r.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_loads_nothing_and_runs_nothing(html: str, page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "a"})
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        source = attributes.get("src") or attributes.get("href")
        assert source is None or source.startswith("data:image/jpeg;base64,")
    assert "http://" not in html
    assert "https://" not in html
    policies = [
        a for t, a in page.tags if t == "meta" and "content-security-policy" in str(a).lower()
    ]
    assert "default-src 'none'" in str(policies[0]["content"])
    assert page.open == []  # every element is closed, in order


def test_hostile_text_is_text(html: str, page: Page) -> None:
    assert HOSTILE not in html
    assert HOSTILE_QUERY not in html
    assert page.text.count(HOSTILE) >= 3  # the label, the warning, the recording's detail
    assert HOSTILE_QUERY in page.text


def test_it_tells_where_things_are(page: Page) -> None:
    for name in ("red", "green", "blue"):
        x, y, z = BOXES[name].center
        assert f"({x:.2f}, {y:.2f}, {z:.2f}) m" in page.text
    assert f"#{IDS['red']} mug" in page.text
    assert "on #1 table" in page.text


def test_the_answers_are_in_it(page: Page) -> None:
    assert "where is the mug" in page.text
    badges = [str(a["class"]) for _, a in page.tags if "badge" in str(a.get("class"))]
    assert len(badges) == 3
    assert badges[0] == "badge found"
    assert badges[2] == "badge invalid"


def test_the_pictures_are_pictures(page: Page) -> None:
    pictures = [
        (str(a["alt"]), np.asarray(Image.open(io.BytesIO(base64.b64decode(str(a["src"])[23:])))))
        for tag, a in page.tags
        if tag == "img"
    ]
    crops = {alt: rgb for alt, rgb in pictures if alt.startswith("crop of object")}
    assert len(crops) == 4
    red = np.median(crops[f"crop of object {IDS['red']}"][80:112, 80:112], axis=(0, 1))
    assert red[0] > 1.5 * max(red[1], red[2])
    assert all(rgb.std() > 5 for _, rgb in pictures)


def test_figures_against_the_recording(scene: LanguageScene) -> None:
    renderer = ViewRenderer(scene.scene)
    figures = scene_figures(renderer, Recording(box_scene.box_capture(), scene), most=3)
    assert figures.frame_indices == [0, 4, 7]
    assert len(figures.quality) == 3
    assert all(0.5 < c <= 1 for c in figures.coverage)
    assert all(q.depth_median_mm < 20 and q.psnr_db > 18 for q in figures.quality)
    assert figures.error_counts.sum() > 1000
    alone = scene_figures(renderer, None, most=3)
    assert alone.quality == []
    assert alone.coverage == pytest.approx(figures.coverage)


def test_facts_of_the_capture(scene: LanguageScene) -> None:
    facts = capture_facts(scene)
    places = np.stack([k.T_world_cam[:3, 3] for k in scene.scene.keyframes])
    assert facts.n_keyframes == 8
    assert facts.duration_s == pytest.approx(0.7)
    assert facts.path_m == pytest.approx(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    assert 60 < facts.azimuth_deg < 180  # an arc of 60 degrees, and what lies beside it
    unknown = replace(scene.scene, up_world=None, keyframes=())
    assert capture_facts(replace(scene, scene=unknown)).azimuth_deg is None


def test_without_recording_and_without_up(scene: LanguageScene, tmp_path: Path) -> None:
    bare = replace(
        scene,
        capture={},
        scene=replace(scene.scene, up_world=None, up_source="unknown"),
    )
    save_scene(tmp_path / "s", bare)
    assert main(["report", str(tmp_path / "s"), "-o", str(tmp_path / "r.html")]) == 0
    text = Page((tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "No floor plan" in text
    assert "--capture" in text
    assert "PSNR" not in text


def test_a_training_is_told_with_its_held_out_scores(scene: LanguageScene, tmp_path: Path) -> None:
    held_out = {"psnr_db": 27.31, "ssim": 0.912, "depth_l1_mm": 4.26, "coverage": 0.987}
    training = {
        "engine": HOSTILE, "start": "surfels", "steps": 300, "seconds": 12.3,
        "frames_held_out": 5, "held_out": held_out,
        "held_out_before": {**held_out, "psnr_db": 22.9, "depth_l1_mm": None},
    }  # fmt: skip
    trained = replace(scene, capture={}, scene=replace(scene.scene, report=training))
    save_scene(tmp_path / "s", trained)
    assert main(["report", str(tmp_path / "s"), "-o", str(tmp_path / "r.html")]) == 0
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    text = Page(html).text
    assert "Trained 300 steps in 12.3 s" in text
    assert "On 5 frames that were kept from training" in text
    assert "27.3 dB PSNR (surfels 22.9 dB)" in text
    assert "4.3 mm depth error 98.7 % covered (surfels 98.7 %)" in text
    assert HOSTILE not in html


def test_only_html_is_written(scene: LanguageScene, tmp_path: Path, capsys) -> None:
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "r.pdf")]) == 2
    assert ".html" in capsys.readouterr().err


class TestPlots:
    def test_bars_are_as_long_as_their_values(self) -> None:
        svg = bars(["a", HOSTILE, "c"], [10, 5, 2.5], x_name="n")
        lengths = [float(w) for w in re.findall(r'class="bar"[^>]*? width="([\d.]+)"', svg)]
        assert lengths[0] / lengths[1] == pytest.approx(2, rel=1e-3)
        assert lengths[0] / lengths[2] == pytest.approx(4, rel=1e-3)
        assert HOSTILE not in svg

    def test_a_line_breaks_where_nothing_is_known(self) -> None:
        svg = line_plot([0, 1, 2, 3, 4], [1, 2, None, 2, 1], x_name="x", y_name="y")
        assert svg.count("<polyline") == 2
        assert svg.count("<circle") == 4
        heights = [float(v) for v in re.findall(r'cy="([\d.]+)"', svg)]
        assert heights[1] < heights[0]  # more is higher up
        assert "Nothing" in line_plot([0], [None], x_name="x", y_name="y")

    def test_a_histogram_holds_shares(self) -> None:
        svg = histogram([1, 3], [0.0, 1.0, 2.0], x_name="m")
        heights = [float(v) for v in re.findall(r'class="bar"[^>]*? height="([\d.]+)"', svg)]
        assert heights[1] / heights[0] == pytest.approx(3, rel=0.01)
        assert "75.0%" in svg

    def test_ticks_are_round_and_span_the_range(self) -> None:
        ticks = nice_ticks(0.3, 8.7)
        assert ticks[0] <= 0.3
        assert ticks[-1] >= 8.7
        np.testing.assert_allclose(np.diff(ticks), 2)
