"""`grounding3d render`: pictures and videos of a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from grounding3d.errors import ConfigError
from grounding3d.interfaces.options import Output

if TYPE_CHECKING:
    import numpy as np

    from grounding3d.geometry.camera import Camera
    from grounding3d.interfaces.renders.view import ViewRenderer
    from grounding3d.objects.base import LanguageScene, MapObject

What = Literal[
    "views", "orbit", "trajectory", "relevancy", "contact-sheet", "floor-plan"
]  # fmt: skip
_VIDEO_WIDTH, _SLOW_VIDEO_WIDTH, _NERF_VIDEO_WIDTH = 960, 480, 240
_NERF_VIEW_WIDTH = 320
_FPS, _NERF_FPS = 30, 5
_FILM_GROUND = (208, 212, 218)
_FOCAL = 0.78  # of an orbit's pictures, as a share of their width
_PLAN_WIDTH, _SLOW_PLAN_WIDTH = 1100, 700


@dataclass
class Render:
    """Make pictures or a video of a scene.

    --what views: a folder with colour, depth (coloured, and 16-bit millimetres), normals and alpha
    from the recording's places, beside the recorded frames where these are at hand.

    --what orbit: an .mp4 around the scene, or around one object.

    --what trajectory: an .mp4 along the recorded way, smoothed.

    --what relevancy: a folder of views with the answer to --query painted on them.

    --what contact-sheet: a .png of all objects with names and coordinates.

    --what floor-plan: a .png from above with names, grid and scale bar in metres.
    """

    scene: Positional[Path]
    """Scene folder made by `build`."""
    out: Output
    """Folder (views, relevancy, --frames), .mp4 or .png to write."""
    what: What = "views"
    """What to make."""
    query: str | None = None
    """The question to paint, for --what relevancy."""
    object: int | None = None
    """Id of the object to go around (orbit) or to show (floor-plan)."""
    every: int = 5
    """Use every n-th view."""
    held_out: bool = False
    """Views of the recorded frames that the scene was not built from."""
    capture: Path | None = None
    """The recording, where it is not any more where the scene was built from it."""
    width: int | None = None
    """Width of the pictures in pixels; by default the recording's, and 320 for views of a NeRF."""
    seconds: float = 8.0
    """Length of a video."""
    fps: int | None = None
    """Pictures a second of a video; by default 30, and 5 of a NeRF, which takes seconds each."""
    frames: bool = False
    """Write a video's pictures as numbered PNGs into a folder instead."""
    rasterizer: str | None = None
    """cpu, cuda, surfels, reference, or nerf for views, orbit and trajectory of a NeRF; by default
    the NeRF where there is one, else the quickest that does not need a GPU."""

    def run(self) -> int:
        """Draw, write, and say what was written."""
        self._check()
        from grounding3d.objects.store import load_scene

        scene = load_scene(self.scene)
        renderer = self._renderer(scene)
        make: dict[str, Callable[[LanguageScene, ViewRenderer], str]] = {
            "views": self._views,
            "orbit": self._orbit,
            "trajectory": self._trajectory,
            "relevancy": self._relevancy,
            "contact-sheet": self._contact_sheet,
            "floor-plan": self._floor_plan,
        }
        print(f"{self.out}: {make[self.what](scene, renderer)}")
        return 0

    def _renderer(self, scene: LanguageScene) -> ViewRenderer:
        from grounding3d.interfaces.renders.nerf_view import nerf_renderer
        from grounding3d.interfaces.renders.view import ViewRenderer

        films = self.what in ("orbit", "trajectory")  # what was never seen is no glare in a film
        if films or self.what == "views":
            from_nerf = nerf_renderer(scene, self.rasterizer)
            if from_nerf is not None:
                return from_nerf
        ground = _FILM_GROUND if films else (255, 255, 255)
        return ViewRenderer(scene.scene, self.rasterizer, background=ground)

    def _check(self) -> None:
        if (self.query is not None) != (self.what == "relevancy"):
            raise ConfigError("--query goes with --what relevancy, and that needs a --query")
        for name, value, low, high in (
            ("--every", self.every, 1, 10**6),
            ("--width", self.width or 64, 16, 8192),
            ("--fps", _FPS if self.fps is None else self.fps, 1, 240),
            ("--seconds", self.seconds, 0.05, 3600),
        ):
            if not low <= value <= high:
                raise ConfigError(
                    f"{name} has no usable value", expected=f"{low} to {high}", found=str(value)
                )
        suffix = {"contact-sheet": ".png", "floor-plan": ".png"}.get(self.what)
        if suffix and self.out.suffix.lower() != suffix:
            raise ConfigError(f"--what {self.what} writes one picture", expected=f"-o NAME{suffix}")

    def _views(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.renders.compare import describe_quality
        from grounding3d.interfaces.renders.recording import open_recording, require_recording
        from grounding3d.interfaces.renders.views import (
            every_nth,
            held_out_viewpoints,
            keyframe_viewpoints,
            places_of,
            write_views,
        )

        width = self.width or (_NERF_VIEW_WIDTH if renderer.name == "nerf" else None)
        if self.held_out:
            recording = require_recording(scene, self.capture, "a held-out view")
            total, look = None, partial(held_out_viewpoints, recording, self.every)
            places = places_of(look(), width) if renderer.name == "nerf" else []
        else:
            source = open_recording(scene, self.capture)
            total = len(every_nth(scene.scene.keyframes, self.every))
            look = partial(keyframe_viewpoints, scene.scene, self.every, source)
            places = places_of(keyframe_viewpoints(scene.scene, self.every, None), width)
        with show_progress() as progress:
            renderer.prepare(places, progress)
            count, figures = write_views(
                renderer, look(), self.out, width=width, total=total, progress=progress
            )
        beside = describe_quality(figures)
        return f"{count} views" + (f"; beside the recording: {beside}" if beside else "")

    def _orbit(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.geometry.camera import Camera
        from grounding3d.interfaces.renders.paths import orbit

        item = self._object(scene)
        way = orbit(scene, self._n_frames(renderer), item.box if item else None)
        width = self.width or self._film_width(renderer)
        width, height = width // 2 * 2, round(width * 9 / 16) // 2 * 2
        camera = Camera.from_focal(
            _FOCAL * width, _FOCAL * width, (width - 1) / 2, (height - 1) / 2, width, height
        )
        self._film(renderer, camera, way.poses)
        name = f"object #{item.id}" if item else "the scene"
        swing = "" if way.full_circle else ", to and fro before the sides that were seen"
        return f"{len(way.poses)} pictures around {name}{swing}"

    def _trajectory(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.interfaces.renders.paths import trajectory
        from grounding3d.interfaces.renders.views import sized

        poses = trajectory(scene.scene.keyframes, self._n_frames(renderer))
        camera = scene.scene.keyframes[0].camera
        self._film(renderer, sized(camera, self.width or self._film_width(renderer)), poses)
        return f"{len(poses)} pictures along the recorded way"

    def _film(self, renderer: ViewRenderer, camera: Camera, poses: np.ndarray) -> None:
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.renders.video import mp4, numbered_pngs

        sink = numbered_pngs if self.frames else mp4
        with show_progress() as progress, sink(self.out, self._fps(renderer)) as film:
            renderer.prepare([(camera, T_world_cam) for T_world_cam in poses], progress)
            for number, T_world_cam in enumerate(poses):
                film.add(renderer.render(camera, T_world_cam).rgb)
                progress("pictures", number + 1, len(poses))

    def _fps(self, renderer: ViewRenderer) -> int:
        return self.fps or (_NERF_FPS if renderer.name == "nerf" else _FPS)

    def _n_frames(self, renderer: ViewRenderer) -> int:
        return max(2, round(self.seconds * self._fps(renderer)))

    @staticmethod
    def _film_width(renderer: ViewRenderer) -> int:
        if renderer.name == "nerf":
            return _NERF_VIDEO_WIDTH
        return _VIDEO_WIDTH if renderer.is_quick else _SLOW_VIDEO_WIDTH

    def _relevancy(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.features.encoders import load_encoder
        from grounding3d.interfaces.commands.query import format_answer
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.renders.relevancy_views import write_relevancy
        from grounding3d.interfaces.renders.views import every_nth
        from grounding3d.query.engine import QueryEngine

        assert self.query is not None
        engine = QueryEngine(scene, load_encoder(scene.encoder.spec))
        keyframes = every_nth(scene.scene.keyframes, self.every)
        with show_progress() as progress:
            answer = write_relevancy(
                engine, renderer, self.query, keyframes, self.out, width=self.width,
                progress=progress,
            )  # fmt: skip
        return f"{len(keyframes)} views\n{format_answer(answer)}"

    def _contact_sheet(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.renders.contact_sheet import contact_sheet
        from grounding3d.interfaces.renders.crops import object_crops
        from grounding3d.interfaces.renders.files import save_png
        from grounding3d.interfaces.renders.recording import open_recording

        recording = open_recording(scene, self.capture)
        with show_progress() as progress:
            crops = object_crops(renderer, list(scene.objects), recording, progress=progress)
        save_png(self.out, contact_sheet(scene, crops))
        return f"{len(scene.objects)} objects"

    def _floor_plan(self, scene: LanguageScene, renderer: ViewRenderer) -> str:
        from grounding3d.interfaces.renders.files import save_png
        from grounding3d.interfaces.renders.floor_plan import floor_plan

        wanted = self.width or (_PLAN_WIDTH if renderer.is_quick else _SLOW_PLAN_WIDTH)
        plan = floor_plan(scene, renderer, width=wanted, around=self._object(scene))
        save_png(self.out, plan.rgb)
        return f"{plan.frame.px_per_m:.1f} pixels a metre"

    def _object(self, scene: LanguageScene) -> MapObject | None:
        if self.object is None:
            return None
        try:
            return scene.objects.by_id(self.object)
        except KeyError:
            known = ", ".join(f"#{item.id} {item.label}" for item in scene.objects)
            raise ConfigError(
                f"the scene has no object #{self.object}", expected=f"one of {known or 'none'}"
            ) from None
